"""Classification metrics against scikit-learn, in random predictions and where a score is undefined."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, classification_report, f1_score, precision_recall_fscore_support

from fmbench.measure.classification import accuracy, class_counts, macro_f1, weighted_f1
from fmbench.measure.measurement import Measurement
from fmbench.measure.quality import quality, score
from fmbench.measure.report import read_report
from fmbench.stats.sums import f1, macro, micro, precision, recall, weighted

LABELS = ("a", "b", "c", "d")
AVERAGES = {"micro": micro, "macro": macro, "weighted": weighted}
Pair = tuple[str, str]

examples = st.lists(
    st.tuples(st.sampled_from((*LABELS, "unseen", "")), st.sampled_from((*LABELS, "odd"))), min_size=1, max_size=30
)


def table(pairs: list[Pair]) -> pa.Table:
    return pa.table({"gold": [gold for gold, _ in pairs], "prediction": [predicted for _, predicted in pairs]})


@given(examples)
def test_metric_objects_are_those_of_scikit_learn(pairs: list[Pair]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    predictions = table(pairs)
    assert score(accuracy, predictions, LABELS) == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    for metric, average in ((macro_f1, "macro"), (weighted_f1, "weighted")):
        theirs = f1_score(gold, predicted, average=average, zero_division=0)
        assert score(metric, predictions, LABELS) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
@given(pairs=examples)
def test_averages_are_those_of_scikit_learn(average: str, pairs: list[Pair]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    sums = class_counts(table(pairs), LABELS).array.sum(axis=0)
    ours = [AVERAGES[average](function)(sums) for function in (precision, recall, f1)]
    theirs = precision_recall_fscore_support(gold, predicted, average=average, zero_division=0)[:3]
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(examples)
def test_scores_by_label_are_those_of_scikit_learn_and_undefined_where_it_says_so(pairs: list[Pair]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    counts = class_counts(table(pairs), LABELS)
    sums = counts.array.sum(axis=0)
    theirs = precision_recall_fscore_support(gold, predicted, labels=counts.labels, zero_division=np.nan)
    for function, wanted in zip((precision, recall, f1), theirs, strict=False):
        np.testing.assert_allclose(function(sums), wanted, atol=1e-12)
    np.testing.assert_array_equal(sums[:, 2], theirs[3])


@given(examples)
def test_labels_that_occur_nowhere_change_no_score(pairs: list[Pair]) -> None:
    predictions = table(pairs)
    for metric in (accuracy, macro_f1, weighted_f1):
        few, many = (score(metric, predictions, labels) for labels in ((), ("AAA", *LABELS, "zzz")))
        assert few == pytest.approx(many, abs=1e-12)


@given(examples, st.randoms(use_true_random=False))
def test_counts_follow_the_order_of_the_examples(pairs: list[Pair], random: object) -> None:
    order = list(range(len(pairs)))
    random.shuffle(order)
    counts, shuffled = class_counts(table(pairs), LABELS), class_counts(table([pairs[i] for i in order]), LABELS)
    assert shuffled.labels == counts.labels
    np.testing.assert_array_equal(shuffled.array, counts.array[order])


def test_gold_and_predictions_outside_of_the_label_space_are_wrong_and_counted() -> None:
    predictions = table([("a", "a"), ("new", "a"), ("b", "odd"), ("b", "b")])
    counts = class_counts(predictions, ("b", "a"))
    assert counts.labels == ("b", "a", "new", "odd")
    assert counts.array.sum(axis=0).tolist() == [[1, 1, 2], [1, 2, 1], [0, 0, 1], [0, 1, 0]]
    assert counts.array[..., 1].sum(axis=1).tolist() == [1, 1, 1, 1], "every example has one prediction"
    assert score(accuracy, predictions, ("b", "a")) == 0.5


@pytest.mark.parametrize(("predicted", "value"), [("a", 1.0), ("b", 0.0)])
def test_a_single_class(predicted: str, value: float) -> None:
    rows = quality(table([("a", predicted)] * 10), ["accuracy", "macro_f1", "weighted_f1"], ("a", "b"))
    assert [row.value for row in rows[:3]] == [value] * 3
    of_b = {row.metric: (row.value, row.n) for row in rows if row.slice == "b"}
    assert of_b["recall"] == (None, 0)
    assert of_b["precision"] == ((None, 0) if predicted == "a" else (0.0, 0))
    assert of_b["f1"] == ((None, 0) if predicted == "a" else (0.0, 0))


def test_undefined_scores_are_null_in_json_and_come_back_as_null() -> None:
    rows = quality(table([("a", "a"), ("b", "a")] * 4), ["macro_f1"], ("a", "b", "c"))
    undefined = [row for row in rows if row.value is None]
    assert {(row.metric, row.slice) for row in undefined} == {
        ("precision", "b"),
        ("precision", "c"),
        ("recall", "c"),
        ("f1", "c"),
    }
    for row in undefined:
        text = row.model_dump_json()
        assert '"value":null,"low":null,"high":null' in text
        assert Measurement.model_validate_json(text) == row
    assert rows[0].value == pytest.approx(1 / 3), "b counts as 0; c occurs nowhere and does not count"


def test_the_stored_report_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gold = rng.choice(LABELS, 200)
    predicted = np.where(rng.random(200) < 0.7, gold, rng.choice(LABELS, 200))
    rows = quality(table(list(zip(gold.tolist(), predicted.tolist(), strict=True))), ["accuracy", "macro_f1"], LABELS)
    lines = read_report([Measurement.model_validate_json(row.model_dump_json()) for row in rows])
    theirs = classification_report(gold, predicted, output_dict=True, zero_division=0)
    assert [line.label for line in lines] == [*LABELS, "micro", "macro", "weighted"]
    for line in lines:
        if line.label == "micro":
            assert (line.precision, line.recall, line.f1, line.support) == (*[theirs["accuracy"]] * 3, 200)
            continue
        wanted = theirs.get(line.label) or theirs[f"{line.label} avg"]
        assert (line.precision, line.recall, line.f1) == pytest.approx(
            (wanted["precision"], wanted["recall"], wanted["f1-score"]), abs=1e-12
        )
        assert line.support == wanted["support"]
