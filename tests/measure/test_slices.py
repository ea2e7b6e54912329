"""Slices: which rows they hold, what is marked, and what belongs to no report by label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scenes import Model, scene_of
from sklearn.metrics import accuracy_score

from fmbench.measure.measurement import Measurement
from fmbench.measure.quality import confusion, confusion_matrix, quality
from fmbench.measure.report import is_group, read_report
from fmbench.measure.scene import Judged, Stored
from fmbench.measure.slices import Slices
from fmbench.measure.transfer import Transfer

LABELS = ("bad", "good")


def judged(scene: Any, predictions: pa.Table, metrics: tuple[str, ...], labels: tuple[str, ...], **more: Any) -> Judged:
    found = Slices.collect(scene, Slices.Settings(), predictions)
    return Slices.judge(Stored(found, metrics, labels, scene.kind.name, **more), Slices.Settings())


def by_slice(rows: list[Measurement], metric: str) -> dict[str | None, Measurement]:
    return {row.slice: row for row in rows if row.metric == metric}


def test_thirds_by_length_cover_all_rows_once() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(["word"] * int(rng.integers(1, 40))) for _ in range(300)]
    gold = rng.choice(LABELS, 300).tolist()
    scene, predictions = scene_of(
        "text-classification",
        {"text": texts, "label": gold},
        LABELS,
        Model(lambda text: [len(text) % 2, 1 - len(text) % 2]),
    )
    rows, curves = judged(scene, predictions, ("accuracy",), LABELS)
    found = by_slice(rows, "accuracy")
    assert list(found) == ["length=short", "length=medium", "length=long"]
    assert sum(row.n for row in found.values()) == 300
    assert all(80 <= row.n <= 120 for row in found.values())
    size = np.array([len(text.split()) for text in texts])
    short = size <= curves["length_cuts"][0]
    guess = np.array(predictions["prediction"].to_pylist())
    assert found["length=short"].value == pytest.approx(accuracy_score(np.array(gold)[short], guess[short]), abs=1e-12)
    assert (found["length=short"].n, found["length=short"].interval) == (short.sum(), "wilson")


def test_a_small_group_is_marked_and_columns_give_their_values() -> None:
    columns = {"text": ["x"] * 120, "label": ["good"] * 120, "town": ["north"] * 90 + ["south"] * 30}
    scene, predictions = scene_of("text-classification", columns, LABELS, Model(lambda text: [0.1, 0.9]))
    rows, _ = judged(scene, predictions, ("accuracy",), LABELS, slices=("town",))
    found = by_slice(rows, "accuracy")
    assert (found["town=north"].n, found["town=north"].interval) == (90, "wilson")
    assert found["town=south"].interval == "wilson, under 50 rows: not to be ranked by"


def test_entities_seen_in_training_are_told_from_new_ones() -> None:
    columns = {
        "tokens": [["Ann", "met", "Bob"], ["Eve", "Li", "left"], ["Ann", "ran", "off"]],
        "tags": [["B-PER", "O", "B-PER"], ["B-PER", "I-PER", "O"], ["B-PER", "O", "O"]],
    }
    guess = {"Ann": 1, "met": 0, "Bob": 0, "Eve": 1, "Li": 2, "left": 1, "ran": 0, "off": 0}
    model = Model(lambda tokens: np.eye(3)[[guess[token] for token in tokens]])
    scene, predictions = scene_of("token-classification", columns, ("PER",), model)
    train = pa.table({"tokens": [["Ann", "sat"]], "tags": [["B-PER", "O"]]})
    scene = type(scene)(**{**scene.__dict__, "train": train})
    rows, _ = judged(scene, predictions, ("entity_f1", "entity_precision", "token_accuracy"), ("PER",))
    f1, precision = by_slice(rows, "entity_f1"), by_slice(rows, "entity_precision")
    assert (f1["entity=seen"].value, f1["entity=seen"].n) == (1.0, 2)
    assert f1["entity=unseen"].value == pytest.approx(0.5), "of Bob and Eve Li one is found, and `left` is none"
    assert (precision["entity=unseen"].value, f1["entity=unseen"].n) == (0.5, 2)
    assert "under 50 entities" in f1["entity=unseen"].interval
    assert "entity=seen" not in by_slice(rows, "token_accuracy")


def test_groups_are_no_part_of_the_report_by_label() -> None:
    columns = {"text": ["x", "y z", "x y z"] * 20, "label": ["good", "<=50K", "good"] * 20}
    labels = ("<=50K", "good")
    scene, predictions = scene_of("text-classification", columns, labels, Model(lambda text: [0.1, 0.9]))
    rows = quality(predictions, ["macro_f1"], labels)
    report = read_report(rows)
    assert [line.label for line in report][:2] == list(labels)
    assert read_report(rows + judged(scene, predictions, ("macro_f1",), labels).measurements) == report
    assert [is_group(name) for name in ("length=short", "age group=old", "<=50K", "x>=5", "B-PER", None)] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


def test_the_confusion_matrix_counts_everything() -> None:
    rows = pa.table(
        {"gold": ["bad", "good", "odd", "bad"], "prediction": ["bad", "bad", "good", "good"], "perturbation": [""] * 4}
    )
    curves = confusion(Stored(rows, ("accuracy",), LABELS, "text-classification"))
    assert confusion_matrix(curves, 2).tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 0]]
    tags = pa.table({"gold": [["B-PER", "I-PER", "O"]], "prediction": [["B-PER", "B-LOC", "O"]], "perturbation": [""]})
    curves = confusion(Stored(tags, ("entity_f1",), ("LOC", "PER"), "token-classification"))
    assert confusion_matrix(curves, 2).tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 1]]
    numbers = pa.table({"gold": [1.0], "prediction": [2.0], "perturbation": [""]})
    assert confusion(Stored(numbers, ("mae",), (), "text-regression")) == {}


def test_a_predictor_is_carried_to_tasks_of_its_labels_only() -> None:
    from fmbench.measure.scene import Elsewhere

    other = pa.table({"id": ["a", "b"], "text": ["x", "good"], "label": ["good", "good"], "author": ["k", "l"]})
    there = {
        "fits": Elsewhere("text-classification", ("good", "bad"), other, "author", "f1"),
        "labels": Elsewhere("text-classification", ("good", "ugly"), other, None, "f2"),
        "kind": Elsewhere("text-regression", (), other, None, "f3"),
    }
    model = Model(lambda text: [0.1, 0.9] if "good" in text else [0.9, 0.1])
    columns = {"text": ["good", "dull"], "label": ["good", "bad"]}
    scene, predictions = scene_of("text-classification", columns, LABELS, model, elsewhere=there)
    settings = Transfer.Settings(tasks=list(there))
    found = Transfer.collect(scene, settings, predictions)
    assert scene.notes == {"transfer:labels": "other labels", "transfer:kind": "another kind"}
    (row,) = Transfer.judge(Stored(found, ("accuracy",), LABELS, "text-classification"), settings).measurements
    assert (row.value, row.n, row.perturbation, row.severity) == (0.5, 2, "transfer:fits", None)
    assert row.interval == "cluster-bootstrap"
