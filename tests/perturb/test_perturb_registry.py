"""What every perturbation promises, held for all that are registered, on random and on real examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench.catalog import CORPORA
from fmbench.perturb.distance import edit_distance
from fmbench.perturb.entities import mentions
from fmbench.perturb.examples import MODALITIES, Audio, Events, Example, Image, Path, Row, Series, Text, Tokens, spans
from fmbench.perturb.perturbation import Perturbation, perturb, perturb_rows
from fmbench.registry import PERTURBATIONS

POOL = {
    "PER": (("Ann", "Lee"), ("Bob",)),
    "ORG": (("Acme",), ("Bank", "of", "Wick")),
    "LOC": (("Oslo",), ("La", "Paz")),
}
OPTIONS: dict[str, dict[str, Any]] = {"entity-swap": {"mentions": POOL}}
CASES = [(name, modality) for name, one in PERTURBATIONS.items() for modality in sorted(one.inputs)]
PAST = [
    "The color of my favorite theater is gray, and we have been there on Monday 4 July 2019.",
    "I don't think that she is going to be there; they are working, aren't they?",
    "It is late and they were not happy. He doesn't have any time, we know.",
    "The movie was really boring , but the lovely big house and the funny story were excellent .",
    "Please return the tickets today, we want to discuss the plan until 10 December.",
    "Emily told her brother that Jamal and Priya saw his mother again, and Carlos helped the two women.",
]
CHINESE = [
    "他们在北京的医院里见到了医生，觉得问题很严重。",
    "这部电影的音乐不错，但是时间太长了，我们没有看完。",
    "公司计划明年在上海开设一家新的工厂，生产汽车零件。",
]
TRADITIONAL = ["他們在北京的醫院裡見到了醫生，覺得問題很嚴重。", "這部電影的音樂不錯，但是時間太長了，我們沒有看完。"]


def made(name: str) -> Perturbation:
    one: Perturbation = PERTURBATIONS[name]
    return one.given(**OPTIONS.get(name, {}))


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9) | st.sampled_from(
    [
        "not",
        "the",
        "movie",
        "can't",
        "London",
        "3",
        "2019-05-06",
        "🙂",
        "é",
        "的",
        ",",
        "\x1f",
        " ",
        "a b",
        "don’t",
        "İ",
        "ß",
    ]
)
tags = st.sampled_from(["O", "O", "O", "B-PER", "B-ORG", "B-LOC", "B-MISC", "I"])


@st.composite
def sentences(draw: st.DrawFn) -> Tokens:
    """Tokens with tags in IOB2; "I" goes on with the mention before it, if there is one."""
    tokens = draw(st.lists(words, max_size=12))
    found: list[str] = []
    for tag in draw(st.lists(tags, min_size=len(tokens), max_size=len(tokens))):
        before = found[-1] if found else "O"
        found.append(tag if tag != "I" else "O" if before == "O" else "I" + before[1:])
    return Tokens(tuple(tokens), tuple(found))


@st.composite
def arrays(draw: st.DrawFn, sides: st.SearchStrategy[tuple[int, ...]]) -> np.ndarray:
    """Random or constant numbers in -1 to 1, read-only: what writes into its input fails."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    array = rng.uniform(-1, 1, draw(sides)) * draw(st.sampled_from([0.0, 1.0]))
    array.setflags(write=False)
    return array


def frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


side = st.integers(1, 12)
cells = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | words
RANDOM: dict[str, st.SearchStrategy[Any]] = {
    "text": st.builds(Text, st.text(max_size=40) | st.lists(words, max_size=12).map(" ".join)),
    "tokens": sentences(),
    "image": arrays(st.tuples(side, side, st.sampled_from([1, 3, 4]))).map(
        lambda one: Image(frozen((one * 127 + 128).astype(np.uint8)))
    ),
    "audio": arrays(st.tuples(st.integers(0, 400))).map(lambda one: Audio(frozen(one.astype(np.float32)), 8000)),
    "row": st.dictionaries(words, cells, max_size=6).map(Row),
    "series": arrays(st.tuples(st.integers(0, 12), st.integers(1, 3))).map(Series),
    "path": arrays(st.tuples(st.integers(0, 12), st.just(2))).map(Path),
    "events": st.builds(Events, st.lists(st.integers(0, 9), max_size=12).map(tuple), st.none() | st.integers(0, 9)),
}


