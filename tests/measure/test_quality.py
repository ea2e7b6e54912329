"""quality(): what is measured, in which order, with which interval; and properties of every registered metric."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric
from fmbench.measure.quality import quality, score
from fmbench.measure.report import read_report
from fmbench.registry import KINDS, METRICS
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.intervals import Interval, wilson

LABELS = {
    "text-classification": ("bad", "good", "so-so"),
    "token-classification": ("LOC", "PER"),
    "sentence-similarity": (),
    "text-regression": (),
    "multi-label-classification": ("bad", "good", "so-so"),
    "multiple-choice": ("A", "B", "C"),
    "tabular-classification": ("bad", "good", "so-so"),
    "tabular-regression": (),
    "time-series-forecasting": ("step 1", "step 2", "step 3"),
    "trajectory-forecasting": ("x 1", "y 1", "x 2", "y 2"),
    "imitation-control": ("steering", "acceleration"),
    "image-classification": ("bad", "good", "so-so"),
    "audio-classification": ("bad", "good", "so-so"),
    "image-text-classification": ("bad", "good", "so-so"),
    "rating-prediction": (),
    "sequential-recommendation": (),
    "sampled-recommendation": (),
    "retrieval": (),
    "text-generation": (),
}
DESCRIBE = {"coverage@10", "novelty@10", "popularity_bias@10"}
"""What kind of items is recommended: finding the right ones is not the end of their range."""
OWN_INTERVALS = {"accuracy", "subset_accuracy", "coverage@10", "exact_match", "numeric_match"}
KIND_OF = {name: kind for name, metric in METRICS.items() for kind in LABELS if kind in metric.kinds}
"""Preferences of language models have tests of their own: tests/models/test_language_models.py."""


def predictions(kind: str, n: int = 80, wrong: float = 0.25, seed: int = 0) -> pa.Table:
    """Predictions of which a share is wrong; column `author` groups ten rows each."""
    rng = np.random.default_rng(seed)
    labels = LABELS[kind]
    author = [f"author-{i // 10}" for i in range(n)]
    if kind in ("sequential-recommendation", "sampled-recommendation", "retrieval"):
        return rankings(kind, rng, n, wrong).append_column("author", pa.array(author))
    if kind in ("sentence-similarity", "text-regression", "rating-prediction", "tabular-regression"):
        scores = rng.uniform(0, 5, n).round(1)
        guess = (1 - wrong) * scores + wrong * rng.uniform(0, 5, n)
        return pa.table({"gold": scores, "prediction": guess, "author": author})
    if kind == "multi-label-classification":
        sets = rng.random((2, n, len(labels))) < 0.4
        sets[1] = np.where(rng.random((n, len(labels))) < wrong, sets[1], sets[0])
        gold, guess = ([[labels[i] for i in np.flatnonzero(row)] for row in one] for one in sets)
        return pa.table({"gold": gold, "prediction": guess, "author": author})
    if KINDS[kind].target in ("class", "choice") and kind != "token-classification":
        gold = rng.choice(labels, n)
        guess = np.where(rng.random(n) < wrong, rng.choice(labels, n), gold)
        scores = 0.4 * rng.random((n, len(labels))) + 0.5 * (guess[:, None] == np.array(labels))
        columns = {"gold": gold.tolist(), "prediction": guess.tolist(), "scores": scores.tolist()}
        return pa.table(columns | {"author": author})
    if kind == "text-generation":
        texts = [f"{' '.join(rng.choice(list('abcdefgh'), 6))} is {rng.integers(1000)}" for _ in range(2 * n)]
        guess = np.where(rng.random(n) < wrong, texts[n:], texts[:n])
        return pa.table({"gold": [[text] for text in texts[:n]], "prediction": guess.tolist(), "author": author})
    if kind in ("time-series-forecasting", "trajectory-forecasting", "imitation-control"):
        true = rng.uniform(0, 5, (n, 4 if kind.startswith("trajectory") else 6))
        vectors = {"gold": true.tolist(), "prediction": (true + wrong * rng.normal(size=true.shape)).tolist()}
        outcomes = {
            "last_value": rng.uniform(0, 5, n),
            "in_lane": 1 - wrong * rng.random(n),
            "progress": 1 - wrong * rng.random(n),
            "jerk": wrong * rng.random(n),
            "collided": (rng.random(n) < wrong).astype(float),
        }
        return pa.table(vectors | outcomes | {"author": author})
    gold_tags, guess_tags = [], []
    for _ in range(n):
        tags = rng.choice(KINDS[kind].outputs(labels), rng.integers(1, 10))
        gold_tags.append(tags.tolist())
        other = rng.choice(KINDS[kind].outputs(labels), len(tags))
        guess_tags.append(np.where(rng.random(len(tags)) < wrong, other, tags).tolist())
    return pa.table({"gold": gold_tags, "prediction": guess_tags, "author": author})


def rankings(kind: str, rng: np.random.Generator, n: int, wrong: float) -> pa.Table:
    """The gold of 50 items first; in a share of the rows at a place from 2 to 40, or, every other time, nowhere."""
    rows = np.stack([rng.permutation(50) for _ in range(n)])
    gold = rows[:, 0].copy()
    missed = rng.random(n) < wrong
    places = rng.integers(2, 40, n)
    for i in np.flatnonzero(missed):
        rows[i, [0, places[i]]] = rows[i, [places[i], 0]] if i % 2 else [60, 61]
    columns = {"gold": pa.array(gold), "prediction": pa.array(rows.tolist())}
    if kind == "retrieval":
        judged = [[{"document": int(g), "relevance": 2}, {"document": 99, "relevance": 0}] for g in gold]
        columns["gold"] = pa.array(judged)
    if kind == "sequential-recommendation":
        tops = rows[:, :10].copy()
        tops[::3, 9] = np.arange(0, n, 3) + 100
        columns["prediction"] = pa.array(tops.tolist())
        columns["catalogue"] = pa.array(np.full(n, 700))
        columns["self_information"] = pa.array((rows[:, :10] / 10).tolist())
        columns["popularity"] = pa.array((rows[:, :10] / 50).tolist())
    return pa.table(columns)


def all_metrics(kind: str) -> list[str]:
    return [name for name, metric in METRICS.items() if kind in metric.kinds]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_goes_by_its_registered_name_and_belongs_to_a_kind(name: str) -> None:
    metric: Metric = METRICS[name]
    assert metric.name == name
    assert metric.kinds and metric.kinds <= set(KINDS)
    low, high = metric.range
    chance = metric.chance(4)
    assert math.isnan(chance) or low <= chance < high


@pytest.mark.parametrize("name", KIND_OF)
def test_perfect_predictions_reach_the_top_and_all_are_in_range(name: str) -> None:
    metric: Metric = METRICS[name]
    kind = KIND_OF[name]
    perfect = predictions(kind, wrong=0.0)
    if name in DESCRIBE:
        assert metric.range[0] < score(metric, perfect, LABELS[kind]) < metric.range[1]
        return
    top = metric.range[1] if metric.higher_is_better else metric.range[0]
    assert score(metric, perfect, LABELS[kind]) == pytest.approx(top, abs=1e-12)
    values = [score(metric, predictions(kind, wrong=wrong), LABELS[kind]) for wrong in (0.1, 0.5, 1.0)]
    assert all(metric.range[0] <= value <= metric.range[1] and value != top for value in values)
    assert values == sorted(values, reverse=metric.higher_is_better)


@pytest.mark.parametrize("name", KIND_OF)
def test_no_metric_depends_on_the_order_of_the_examples(name: str) -> None:
    metric: Metric = METRICS[name]
    table = predictions(KIND_OF[name])
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    ours, again = (score(metric, rows, LABELS[KIND_OF[name]]) for rows in (table, shuffled))
    assert again == pytest.approx(ours, abs=1e-12)


@pytest.mark.parametrize("kind", LABELS)
def test_no_value_of_quality_depends_on_the_order_of_the_examples(kind: str) -> None:
    table = predictions(kind)
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    rows, again = (quality(t, all_metrics(kind), LABELS[kind]) for t in (table, shuffled))
    assert [(r.metric, r.slice, r.n) for r in rows] == [(r.metric, r.slice, r.n) for r in again]
    assert [r.value for r in rows] == pytest.approx([r.value for r in again], abs=1e-12)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("cluster_key", [None, "author"])
def test_every_value_lies_in_its_interval_and_the_bare_score_agrees(kind: str, cluster_key: str | None) -> None:
    table = predictions(kind)
    rows = quality(table, all_metrics(kind), LABELS[kind], cluster_key)
    for row in rows:
        assert row.low <= row.value <= row.high
        assert row.low < row.high
    for row in rows[: len(all_metrics(kind))]:
        assert row.value == pytest.approx(score(METRICS[row.metric], table, LABELS[kind]), abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "metrics", "prefix"),
    [
        ("text-classification", ["weighted_f1", "accuracy"], ""),
        ("text-classification", ["accuracy", "macro_f1", "weighted_f1"], ""),
        ("token-classification", ["entity_recall", "token_accuracy", "entity_f1"], "entity_"),
        ("token-classification", ["token_accuracy", "entity_macro_f1"], "entity_"),
    ],
)
def test_declared_metrics_come_first_and_the_whole_report_follows_once(
    kind: str, metrics: list[str], prefix: str
) -> None:
    rows = quality(predictions(kind), metrics, LABELS[kind])
    names = [(row.metric, row.slice) for row in rows]
    assert names[: len(metrics)] == [(name, None) for name in metrics]
    assert len(names) == len(set(names))
    scores = ("precision", "recall", "f1")
    micro = [prefix + name if prefix else f"micro_{name}" for name in scores]
    averages = {*micro, *(f"{prefix}{average}_{name}" for average in ("macro", "weighted") for name in scores)}
    by_label = {(prefix + name, label) for label in LABELS[kind] for name in scores}
    assert set(names) == {(name, None) for name in (*metrics, *averages)} | by_label
    sliced = [row.slice is not None for row in rows]
    assert sliced == sorted(sliced), "slices come last"
    assert [line.label for line in read_report(rows)] == [*LABELS[kind], "micro", "macro", "weighted"]


def test_token_accuracy_alone_has_no_report() -> None:
    rows = quality(predictions("token-classification"), ["token_accuracy"], ("LOC", "PER"))
    assert [row.metric for row in rows] == ["token_accuracy"]
    assert read_report(rows) == []


def test_accuracy_has_wilsons_interval_where_examples_are_independent() -> None:
    table = predictions("text-classification")
    row = quality(table, ["accuracy"], LABELS["text-classification"])[0]
    right = sum(a == b for a, b in zip(table["gold"].to_pylist(), table["prediction"].to_pylist(), strict=True))
    assert (row.low, row.high, row.interval) == wilson(right, 80)
    assert (row.n, row.value) == (80, right / 80)


def test_accuracy_is_bootstrapped_where_examples_depend_on_each_other() -> None:
    n = 200
    gold = ["good"] * n
    guess = [("good" if (i // 10) % 3 else "bad") for i in range(n)]
    table = pa.table({"gold": gold, "prediction": guess, "author": [i // 10 for i in range(n)]})
    alone, clustered = (quality(table, ["accuracy"], ("bad", "good"), key)[0] for key in (None, "author"))
    assert clustered.interval == "cluster-bootstrap"
    assert clustered.value == alone.value
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low), "ten equal answers an author are one"


@pytest.mark.parametrize("kind", LABELS)
def test_the_other_metrics_say_how_their_interval_was_found(kind: str) -> None:
    metrics = all_metrics(kind)
    for key, method in ((None, "bootstrap"), ("author", "cluster-bootstrap")):
        rows = quality(predictions(kind), metrics, LABELS[kind], key)
        assert {row.interval for row in rows if row.metric not in OWN_INTERVALS} <= {method}


def test_n_is_the_number_of_examples_and_the_support_of_a_label() -> None:
    table = predictions("text-classification")
    rows = quality(table, ["macro_f1"], LABELS["text-classification"])
    gold = table["gold"].to_pylist()
    assert {row.n for row in rows if row.slice is None} == {80}
    for row in rows:
        assert row.slice is None or row.n == gold.count(row.slice)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_measurement_that_is_not_finite_is_null_and_survives_json(value: float) -> None:
    row = measured("precision", value, Interval(value, value, "bootstrap"), 0, slice="PER")
    assert (row.value, row.low, row.high) == (None, None, None)
    assert Measurement.model_validate_json(row.model_dump_json()) == row
    assert measured("precision", 0.0, Interval(0.0, 0.0, "bootstrap"), 5).value == 0.0


def test_the_interval_is_that_of_the_bootstrap_over_the_counts() -> None:
    table = predictions("token-classification")
    metric: Metric = METRICS["entity_f1"]
    row = quality(table, ["entity_f1"], LABELS["token-classification"], "author")[0]
    counts = metric.counts(table, LABELS["token-classification"])
    found = Bootstrap(counts.array, table["author"].to_pylist()).interval(metric.value)
    assert (row.low, row.high, row.interval) == found
