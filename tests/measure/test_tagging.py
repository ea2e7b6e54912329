"""Entity and token metrics against seqeval, in random sentences and in the report that it prints."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import classification_report
from seqeval.metrics.v1 import classification_report as strict_report
from seqeval.reporters import StringReporter
from seqeval.scheme import IOB2

from fmbench.measure.measurement import Measurement
from fmbench.measure.quality import quality, score
from fmbench.measure.report import ReportLine, read_report
from fmbench.measure.tagging import (
    entity_counts,
    entity_f1,
    entity_f1_strict,
    entity_macro_f1,
    entity_precision,
    entity_recall,
    token_accuracy,
    token_counts,
)
from fmbench.stats.sums import f1, macro, micro, precision, recall, weighted

LABELS = ("LOC", "ORG", "PER")
TAGS = ("O", "O", *(f"{prefix}-{label}" for label in (*LABELS, "MISC-x") for prefix in "BI"))
SCORES = {"precision": precision, "recall": recall, "f1-score": f1}
AVERAGES = {"micro avg": micro, "macro avg": macro, "weighted avg": weighted}
Pair = tuple[list[str], list[str]]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Gold and predicted tags of one sentence; about half of the predictions are right."""
    length = draw(st.integers(1, 8))
    gold = draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
    other = draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
    right = draw(st.lists(st.booleans(), min_size=length, max_size=length))
    return gold, [g if keep else o for g, o, keep in zip(gold, other, right, strict=True)]


corpora = st.lists(pairs(), min_size=1, max_size=8)


def table(corpus: list[Pair], **columns: list[object]) -> pa.Table:
    return pa.table({"gold": [gold for gold, _ in corpus], "prediction": [guess for _, guess in corpus], **columns})


def random_table(rng: np.random.Generator, n: int, wrong: float = 0.2) -> pa.Table:
    """Sentences with entities of LABELS and predictions with a share of wrong tags, every label in both."""
    tags = ("O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI"))
    every = [f"B-{label}" for label in LABELS]
    corpus = [(every, every)]
    for _ in range(n - 1):
        gold = rng.choice(tags, size=rng.integers(1, 15), p=[0.4, *[0.1] * 6])
        noise = rng.choice(tags, size=len(gold))
        corpus.append((gold.tolist(), np.where(rng.random(len(gold)) < wrong, noise, gold).tolist()))
    return table(corpus)


@given(corpora)
def test_every_score_of_the_report_is_that_of_seqeval(corpus: list[Pair]) -> None:
    gold, predicted = [list(side) for side in zip(*corpus, strict=True)]
    counts = entity_counts(table(corpus), ())
    if not counts.labels:
        assert all(tag == "O" for sentence in gold + predicted for tag in sentence)
        return
    theirs = classification_report(gold, predicted, output_dict=True, zero_division=0)
    sums = counts.array.sum(axis=0)
    assert set(theirs) == {*counts.labels, *AVERAGES}
    for name, function in SCORES.items():
        for label, of_label in zip(counts.labels, sums, strict=True):
            assert np.nan_to_num(function(of_label)) == pytest.approx(theirs[label][name], abs=1e-12)
        for average, over_labels in AVERAGES.items():
            assert np.nan_to_num(over_labels(function)(sums)) == pytest.approx(theirs[average][name], abs=1e-12)
    assert {label: of_label[2] for label, of_label in zip(counts.labels, sums, strict=True)} == {
        label: theirs[label]["support"] for label in counts.labels
    }


@given(corpora)
def test_metric_objects_are_those_of_seqeval(corpus: list[Pair]) -> None:
    gold, predicted = [list(side) for side in zip(*corpus, strict=True)]
    predictions = table(corpus)
    assert score(token_accuracy, predictions, LABELS) == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    if entity_counts(predictions, ()).labels:
        theirs = classification_report(gold, predicted, output_dict=True, zero_division=0)
        ours = [
            np.nan_to_num(score(m, predictions, LABELS))
            for m in (entity_precision, entity_recall, entity_f1, entity_macro_f1)
        ]
        row = theirs["micro avg"]
        wanted = [row["precision"], row["recall"], row["f1-score"], theirs["macro avg"]["f1-score"]]
        assert ours == pytest.approx(wanted, abs=1e-12)