def full(example: Example) -> bool:
    """Whether there is something in it that a model could read."""
    match example:
        case Text():
            return bool(example.text.strip())
        case Tokens():
            return bool(example.tokens) and all(example.tokens)
        case Image():
            return example.array.size > 0
        case Audio():
            return len(example.samples) > 0
        case Row() | Series():
            return len(example.values) > 0
        case Path():
            return len(example.positions) > 0
        case Events():
            return len(example.items) > 0


def names(example: Tokens) -> list[tuple[str, tuple[str, ...]]]:
    return [(type_, example.tokens[start:end]) for type_, start, end in spans(example.tags)]


def is_iob2(tags: tuple[str, ...]) -> bool:
    before = ("O", *tags)
    return all(tag[:2] != "I-" or prior[1:] == tag[1:] for prior, tag in zip(before, tags, strict=False))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_it_is_described(name: str) -> None:
    one: Perturbation = PERTURBATIONS[name]
    assert one.name == name
    assert one.inputs
    assert one.inputs <= set(MODALITIES)
    assert one.description.endswith(".")
    assert one.label in ("kept", "flips", "may-change")


@pytest.mark.parametrize(("name", "modality"), CASES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_it_keeps_what_it_promises(name: str, modality: str, data: st.DataObject) -> None:
    one, example = made(name), data.draw(RANDOM[modality])
    severity, seed = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 3))
    found = perturb(one, example, "id", severity, seed)
    assert type(found) is type(example)
    assert perturb(one, example, "id", 0, seed) is example
    assert perturb(one, example, "id", severity, seed).same(found), "the same again"
    assert found is example or not found.same(example), "what did not change is the very object"
    assert full(found) or not full(example)
    if isinstance(example, Tokens):
        assert len(found.tokens) == len(found.tags)
        assert is_iob2(found.tags)
        assert [type_ for type_, _ in names(found)] == [type_ for type_, _ in names(example)]
        if len(found.tokens) != len(example.tokens) and "swap" not in name:
            assert names(found) == names(example), "what moves words leaves mentions as they are"
    if isinstance(example, Image):
        assert found.array.shape == example.array.shape
        assert found.array.dtype == np.uint8
    if isinstance(example, Audio):
        assert found.samples.dtype == np.float32
        assert np.isfinite(found.samples).all()
    if isinstance(example, Series):
        assert found.values.shape == example.values.shape
        assert np.isfinite(found.values).all(), "no hole for a model to fall into"
    if isinstance(example, Path):
        assert found.positions.shape == example.positions.shape
        if found.frame is not None:
            np.testing.assert_allclose(found.frame.restored(found.positions), example.positions, atol=1e-12)
    if isinstance(example, Events):
        assert found.gold == example.gold
        if example.gold not in example.items:
            assert example.gold not in found.items, "nothing brings in what is to be found"
    if isinstance(example, Row):
        assert found.values.keys() == example.values.keys()


@cache
def news() -> list[Tokens]:
    """Short sentences of ner-news with a mention."""
    lines = (CORPORA / "ner-news" / "test.txt").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        pieces = re.findall(r"\[([A-Z]+) ([^\]]+)\]|(\S+)", line)
        units = [(type_, mention.split() or [word]) for type_, mention, word in pieces]
        if line.startswith("#") or not any(type_ for type_, _ in units):
            continue
        tokens = [token for _, part in units for token in part]
        tags = [f"{'I' if i else 'B'}-{type_}" if type_ else "O" for type_, part in units for i in range(len(part))]
        found.append(Tokens(tuple(tokens), tuple(tags)))
    return [one for one in found if 6 < len(one.tokens) < 16][:24]


