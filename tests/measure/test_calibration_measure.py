"""Calibration of stored predictions, against scikit-learn and scipy and against its definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scenes import Model, scene_of
from scipy.optimize import minimize_scalar
from sklearn.metrics import brier_score_loss, log_loss

from fmbench.measure.calibration import TEMPERATURE, Calibration, targets_of
from fmbench.measure.measurement import Measurement
from fmbench.measure.scene import Stored, fact, with_fact
from fmbench.registry import KINDS
from fmbench.stats.calibration import tempered
from fmbench.tasks.kind import predictions_table

LABELS = ("a", "b", "c")
KIND = KINDS["text-classification"]


def softmax(logits: np.ndarray) -> np.ndarray:
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def stored_of(probabilities: np.ndarray, gold: list[str], warm: float = 1.0, **more: Any) -> Stored:
    table = pa.table({"id": [str(i) for i in range(len(gold))], "text": ["x"] * len(gold), "label": gold, **more})
    predictions = predictions_table(KIND, table, probabilities, LABELS)
    predictions = with_fact(predictions, TEMPERATURE, {"value": warm, "n": 7})
    return Stored(predictions, ("accuracy",), LABELS, KIND.name, "author" if "author" in more else None)


def named(stored: Stored) -> dict[str, Measurement]:
    rows = Calibration.judge(stored, Calibration.Settings()).measurements
    assert len({row.metric for row in rows}) == len(rows)
    return {row.metric: row for row in rows}


def overconfident(n: int, seed: int, sharp: float = 2.5) -> tuple[np.ndarray, list[str]]:
    """Probabilities whose logits are `sharp` times what the labels are drawn from."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3))
    true = softmax(logits)
    gold = [LABELS[rng.choice(3, p=row)] for row in true]
    return softmax(sharp * logits), gold


@pytest.mark.parametrize("seed", range(4))
def test_proper_scores_are_those_of_scikit_learn(seed: int) -> None:
    probabilities, gold = overconfident(200, seed)
    rows = named(stored_of(probabilities, gold))
    single = probabilities.astype(np.float32).astype(np.float64)
    assert rows["nll"].value == pytest.approx(log_loss(gold, single / single.sum(axis=1, keepdims=True)), abs=1e-6)
    theirs = brier_score_loss(gold, probabilities, labels=LABELS, scale_by_half=False)
    assert rows["brier"].value == pytest.approx(theirs, abs=1e-6)
    exact = np.log(single[np.arange(200), [LABELS.index(one) for one in gold]])
    assert rows["nll"].value == pytest.approx(-exact.mean(), abs=1e-9), "of what is stored, to the last digit"


def test_every_number_lies_in_its_interval_and_knows_its_direction() -> None:
    rows = named(stored_of(*overconfident(400, 1)))
    assert set(rows) == {
        *(
            f"{name}{suffix}"
            for name in ("brier", "nll", "ece", "ece_floor", "ece_corrected")
            for suffix in ("", "_tempered")
        ),
        *("aurc", "selective_accuracy_80", "selective_accuracy_90", "temperature"),
    }
    for name, row in rows.items():
        if name != "temperature":
            assert row.low is not None and row.low <= row.value <= row.high, name
    assert {rows[name].higher_is_better for name in ("brier", "nll", "ece", "aurc")} == {False}
    assert rows["selective_accuracy_80"].higher_is_better is True
    assert rows["selective_accuracy_80"].value > rows["selective_accuracy_90"].value


def test_an_error_within_its_noise_is_near_zero_once_the_floor_is_off() -> None:
    """A calibrated model has a large ECE on few rows; without its floor that would pass for miscalibration."""
    found = [named(stored_of(*overconfident(300, seed, sharp=1.0))) for seed in range(20)]
    assert np.mean([rows["ece"].value for rows in found]) > 0.03
    assert abs(np.mean([rows["ece_corrected"].value for rows in found])) < 0.01
    assert sum(rows["ece"].value > rows["ece_floor"].high for rows in found) <= 3
    assert (
        named(stored_of(*overconfident(600, 0)))["ece"].value
        > named(stored_of(*overconfident(600, 0)))["ece_floor"].high
    )


def scene_with(validation: tuple[np.ndarray, list[str]], test: tuple[np.ndarray, list[str]]) -> Any:
    answers = {f"v{i}": row for i, row in enumerate(validation[0])} | {f"t{i}": row for i, row in enumerate(test[0])}
    texts = [f"t{i}" for i in range(len(test[1]))]
    scene, predictions = scene_of(
        KIND.name, {"text": texts, "label": test[1]}, LABELS, Model(lambda text: answers[text])
    )
    table = pa.table(
        {
            "id": [f"validation-{i}" for i in range(len(validation[1]))],
            "text": [f"v{i}" for i in range(len(validation[1]))],
            "label": validation[1],
        }
    )
    return type(scene)(**{**scene.__dict__, "validation": table}), predictions