@given(corpora)
def test_the_strict_score_is_that_of_seqeval_s_strict_mode(corpus: list[Pair]) -> None:
    gold, predicted = [list(side) for side in zip(*corpus, strict=True)]
    if not any(tag.startswith("B-") for sentence in gold for tag in sentence):
        return
    theirs = strict_report(gold, predicted, output_dict=True, zero_division=0, scheme=IOB2)
    assert np.nan_to_num(score(entity_f1_strict, table(corpus), LABELS)) == pytest.approx(
        theirs["micro avg"]["f1-score"], abs=1e-12
    )


def test_entity_scoring_is_not_lenient() -> None:
    """An overlap, a wrong end or a wrong type is a miss and a false alarm.

    The one leniency that conlleval and seqeval have by default, a stray I- as a beginning, is that of `entity_f1` for
    the sake of comparison; `entity_f1_strict` does not have it.
    """
    gold = ["B-PER", "I-PER", "O", "B-LOC"]
    for guess in (
        ["B-PER", "O", "O", "O"],
        ["O", "B-PER", "O", "O"],
        ["B-PER", "I-PER", "I-PER", "O"],
        ["B-ORG", "I-ORG", "O", "B-PER"],
        ["B-PER", "B-PER", "O", "O"],
    ):
        for metric in (entity_f1, entity_f1_strict):
            assert score(metric, table([(gold, guess)]), LABELS) == 0, (metric.name, guess)
    stray = table([(gold, ["I-PER", "I-PER", "O", "B-LOC"])])
    assert score(entity_f1, stray, LABELS) == 1
    assert score(entity_f1_strict, stray, LABELS) == pytest.approx(2 / 3)


@given(corpora)
def test_labels_that_occur_nowhere_change_no_score(corpus: list[Pair]) -> None:
    predictions = table(corpus)
    for metric in (entity_f1, entity_macro_f1, entity_precision, entity_recall, token_accuracy):
        few, many = (score(metric, predictions, labels) for labels in ((), ("AAA", *LABELS, "ZZZ")))
        assert few == pytest.approx(many, nan_ok=True, abs=1e-12)


@given(corpora, st.randoms(use_true_random=False))
def test_counts_are_by_sentence_and_follow_its_order(corpus: list[Pair], random: object) -> None:
    order = list(range(len(corpus)))
    random.shuffle(order)
    for count in (entity_counts, token_counts):
        counts = count(table(corpus), LABELS)
        shuffled = count(table([corpus[i] for i in order]), LABELS)
        assert shuffled.labels == counts.labels
        np.testing.assert_array_equal(shuffled.array, counts.array[order])


def test_entity_types_outside_of_the_label_space_count() -> None:
    predictions = table([(["B-PER", "O", "B-NEW"], ["B-PER", "B-ODD", "O"])])
    counts = entity_counts(predictions, ("LOC", "PER"))
    assert counts.labels == ("LOC", "PER", "NEW", "ODD")
    assert counts.array.tolist() == [[[0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0]]]
    assert score(entity_f1, predictions, ("LOC", "PER")) == 0.5
    assert score(entity_macro_f1, predictions, ("LOC", "PER")) == pytest.approx(1 / 3)


def test_a_token_is_right_if_its_whole_tag_is() -> None:
    predictions = table([(["B-PER", "I-PER", "O"], ["B-PER", "B-PER", "O"]), (["O"], ["B-LOC"])])
    assert score(token_accuracy, predictions, LABELS) == 0.5
    assert token_counts(predictions, LABELS).array.tolist() == [[[2, 3, 3]], [[0, 1, 1]]]


