"""Spans against seqeval and against the output of the conlleval script; every scheme leads to the same entities."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from fmbench.measure.tagging import entity_counts, entity_f1, entity_precision, entity_recall, token_accuracy
from fmbench.stats.sums import GOLD, PREDICTED, TP, f1, micro, precision, recall
from fmbench.tasks.tags import Span, chunks, iob2, is_tag, spans

TYPES = ("PER", "LOC", "B-cell", "I-O-E", "-", "_", "S")
PREFIXES = {"IOB": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
TO_BIOES = str.maketrans("LUM", "ESI")


def any_tags(scheme: str) -> st.SearchStrategy[list[str]]:
    """Sequences over a scheme's alphabet, most of them invalid."""
    tag = st.builds("{}-{}".format, st.sampled_from(PREFIXES[scheme]), st.sampled_from(TYPES[:4]))
    rare = st.builds("{}-{}".format, st.sampled_from(PREFIXES[scheme]), st.sampled_from(TYPES))
    return st.lists(st.one_of(st.just("O"), tag, rare), max_size=12)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Entities of a sentence, many of them adjacent, and its length."""
    found: list[Span] = []
    at = 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), max_size=6)):
        found.append((draw(st.sampled_from(TYPES)), at + gap, at + gap + size))
        at += gap + size
    return found, at + draw(st.integers(0, 2))


def encode(entities: list[Span], length: int, begin: str, inside: str, end: str, single: str) -> list[str]:
    tags = ["O"] * length
    for type_, start, stop in entities:
        prefixes = single if stop - start == 1 else begin + inside * (stop - start - 2) + end
        tags[start:stop] = [f"{prefix}-{type_}" for prefix in prefixes]
    return tags


def encode_iob1(entities: list[Span], length: int) -> list[str]:
    """B only where an entity touches one of its own type."""
    tags = encode(entities, length, "I", "I", "I", "I")
    for before, entity in pairwise(entities):
        if before[0] == entity[0] and before[2] == entity[1]:
            tags[entity[1]] = f"B-{entity[0]}"
    return tags


def seqeval_spans(tags: list[str]) -> list[Span]:
    return [(type_, start, last + 1) for type_, start, last in get_entities(tags)]


@pytest.mark.parametrize("scheme", ["IOB", "BIOES"])
@given(data=st.data())
def test_any_sequence_is_read_as_seqeval_reads_it(scheme: str, data: st.DataObject) -> None:
    tags = data.draw(any_tags(scheme))
    assert spans(tags) == seqeval_spans(tags)


@pytest.mark.parametrize("scheme", ["BILOU", "BMES"])
@given(data=st.data())
def test_other_alphabets_are_bioes_in_other_letters(scheme: str, data: st.DataObject) -> None:
    tags = data.draw(any_tags(scheme))
    assert spans(tags) == seqeval_spans([tag[0].translate(TO_BIOES) + tag[1:] for tag in tags])


@given(sentences())
def test_valid_tags_of_every_scheme_give_back_their_entities(sentence: tuple[list[Span], int]) -> None:
    entities, length = sentence
    assert spans(iob2(entities, length)) == entities
    assert iob2(entities, length) == encode(entities, length, "B", "I", "I", "B")
    assert spans(encode_iob1(entities, length)) == entities
    for letters in ("BIES", "BILU", "BMES"):
        assert spans(encode(entities, length, *letters)) == entities


@given(st.one_of(*(any_tags(scheme) for scheme in PREFIXES)))
def test_iob2_is_valid_and_a_fixed_point(tags: list[str]) -> None:
    canonical = iob2(spans(tags), len(tags))
    assert len(canonical) == len(tags)
    assert spans(canonical) == spans(tags)
    assert iob2(spans(canonical), len(canonical)) == canonical
    for before, tag in zip(["O", *canonical], canonical, strict=False):
        assert tag == "O" or tag.startswith("B-") or before in (f"B-{tag[2:]}", f"I-{tag[2:]}")


@given(st.one_of(*(any_tags(scheme) for scheme in PREFIXES)))
def test_entities_are_in_order_disjoint_and_within_the_sentence(tags: list[str]) -> None:
    found = spans(tags)
    ends = [0, *(end for _, _, end in found)]
    assert all(end <= start < stop for end, (_, start, stop) in zip(ends, found, strict=False))
    assert ends[-1] <= len(tags)
    inside = {i for _, start, end in found for i in range(start, end)}
    assert inside == {i for i, tag in enumerate(tags) if tag != "O"}


@pytest.mark.parametrize("tag", ["O", "B-PER", "I-x", "E-B-cell", "S--", "M-a", "L-a", "U-a"])
def test_tags(tag: str) -> None:
    assert is_tag(tag)


@pytest.mark.parametrize("tag", ["", "B", "B-", "o", "PER", "PER-B", "X-PER", "b-PER", "B_PER", "O-PER", None, 3])
def test_no_tags(tag: object) -> None:
    assert not is_tag(tag)


def read_conlleval(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and predicted tags, the last two columns, of each sentence."""
    rows = [[line.split() for line in block.splitlines()] for block in path.read_text().strip().split("\n\n")]
    return [[row[-2] for row in block] for block in rows], [[row[-1] for row in block] for block in rows]


