"""Entity F1 on CoNLL-2003 test, gold with some tokens wrong: beside seqeval, and with intervals beside a limit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.pairs import Compared, Pair, Side, Times
from benchmarks.sizes import Size
from benchmarks.workloads import dataset
from fmbench.measure.quality import score
from fmbench.measure.tagging import entity_counts, entity_f1
from fmbench.stats.bootstrap import Bootstrap
from fmbench.tasks.tags import flat

WRONG, DRAWS, RUNS = 0.05, 1000, 5
LIMIT_S = 2.0


def predictions(seed: int = 0) -> pa.Table:
    """Gold tags of every test sentence, and predictions of which a share WRONG of the tokens is drawn from all tags."""
    rng = np.random.default_rng(seed)
    gold = dataset("conll2003").test["tags"]
    offsets, tags = flat(gold)
    guess = np.asarray(tags.to_pylist(), dtype=object)
    wrong = rng.random(len(guess)) < WRONG
    guess[wrong] = rng.choice(np.unique(guess.astype(str)), int(wrong.sum()))
    return pa.table({"gold": gold, "prediction": pa.ListArray.from_arrays(offsets.astype(np.int32), guess.tolist())})


def ours(table: pa.Table) -> float:
    """Entity F1 of the table."""
    return score(entity_f1, table, dataset("conll2003").labels)


def seqevals(gold: list[list[str]], predicted: list[list[str]]) -> float:
    """The same by seqeval, in its default mode, which is that of conlleval."""
    from seqeval.metrics import f1_score

    return float(f1_score(gold, predicted))


def with_interval(table: pa.Table) -> tuple[float, float]:
    """Low and high of the 95 % interval of entity F1, from the tags on."""
    counts = entity_counts(table, dataset("conll2003").labels)
    return Bootstrap(counts.array, draws=DRAWS).interval(entity_f1.value)[:2]


def beside_seqeval(size: Size) -> Pair:
    """RUNS tables of predictions, each from the form in which a side takes tags: Arrow tables, lists of strings."""
    tables = [predictions(seed) for seed in range(RUNS)]
    lists = [tuple(table[name].to_pylist() for name in ("gold", "prediction")) for table in tables]
    return Pair(
        Side(lambda _: [ours(table) for table in tables]),
        Side(lambda _: [seqevals(gold, predicted) for gold, predicted in lists]),
    )


def within_limit(size: Size) -> Pair:
    """Our time beside the limit, on the whole test split whatever the size asked for."""
    table = predictions()
    return Pair(Side(lambda _: with_interval(table)), None, compare=against_limit)


def against_limit(times: Times, part: str) -> Compared:
    """Our seconds, and the limit."""
    seconds = times.of("ours", part)
    return seconds, np.full_like(seconds, LIMIT_S)