@pytest.mark.parametrize(
    ("gold", "predicted", "defined"),
    [
        ("O", "O", {}),
        ("B-PER", "O", {"entity_f1": 0.0, "entity_recall": 0.0, "entity_macro_f1": 0.0}),
        ("O", "B-PER", {"entity_f1": 0.0, "entity_precision": 0.0, "entity_macro_f1": 0.0}),
    ],
)
def test_what_is_undefined_is_null_and_never_zero(gold: str, predicted: str, defined: dict[str, float]) -> None:
    names = ("entity_f1", "entity_precision", "entity_recall", "entity_macro_f1")
    rows = quality(table([([gold, "O"], [predicted, "O"])] * 5), names, ("PER",))
    overall = {row.metric: row for row in rows if row.slice is None}
    for name in names:
        row = overall[name]
        assert row.value == defined.get(name)
        assert (row.low, row.high) == ((None, None) if row.value is None else (0.0, 0.0))
        assert Measurement.model_validate_json(row.model_dump_json()) == row
    of_label = {row.metric: row.value for row in rows if row.slice == "PER"}
    assert of_label == {name: defined.get(name) for name in names[:3]}


def test_length_of_gold_and_prediction_must_agree() -> None:
    with pytest.raises(ValueError, match="as many predicted tags"):
        token_counts(table([(["O", "O"], ["O"])]), LABELS)


def printed(lines: list[ReportLine]) -> str:
    """`lines` in the layout of seqeval, which prints 0 where a score is undefined."""
    reporter = StringReporter(width=max(len("weighted avg"), *(len(line.label) for line in lines)), digits=2)
    for i, line in enumerate(lines):
        average = i >= len(lines) - 3
        if i == len(lines) - 3:
            reporter.write_blank()
        scores = (value or 0.0 for value in (line.precision, line.recall, line.f1))
        reporter.write(f"{line.label} avg" if average else line.label, *scores, line.support)
    reporter.write_blank()
    return reporter.report()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("metrics", [("entity_f1",), ("token_accuracy", "entity_macro_f1", "entity_f1")])
def test_the_stored_report_prints_what_seqeval_prints(seed: int, metrics: tuple[str, ...]) -> None:
    predictions = random_table(np.random.default_rng(seed), 60)
    rows = [Measurement.model_validate_json(row.model_dump_json()) for row in quality(predictions, metrics, LABELS)]
    theirs = classification_report(predictions["gold"].to_pylist(), predictions["prediction"].to_pylist())
    assert printed(read_report(rows)) == theirs


def test_the_stored_report_of_a_label_that_is_never_predicted() -> None:
    corpus = [(["B-PER", "O", "B-LOC"], ["B-PER", "O", "O"])] * 3 + [(["B-PER"], ["O"])]
    lines = read_report(quality(table(corpus), ["entity_f1"], ("LOC", "PER")))
    assert lines[0] == ReportLine("LOC", None, 0.0, 0.0, 3)
    gold, predicted = [list(side) for side in zip(*corpus, strict=True)]
    assert printed(lines) == classification_report(gold, predicted, zero_division=0)


def test_n_is_the_number_of_gold_entities_and_of_tokens() -> None:
    corpus = [(["B-PER", "I-PER", "O"], ["O", "B-LOC", "O"]), (["B-LOC", "B-PER"], ["B-LOC", "B-PER"])]
    rows = quality(table(corpus), ["entity_f1", "token_accuracy"], LABELS)
    n = {(row.metric, row.slice): row.n for row in rows}
    assert n["entity_f1", None] == 3
    assert n["token_accuracy", None] == 5
    assert [n["entity_f1", label] for label in LABELS] == [1, 0, 2]
    assert all(row.interval == "bootstrap" for row in rows), "entities and tokens of a sentence are not independent"
    assert all(not math.isnan(row.value) for row in rows if row.value is not None)