@cache
def reviews() -> list[Text]:
    lines = (CORPORA / "sentiment-reviews" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [Text(text) for line in lines if 40 < len(text := line.split("\t")[2]) < 90][:16]


def picture(seed: int) -> Image:
    """A bright square on a slope, with some texture."""
    y, x = np.mgrid[0:32, 0:32] / 32
    pixels = np.stack([0.2 + 0.5 * x, 0.3 + 0.3 * y, 0.5 - 0.3 * x * y], axis=2)
    pixels[8 + seed : 20 + seed, 6:18] = (0.8, 0.6, 0.3)
    pixels += 0.05 * np.sin(40 * x + seed)[:, :, None]
    return Image(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def tone(seed: int) -> Audio:
    """A third of a second of a chirp that fades, with overtones."""
    t = np.arange(2700) / 8000
    sound = np.sin(2 * np.pi * (200 + 40 * seed + 900 * t) * t) + 0.4 * np.sin(2 * np.pi * 1500 * t)
    return Audio((0.4 * sound * np.exp(-4 * t)).astype(np.float32), 8000)


def walk(seed: int) -> np.ndarray:
    """Eight positions of somebody who walks on and turns a little."""
    turns = np.cumsum(np.random.default_rng(seed).normal(0, 0.2, 8))
    return np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)


def real(name: str, modality: str) -> list[Any]:
    """Examples that the perturbation is made for."""
    match modality:
        case "text" if name == "zh-simplified":
            return [Text(text) for text in TRADITIONAL]
        case "text" if name.startswith("zh-"):
            return [Text(text) for text in CHINESE]
        case "text":
            return [*reviews(), *map(Text, PAST)]
        case "tokens" if name.startswith("zh-"):
            texts = TRADITIONAL if name == "zh-simplified" else CHINESE
            return [Tokens(tuple(text), ("O",) * len(text)) for text in texts]
        case "tokens":
            return [*news(), *(Tokens(tuple(text.split()), ("O",) * len(text.split())) for text in PAST)]
        case "image":
            return [picture(seed) for seed in range(6)]
        case "audio":
            return [tone(seed) for seed in range(6)]
        case "row":
            values = {"age": 41, "income": 2300.5, "city": "Tarbes", "height": 1.75, "open": True, "score": -3.25}
            return [Row(values)] * 12
        case "series":
            return [Series(np.sin(np.arange(48).reshape(24, 2) / (3 + seed)) + 2) for seed in range(8)]
        case "path":
            return [Path(walk(seed)) for seed in range(8)]
    return [Events(tuple(range(seed, seed + 20))) for seed in range(12)]


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_more_severity_is_more_change(name: str, modality: str) -> None:
    one, examples = made(name), real(name, modality)
    means = [
        np.mean([edit_distance(example, perturb(one, example, str(i), severity)) for i, example in enumerate(examples)])
        for severity in range(6)
    ]
    assert means[0] == 0
    assert means[1] > 0
    assert all(more >= 0.98 * less for less, more in pairwise(means)), means
    if name not in ("negation", "british-spelling"):
        assert means[5] > means[1]


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_other_examples_do_not_matter(name: str, modality: str) -> None:
    one, rows = made(name), [[example] for example in real(name, modality)]
    ids = [f"test-{i}" for i in range(len(rows))]
    forth = perturb_rows(one, rows, ids, 3)
    back = perturb_rows(one, rows[::-1], ids[::-1], 3)[::-1]
    assert all(a.same(b) for (a,), (b,) in zip(forth, back, strict=True))


CONSTANT = {"audio-gain", "audio-clipping", "audio-band-pass", "zoom-blur", "defocus-blur", "brightness", "contrast"}
CONSTANT |= {"jpeg", "pixelate", "series-clipping", "events-truncated"}
"""Those that draw nothing."""
KEYS: dict[str, Callable[[int], Any]] = {"example_id": str, "seed": int, "part": int}


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_every_example_and_part_and_seed_has_numbers_of_its_own(name: str, modality: str) -> None:
    one = made(name)
    for key in ("example_id", "seed", "part"):
        most = 0
        for example in real(name, modality):
            found = [perturb(one, example, **{"example_id": "0", "severity": 3, key: KEYS[key](i)}) for i in range(12)]
            most = max(most, sum(not any(a.same(b) for b in found[:i]) for i, a in enumerate(found)))
        assert most == 1 if name in CONSTANT else most > 1, key


def test_the_mentions_of_the_training_rows() -> None:
    rows = [(("Ann", "Lee", "in", "Oslo"), ("B-PER", "I-PER", "O", "B-LOC")), (("Oslo", "!"), ("B-LOC", "O"))]
    assert mentions(rows) == {"LOC": (("Oslo",),), "PER": (("Ann", "Lee"),)}


def test_the_page_has_a_line_for_each() -> None:
    page = (File(__file__).parents[2] / "docs" / "perturbations.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert list(listed) == list(PERTURBATIONS)
    for name, one in PERTURBATIONS.items():
        assert f"| {one.label} | {one.description} |" in listed[name]
