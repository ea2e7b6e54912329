"""Rows as what perturbations work on, and back: every kind of texts, and images and table rows in miniature."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from test_kinds import SAMPLES, conformed

from fmbench.perturb.examples import Audio, Image, Row
from fmbench.registry import KINDS, PERTURBATIONS
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.perturbed import equipped, examples, label_of, lengths, modality, refusal, replaced

TEXTUAL = [name for name in KINDS if name in SAMPLES and modality(KINDS[name]) in ("text", "tokens")]


@pytest.mark.parametrize("name", TEXTUAL)
def test_examples_come_back_as_they_went(name: str) -> None:
    kind, table = conformed(name)
    rows = examples(kind, kind.inputs(table), table, None)
    inputs, again = replaced(kind, kind.inputs, table, rows)
    assert again.equals(table)
    assert list(inputs) == list(kind.inputs(table))
    assert lengths(kind, table, "en").min() > 0


def test_only_a_class_can_turn_into_its_opposite() -> None:
    negation, typos = PERTURBATIONS["negation"], PERTURBATIONS["typos"]
    found = {name: label_of(negation, KINDS[name]) for name in KINDS}
    assert found["text-classification"] == "flips"
    assert found["token-classification"] == "kept"
    assert found["multiple-choice"] == found["sentence-similarity"] == "may-change"
    assert {label_of(typos, KINDS[name]) for name in KINDS} == {"kept"}


def test_swapped_names_come_from_the_training_rows() -> None:
    kind = KINDS["token-classification"]
    train = pa.table({"tokens": [["Ann", "ran"], ["Bo", "Li"]], "tags": [["B-PER", "O"], ["B-PER", "I-PER"]]})
    swap = equipped(PERTURBATIONS["entity-swap"], kind, train)
    assert swap.options["mentions"] == {"PER": (("Ann",), ("Bo", "Li"))}
    known = equipped(PERTURBATIONS["entity-swap-new"], kind, train).options["known"]
    assert known == {"PER": {("Ann",), ("Bo", "Li")}}
    assert equipped(PERTURBATIONS["typos"], kind, train) is PERTURBATIONS["typos"]


def test_a_refusal_is_one_sentence() -> None:
    kind = KINDS["text-classification"]
    assert refusal(PERTURBATIONS["typos"], kind, "en") is None
    assert refusal(PERTURBATIONS["typos"], kind, "zh") == "perturbation 'typos' is not for zh"
    assert "works on image" in str(refusal(PERTURBATIONS["fog"], kind, "en"))


@pytest.mark.parametrize(
    ("sort", "inputs", "made"),
    [
        ("image", [np.zeros((2, 2, 3), np.uint8)], Image),
        ("audio", [np.zeros(8, np.float32)], Audio),
        ("row", [{"age": 3.0, "town": None}], Row),
    ],
)
def test_inputs_that_are_no_text_are_replaced_themselves(sort: str, inputs: list[object], made: type) -> None:
    class Made(Defaults):
        name, readout, modality, label_field, fields = "made", "none", sort, "label", ("x", "label")
        input_fields = ("x",)

    class Options:
        sample_rate = 8000

    table = pa.table({"id": ["a"], "label": ["b"]})
    rows = examples(Made, inputs, table, Options())  # type: ignore[arg-type]
    assert isinstance(rows[0][0], made)
    back, same = replaced(Made, lambda rows: [], table, rows)  # type: ignore[arg-type]
    assert same is table
    assert (back[0] == inputs[0]) if sort == "row" else np.array_equal(back[0], inputs[0])  # type: ignore[arg-type]


def test_a_kind_whose_inputs_nobody_knows_is_refused() -> None:
    class Unknown(Defaults):
        name, readout = "unknown", "none"

    assert refusal(PERTURBATIONS["typos"], Unknown, "en") == (  # type: ignore[arg-type]
        "perturbation 'typos': the inputs of unknown cannot be perturbed"
    )