def printed(score: np.ndarray) -> str:
    """As conlleval prints it: percent with two decimals, and 0 where it is undefined."""
    return f"{100 * float(np.nan_to_num(score)):.2f}%"


def conlleval(gold: list[list[str]], predicted: list[list[str]], raw: pa.Table) -> str:
    """The script's output, computed by fmbench; token accuracy compares the tags of `raw` as they stand."""
    table = pa.table({"gold": gold, "prediction": predicted})
    counts = entity_counts(table, ())
    by_type = counts.array.sum(axis=0)
    total = by_type.sum(axis=0)
    tokens = token_accuracy.counts(raw, ()).array.sum(axis=0)
    overall = [printed(metric.value(by_type)) for metric in (entity_precision, entity_recall, entity_f1)]
    lines = [
        f"processed {tokens[0, GOLD]} tokens with {total[GOLD]} phrases; "
        f"found: {total[PREDICTED]} phrases; correct: {total[TP]}.",
        f"accuracy: {printed(token_accuracy.value(tokens))}; precision: {overall[0]}; recall: {overall[1]}; "
        f"FB1: {overall[2][:-1]}",
    ]
    for type_, sums in sorted(zip(counts.labels, by_type, strict=True), key=lambda pair: pair[0]):
        scores = [printed(score(sums)) for score in (precision, recall, f1)]
        line = f"{type_}: precision: {scores[0]}; recall: {scores[1]}; FB1: {scores[2][:-1]} {sums[PREDICTED]}"
        lines.append(line)
    assert printed(micro(f1)(by_type)) == overall[2]
    return "\n".join(lines)


def expected(folder: Path, name: str) -> str:
    text = (folder / "expected.txt").read_text()
    section = next(part for part in text.split("### ")[1:] if part.startswith(name + "\n"))
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in section.strip().splitlines()[1:])


@pytest.mark.data
def test_conlleval_prints_the_same(public_data: Path) -> None:
    folder = public_data / "peer-tests" / "conlleval"
    gold, predicted = read_conlleval(folder / "ground_truth.txt")
    assert conlleval(gold, predicted, pa.table({"gold": gold, "prediction": predicted})) == expected(
        folder, "ground_truth.txt"
    )


@pytest.mark.data
def test_conlleval_prints_the_same_for_prefixes_it_does_not_know(public_data: Path) -> None:
    """In ground_truth_inv.txt tags are turned round (NP-B); to the script they are the types B and I.

    A prefix that it does not know starts a chunk where the type changes and nowhere else, and so does I.
    """
    folder = public_data / "peer-tests" / "conlleval"
    gold, predicted = read_conlleval(folder / "ground_truth_inv.txt")
    turned = [
        [["O" if tag == "O" else f"I-{tag.rpartition('-')[2]}" for tag in tags] for tags in side]
        for side in (gold, predicted)
    ]
    raw = pa.table({"gold": gold, "prediction": predicted})
    assert conlleval(*turned, raw) == expected(folder, "ground_truth_inv.txt")


@given(
    st.sampled_from(list(PREFIXES)).flatmap(lambda scheme: st.lists(any_tags(scheme), max_size=6)), st.integers(0, 5)
)
def test_all_sentences_at_once_have_the_entities_of_each(corpus: list[list[str]], skipped: int) -> None:
    column = pa.array([["B-only-before"], *corpus], pa.list_(pa.string())).slice(1 + min(skipped, len(corpus)))
    corpus = corpus[skipped:]
    found = chunks(column)
    ours: list[list[Span]] = [[] for _ in corpus]
    for row, start, end, kind in zip(found.row, found.start, found.end, found.type, strict=True):
        ours[row].append((found.types[kind], start, end))
    assert ours == [spans(tags) for tags in corpus]
    assert np.diff(found.offsets).tolist() == [len(tags) for tags in corpus]
    assert np.all(np.diff(found.keys(13, found.types)) > 0)