def test_the_temperature_is_that_of_the_validation_rows_alone() -> None:
    """A temperature fitted on the rows that it is scored on flatters itself: the test rows must not decide it."""
    validation = overconfident(500, 3)
    scene, predictions = scene_with(validation, overconfident(300, 4))
    found = fact(Calibration.collect(scene, Calibration.Settings(), predictions), TEMPERATURE)
    index = [LABELS.index(one) for one in validation[1]]
    logits = np.log(validation[0].astype(np.float32).astype(np.float64))
    best = minimize_scalar(
        lambda log_t: -np.log(tempered(logits, np.exp(log_t))[np.arange(500), index]).mean(),
        bounds=(-3, 3),
        method="bounded",
    )
    assert found == {"value": pytest.approx(np.exp(best.x), rel=1e-4), "n": 500}
    other, others = scene_with(validation, overconfident(300, 5, sharp=0.2))
    assert fact(Calibration.collect(other, Calibration.Settings(), others), TEMPERATURE) == found
    rows = named(
        Stored(Calibration.collect(scene, Calibration.Settings(), predictions), ("accuracy",), LABELS, KIND.name)
    )
    assert rows["nll_tempered"].value < rows["nll"].value
    assert rows["temperature"].interval == "none: fitted on 500 validation targets"


def test_a_gold_label_that_the_model_does_not_know_is_an_error_and_no_crash() -> None:
    probabilities, gold = overconfident(60, 0)
    known = named(stored_of(probabilities, gold))
    rows = named(stored_of(probabilities, ["new", *gold[1:]]))
    assert rows["nll"].value > known["nll"].value
    assert rows["brier"].value == pytest.approx(
        known["brier"].value + (1 + 2 * probabilities[0, LABELS.index(gold[0])] - 1) / 60, abs=1e-6
    )


def test_options_beyond_those_of_the_training_rows_have_letters() -> None:
    kind = KINDS["multiple-choice"]
    table = pa.table(
        {"id": ["x", "y"], "question": ["?", "?"], "choices": [["p", "q", "r"], ["p", "q"]], "answer": ["C", "A"]}
    )
    predictions = predictions_table(kind, table, np.array([[0.2, 0.8, 0.0], [0.6, 0.4, 0.0]]), ("A", "B"))
    targets = targets_of(kind, predictions, ("A", "B"), None)
    assert targets.gold.tolist() == [2, 0]
    assert targets.predicted.tolist() == [1, 0]


def test_tags_are_calibrated_by_token_and_by_entity() -> None:
    kind_name, labels = "token-classification", ("PER",)
    rng = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {"tokens": [], "tags": []}
    answers: dict[str, np.ndarray] = {}
    for sentence in range(80):
        tokens = [f"{sentence}-{i}" for i in range(rng.integers(2, 9))]
        tags = ["B-PER" if rng.random() < 0.3 else "O" for _ in tokens]
        answers |= {
            token: softmax(rng.normal(size=(1, 3)) + 2 * np.eye(3)[[int(tag != "O")]])[0]
            for token, tag in zip(tokens, tags, strict=True)
        }
        columns["tokens"].append(tokens)
        columns["tags"].append(tags)
    model = Model(lambda tokens: np.stack([answers[token] for token in tokens]))
    scene, predictions = scene_of(kind_name, columns, labels, model)
    found = Calibration.collect(scene, Calibration.Settings(), predictions)
    stored = Stored(found, ("entity_f1",), labels, kind_name)
    rows = named(stored)
    flat = np.concatenate([np.stack([answers[token] for token in tokens]) for tokens in columns["tokens"]])
    gold = np.array([int(tag != "O") for tags in columns["tags"] for tag in tags])
    assert rows["nll"].value == pytest.approx(-np.log(flat[np.arange(len(gold)), gold]).mean(), abs=1e-6)
    assert (rows["nll"].n, rows["nll"].interval) == (len(gold), "cluster-bootstrap"), "tokens of a sentence depend"
    entities = sum(tag == "B-PER" or tag == "I-PER" for tags in predictions["prediction"].to_pylist() for tag in tags)
    assert 0 < rows["entity_ece"].n <= entities
    curves = Calibration.judge(stored, Calibration.Settings()).curves
    assert sum(curves["reliability_n"]) == len(gold)
    assert sum(curves["entity_reliability_n"]) == rows["entity_ece"].n


def test_kinds_without_classes_are_noted_and_left_alone() -> None:
    scene, predictions = scene_of(
        "text-regression", {"text": ["x", "y"], "score": [1.0, 2.0]}, (), Model(lambda text: [1.0])
    )
    assert Calibration.collect(scene, Calibration.Settings(), predictions) is predictions
    assert scene.notes == {"calibration": "text-regression has no probabilities of classes"}
    assert Calibration.judge(Stored(predictions, ("mae",), (), "text-regression"), Calibration.Settings()) == ([], {})


def test_curves_end_at_the_whole() -> None:
    probabilities, gold = overconfident(500, 2)
    curves = Calibration.judge(stored_of(probabilities, gold), Calibration.Settings()).curves
    assert len(curves["risk_coverage_coverage"]) == 101
    assert curves["risk_coverage_coverage"][-1] == 1.0
    wrong = probabilities.argmax(axis=1) != [LABELS.index(one) for one in gold]
    assert curves["risk_coverage_risk"][-1] == pytest.approx(wrong.mean())
    assert sum(curves["reliability_n"]) == 500
