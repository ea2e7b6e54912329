"""All text perturbations of the registry on short English and Chinese sentences, one core.

The bar is a rate, not a peer: our seconds against those that BUDGET sentences a second would take, so a ratio above 1
is faster than the bar. A sentence has ten words, and every perturbation for texts meets all of them at severities 1, 3
and 5, in its own language or English; hashing the example's id and making the perturbed example are in the time.
"""

from __future__ import annotations

from benchmarks.pairs import Compared, Pair, Seconds, Side, Times
from benchmarks.sizes import Size
from fmbench.perturb.examples import Text
from fmbench.perturb.perturbation import Perturbation, perturb
from fmbench.registry import PERTURBATIONS

BUDGET = 50_000
"""Sentences a second and core, on average over perturbations."""
SEVERITIES = (1, 3, 5)
_ENGLISH = (
    "The movie was great and the actors did not disappoint.",
    "I think we will return the tickets on 4 July 2019.",
    "A boring story, but the music is really very good.",
    "She doesn't know why her favorite restaurant has closed so early.",
    "They bought a small house near the river last year.",
    "It is not the best hotel, although breakfast was fine.",
    "My friends said that the service had been too slow.",
    "Acme Corp opened 3 new stores in London on Monday.",
)
_CHINESE = ("他们在北京的医院里见到了医生。", "这部电影很好看，音乐也不错。", "我觉得这个问题非常严重，应该马上解决。")


def build(size: Size) -> Pair:
    """Our time is all perturbations over all sentences; "budget" is what the bar allows for as many."""
    rounds = max(1, size.sentences // len(_ENGLISH))
    work = [(one, sentences(one, rounds)) for one in PERTURBATIONS.values() if "text" in one.inputs]
    return Pair(Side(lambda _: run(work)), None, compare=against_the_budget)


def sentences(one: Perturbation, rounds: int) -> list[tuple[str, Text]]:
    """Example ids and texts in the perturbation's language."""
    texts = _CHINESE if one.languages == frozenset({"zh"}) else _ENGLISH
    return [(f"test-{n}-{i}", Text(text)) for n in range(rounds) for i, text in enumerate(texts)]


def run(work: list[tuple[Perturbation, list[tuple[str, Text]]]]) -> Seconds:
    """Every perturbation on its sentences at every severity; returns what the budget allows."""
    done = 0
    for one, examples in work:
        for severity in SEVERITIES:
            for example_id, example in examples:
                perturb(one, example, example_id, severity)
            done += len(examples)
    return Seconds(budget=done / BUDGET)


def against_the_budget(times: Times, part: str) -> Compared:
    """Our seconds, and those of the budget."""
    return times.of("ours", part), times.of("ours", "budget")
