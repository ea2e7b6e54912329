"""Kinds with images and recordings: what conforms, what models read, and that the gold comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from media.samples import RATE, media_table, picture, png, tone, wav
from pydantic import ValidationError

from fmbench.data.rows import Rows
from fmbench.registry import KINDS
from fmbench.suite.schema import Split
from fmbench.tasks.examples import Examples, model_inputs
from fmbench.tasks.kind import predictions_table
from fmbench.tasks.media import ImageOptions, SoundOptions

MEDIA = ["image-classification", "audio-classification", "image-text-classification"]
every_kind = pytest.mark.parametrize("name", MEDIA)


@every_kind
def test_good_rows_conform_once_and_for_all(name: str) -> None:
    kind, (table, labels) = KINDS[name], media_table(name, 4)
    rows = {field: table[field].to_pylist() for field in kind.fields} | {"author": list("abcd")}
    once, problems = kind.conform(Rows(rows, "good.csv"))
    twice, again = kind.conform(Rows(once, "good.csv"))
    assert problems == again == []
    assert once == twice == rows
    assert kind.labels(once) == labels
    assert kind.readout == "none"


@every_kind
def test_certain_scores_decode_to_the_gold_and_no_file_is_stored(name: str) -> None:
    kind, (table, labels) = KINDS[name], media_table(name, 4)
    scores = np.eye(2)[kind.targets(table, labels)]
    stored = predictions_table(kind, table, scores, labels)
    assert stored["prediction"].to_pylist() == stored["gold"].to_pylist() == table["label"].to_pylist()
    assert stored.column_names == ["example_id", "perturbation", "severity", "gold", "prediction", "scores"]


@every_kind
def test_inputs_are_decoded_on_demand_and_slices_too(name: str) -> None:
    kind, (table, labels) = KINDS[name], media_table(name, 4)
    options: Any = SoundOptions(sample_rate=RATE) if "audio" in name else ImageOptions(size=[6, 10], channels=1)
    inputs = Examples(kind, labels, table, table, options=options).inputs(table)
    assert len(inputs) == 4
    assert len(inputs[1:3]) == 2
    first, again = inputs[1], inputs[1:3][0]
    if name == "image-text-classification":
        assert first[1] == again[1] == table["text"][1].as_py()
        first, again = first[0], again[0]
    np.testing.assert_array_equal(first, again)
    if "audio" in name:
        np.testing.assert_allclose(first, tone("low", 1) / 32768, atol=1e-6)
    else:
        assert (first.shape, first.dtype) == ((6, 10, 1), np.uint8)
    assert len(model_inputs(kind, table)) == 4


def test_recordings_are_resampled_and_cut() -> None:
    kind, options = KINDS["audio-classification"], SoundOptions(sample_rate=4000, max_seconds=0.1)
    table = pa.table({"audio": [wav(tone("low", 0))], "label": ["low"]})
    assert len(kind.read_inputs(table, options)[0]) == 400
    columns = {"train": {"audio": [wav(tone("low", 0)), wav(np.zeros(40, np.int16), 4000)]}}
    assert kind.assemble(columns, {}, options, Split())[1] == [
        "1 of 2 recordings resampled to 4000 Hz",
        "1 of 2 recordings cut after 0.1 s",
    ]


def test_a_row_may_hold_bytes_a_mapping_or_a_path(tmp_path: Path) -> None:
    content = png(picture("red", 0))
    (tmp_path / "a.png").write_bytes(content)
    values = [
        content,
        {"bytes": content, "path": None},
        {"bytes": None, "path": "a.png"},
        "a.png",
        str(tmp_path / "a.png"),
    ]
    rows = Rows({"image": values, "label": ["x"] * 5}, str(tmp_path / "list.csv"))
    columns, problems = KINDS["image-classification"].conform(rows)
    assert not problems
    assert columns["image"] == [content] * 5


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    image = png(picture("red", 0))
    columns = {
        "image": [image, None, 7, b"", "gone.png", image, float("nan")],
        "text": ["fine", "a", "b", "c", "d", " ", "e"],
        "label": ["x", "x", "y", "x", "x", "x", ""],
    }
    _, problems = KINDS["image-text-classification"].conform(Rows(columns, "list.csv", lines=range(2, 9)))
    assert [str(problem) for problem in problems] == [
        "list.csv:3: the image cannot be read: neither the bytes nor the path of a file",
        "list.csv:4: the image cannot be read: neither the bytes nor the path of a file",
        "list.csv:5: the image cannot be read: the file is empty",
        "list.csv:6: the image gone.png cannot be read: No such file or directory",
        "list.csv:8: the image cannot be read: neither the bytes nor the path of a file",
        "list.csv:7: the text is empty",
        "list.csv:8: the label is empty or not a word",
    ]


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": [3]}, {"size": [3, 3, 3]}, {"channels": 2}, {"side": 3}])
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ImageOptions(**wrong)
