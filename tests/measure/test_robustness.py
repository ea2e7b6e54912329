"""Robustness: what is predicted again and what is not, and every figure against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scenes import Model, scene_of

from fmbench.measure.degradation import Pass, flipped, judge_passes, worst
from fmbench.measure.measurement import Measurement
from fmbench.measure.robustness import PASSES, Entry, Robustness
from fmbench.measure.scene import Stored, fact
from fmbench.perturb.perturbation import perturb
from fmbench.registry import METRICS, PERTURBATIONS
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.paired import difference_of, stacked
from fmbench.tasks.kind import clean, of_pass
from fmbench.tasks.perturbed import examples

TEXTS = ["The film is good.", "...", "A dull and LONG story", "It is good", "no comment here", "Good, good, good"]
LABELS = ("bad", "good")


def likes_good(text: str) -> list[float]:
    return [0.2, 0.8] if "good" in text else [0.7, 0.3]


def settings(**entries: list[int]) -> Robustness.Settings:
    named = {name.replace("_", "-"): Entry(severity=severity) for name, severity in entries.items()}
    return Robustness.Settings(perturbations=named)


def texts(model: Model | None = None) -> Any:
    columns = {"text": TEXTS, "label": ["good", "bad", "bad", "good", "bad", "bad"]}
    return scene_of("text-classification", columns, LABELS, model or Model(likes_good))


def test_only_changed_rows_are_predicted_and_none_of_them_twice() -> None:
    model = Model(likes_good)
    scene, predictions = texts(model)
    asked = settings(typos=[1, 5], uppercase=[5], negation=[1, 3, 5])
    found = Robustness.collect(scene, asked, predictions)
    assert clean(found).equals(predictions.select(found.column_names))
    perturbed = model.asked[len(TEXTS) :]
    assert sorted(model.asked[: len(TEXTS)]) == sorted(TEXTS), "the control"
    assert not set(perturbed) & set(TEXTS), "no clean input is predicted again"
    changed = len(TEXTS) - 1
    assert len(perturbed) <= 6 * changed
    per_pass = [len(of_pass(found, "negation", severity)) for severity in (1, 3, 5)]
    assert len(perturbed) < 3 * changed + sum(per_pass), "a text that is the same at all severities is predicted once"
    assert len(of_pass(found, "typos", 5)) == changed, "three dots have no letter"
    assert fact(found, PASSES)[0] == ["identity", 1, "kept"]
    assert fact(found, PASSES)[-1] == ["negation", 5, "flips"]


def test_k_perturbations_cost_at_most_k_passes_over_the_rows_that_they_change() -> None:
    """Every text perturbation of the registry at once: no clean pass, and no row that one of them leaves alone."""
    model = Model(likes_good)
    scene, predictions = texts(model)
    names = [name for name, one in PERTURBATIONS.items() if one.refusal("text", "en") is None]
    asked = Robustness.Settings(perturbations={name: Entry(severity=[3]) for name in names}, control=0)
    found = Robustness.collect(scene, asked, predictions)
    rows = examples(scene.kind, scene.inputs, scene.test, None)
    changed = {
        name: [i for i, (text,) in enumerate(rows) if perturb(PERTURBATIONS[name], text, f"test-{i}", 3) is not text]
        for name in names
    }
    assert len(names) > 25 and any(len(at) < len(rows) for at in changed.values())
    assert {name: of_pass(found, name, 3)["example_id"].to_pylist() for name in names} == {
        name: [f"test-{i}" for i in at] for name, at in changed.items()
    }
    assert len(model.asked) == sum(len(at) for at in changed.values()) <= len(names) * len(rows)


def test_predictions_of_a_pass_are_those_of_its_perturbed_inputs() -> None:
    scene, predictions = texts()
    found = Robustness.collect(scene, settings(uppercase=[1, 3, 5], typos=[1, 3, 5]), predictions)
    for name, severity, _ in fact(found, PASSES)[1:]:
        rows = of_pass(found, name, severity)
        for id_, prediction in zip(rows["example_id"].to_pylist(), rows["prediction"].to_pylist(), strict=True):
            i = int(id_.removeprefix("test-"))
            text = perturb(PERTURBATIONS[name], scene_examples(scene)[i][0], id_, severity).text
            assert prediction == LABELS[int(np.argmax(likes_good(text)))]


def scene_examples(scene: Any) -> Any:
    return examples(scene.kind, scene.inputs, scene.test, None)


def test_what_a_task_cannot_take_is_noted_and_the_rest_measured() -> None:
    scene, predictions = texts()
    found = Robustness.collect(scene, settings(entity_swap=[1], case=[1]), predictions)
    assert scene.notes == {"robustness entity-swap": "perturbation 'entity-swap' works on tokens, not on text"}
    assert {name for name, *_ in fact(found, PASSES)} == {"identity", "case"}


def test_rows_that_cannot_be_told_apart_are_not_measured() -> None:
    scene, predictions = texts()
    table = scene.test.set_column(0, "id", pa.array(["a"] * len(TEXTS)))
    scene = type(scene)(**{**scene.__dict__, "test": table})
    assert Robustness.collect(scene, settings(case=[1]), predictions).equals(predictions)
    assert scene.notes == {"robustness": "the test examples' ids are not all different"}


def tables(n: int = 300, seed: int = 0, kind: str = "class") -> tuple[Stored, list[Pass], np.ndarray]:
    """Clean predictions, and two passes that change some rows each; `at` are those of the first."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"x{i}" for i in range(n)])
    gold = rng.choice(LABELS, n)
    sure = rng.uniform(size=n)
    after = sure - 0.2 * (gold == "good")

    def table(rows: np.ndarray, p: np.ndarray) -> pa.Table:
        scores = pa.array(np.stack([1 - p, p], axis=1).tolist(), pa.list_(pa.float64(), 2))
        guess = np.where(p > 0.5, "good", "bad")
        columns = {"example_id": ids[rows], "gold": gold[rows], "prediction": guess}
        return pa.table({name: values.tolist() for name, values in columns.items()} | {"scores": scores})

    every = np.arange(n)
    at = np.sort(rng.choice(n, n // 2, replace=False))
    base = table(every, sure).append_column("perturbation", pa.array([""] * n))
    passes = [
        Pass("typos", 3, "kept", table(at, after[at])),
        Pass("case", 1, "kept", table(every, np.clip(sure + 0.05, 0, 1))),
        Pass("negation", 5, "flips", table(at, after[at])),
        Pass("numbers", 5, "may-change", table(at, after[at])),
        Pass("empty", 1, "kept", table(at, after[at]).slice(0, 0)),
    ]
    return Stored(base, ("accuracy",), LABELS, "text-classification"), passes, at


def named(rows: list[Measurement]) -> dict[tuple[str, str | None, int | None], Measurement]:
    found = {(row.metric, row.perturbation, row.severity): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_figure_is_its_definition() -> None:
    stored, passes, at = tables()
    rows = named(judge_passes(stored, passes))
    right = np.array(stored.clean["gold"]) == np.array(stored.clean["prediction"])
    after = np.array(passes[0].rows["gold"]) == np.array(passes[0].rows["prediction"])
    everyone = right.copy()
    everyone[at] = after
    assert rows["accuracy", "typos", 3].value == pytest.approx(everyone.mean(), abs=1e-12)
    assert rows["accuracy", "typos", 3].n == 300
    drop = rows["accuracy_drop", "typos", 3]
    assert (drop.value, drop.n) == (pytest.approx(right[at].mean() - after.mean(), abs=1e-12), 150)
    assert drop.low < drop.value < drop.high and drop.interval == "paired bootstrap"
    metric = METRICS["accuracy"]
    both = [metric.statistics(table, LABELS) for table in (stored.clean.take(at), passes[0].rows)]
    found = Bootstrap(stacked(*both)).interval(difference_of(metric.value, both[0]))
    assert (drop.low, drop.high) == pytest.approx(found[:2], abs=1e-12)
    relative = rows["accuracy_relative_drop", "typos", 3]
    assert relative.value == pytest.approx(1 - after.mean() / right[at].mean(), abs=1e-12)
    flips = np.array(passes[0].rows["prediction"]) != np.array(stored.clean["prediction"])[at]
    assert rows["flip_rate", "typos", 3].value == pytest.approx(flips.mean(), abs=1e-12)
    assert (rows["changed_share", "typos", 3].value, rows["changed_share", "typos", 3].n) == (0.5, 300)
    case = np.array(passes[1].rows["gold"]) == np.array(passes[1].rows["prediction"])
    assert rows["accuracy_worst_case", "typos", None].value == pytest.approx((right & everyone).mean(), abs=1e-12)
    assert rows["accuracy_worst_case", "any", None].value == pytest.approx((right & everyone & case).mean(), abs=1e-12)
    assert rows["accuracy_worst_case", "any", None].interval == "bootstrap, worst of 4"


def test_a_flipped_or_doubtful_label_is_no_drop_and_no_worst_case() -> None:
    stored, passes, at = tables()
    rows = named(judge_passes(stored, passes))
    for name in ("negation", "numbers"):
        assert not any(perturbation == name and metric.startswith("accuracy") for metric, perturbation, _ in rows)
    assert (rows["flip_rate", "negation", 5].higher_is_better, rows["flip_rate", "numbers", 5].higher_is_better) == (
        True,
        None,
    )
    gold = np.array(stored.clean["gold"])[at]
    right = gold == np.array(stored.clean["prediction"])[at]
    success = rows["directional_success", "negation", 5]
    assert success.value == pytest.approx((gold[right] == "good").mean(), abs=1e-12), "only `good` lost probability"
    assert success.n == right.sum()


def test_a_pass_that_changed_nothing_says_so_and_keeps_the_clean_score() -> None:
    stored, passes, _ = tables()
    rows = named(judge_passes(stored, passes))
    right = np.array(stored.clean["gold"]) == np.array(stored.clean["prediction"])
    assert rows["changed_share", "empty", 1].value == 0
    assert rows["accuracy", "empty", 1].value == pytest.approx(right.mean(), abs=1e-12)
    assert ("accuracy_drop", "empty", 1) not in rows


def test_the_worst_of_an_error_is_the_largest() -> None:
    """HELM's worst case takes the minimum, also of errors: with it nothing is ever worse than the clean input."""
    gold, before, after = np.zeros(4), np.array([1.0, 2.0, 3.0, 0.0]), np.array([2.0, 1.0, 3.0, 5.0])
    metric = METRICS["mae"]
    clean_, perturbed = (
        metric.statistics(pa.table({"gold": gold, "prediction": guess}), ()) for guess in (before, after)
    )
    found = worst(metric, clean_, [(np.arange(4), perturbed)])
    assert metric.score(found) == np.maximum(before, after).mean() == 3.0
    helms = metric.score(np.where((clean_ < perturbed).all(axis=1, keepdims=True), clean_, perturbed))
    assert helms < metric.score(found)
    accuracy = METRICS["accuracy"]
    both = [
        accuracy.statistics(pa.table({"gold": ["a"] * 4, "prediction": list(guess)}), ("a", "b"))
        for guess in ("abab", "aabb")
    ]
    assert accuracy.score(worst(accuracy, both[0], [(np.arange(4), both[1])])) == 0.25


def test_a_metric_without_a_score_of_single_examples_has_no_worst_case() -> None:
    table = pa.table({"gold": [1.0, 2.0, 3.0], "prediction": [1.0, 2.0, 2.0]})
    for name in ("spearman", "r2"):
        statistics = METRICS[name].statistics(table, ())
        assert worst(METRICS[name], statistics, [(np.arange(3), statistics)]) is None


def test_of_equally_bad_sentences_the_one_with_more_errors_is_the_worst() -> None:
    metric = METRICS["entity_f1"]
    sides = [
        metric.statistics(pa.table({"gold": [["B-PER", "O"]], "prediction": [guess]}), ("LOC", "PER"))
        for guess in (["O", "O"], ["B-LOC", "B-LOC"])
    ]
    assert worst(metric, sides[0], [(np.arange(1), sides[1])]).tolist() == sides[1].tolist()
    assert worst(metric, sides[1], [(np.arange(1), sides[0])]).tolist() == sides[1].tolist()


def test_a_drop_is_above_zero_for_worse_whichever_way_the_metric_points() -> None:
    columns = {"example_id": ["a", "b", "c", "d"], "gold": [1.0, 2.0, 3.0, 5.0]}
    base = pa.table(columns | {"prediction": [1.1, 2.1, 3.1, 5.1], "scores": [[1.0]] * 4, "perturbation": [""] * 4})
    worse = pa.table(columns | {"prediction": [2.0, 4.0, 3.0, 9.0], "scores": [[1.0]] * 4})
    for name in ("mae", "spearman"):
        stored = Stored(base, (name,), (), "text-regression")
        rows = named(judge_passes(stored, [Pass("typos", 1, "kept", worse)]))
        assert rows[f"{name}_drop", "typos", 1].value > 0
        assert rows[f"{name}_drop", "typos", 1].higher_is_better is False
        assert rows["prediction_shift", "typos", 1].value == pytest.approx(np.mean([0.9, 1.9, 0.1, 3.9]))


def test_tags_flip_where_the_outcome_of_a_mention_does() -> None:
    def table(gold: list[list[str]], guess: list[list[str]]) -> pa.Table:
        return pa.table({"gold": gold, "prediction": guess})

    person, longer, none = ["B-PER", "O"], ["B-PER", "I-PER", "O"], ["O", "O"]
    before = table([person, person, person, person], [person, person, none, person])
    after = table([longer, longer, longer, person], [longer, ["O", "B-PER", "O"], ["O", "O", "O"], none])
    assert flipped(before, after).tolist() == [False, True, False, True]


def test_dependent_examples_widen_the_interval_of_a_drop() -> None:
    stored, passes, _ = tables(seed=3)
    groups = pa.array([f"g{i // 30}" for i in range(300)])
    clustered = Stored(stored.predictions.append_column("group", groups), ("accuracy",), LABELS, stored.kind, "group")
    row = named(judge_passes(clustered, passes))["accuracy_drop", "typos", 3]
    assert row.interval == "paired cluster-bootstrap"
    assert row.value == named(judge_passes(stored, passes))["accuracy_drop", "typos", 3].value
