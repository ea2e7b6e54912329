"""audio-classification: one label for a recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.data.sound import sound_problem
from fmbench.errors import Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.kind import Readout
from fmbench.tasks.media import SoundOptions, class_labels, contents, cut_note, decoded
from fmbench.tasks.text_classification import TextClassification


class AudioClassification(TextClassification):
    """Fields `audio`, the bytes or the path of a wav file, and `label`; models read float32 [n_samples], one channel.

    Labels are those of text-classification: any string or number, kept as a string.
    """

    name: ClassVar[str] = "audio-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("audio", "label")
    optional_fields: ClassVar[tuple[str, ...]] = ()
    input_fields: ClassVar[tuple[str, ...]] = ("audio",)
    modality: ClassVar[str | None] = "audio"
    readout: ClassVar[Readout] = "none"
    Options: ClassVar[type[Spec]] = SoundOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        sounds, problems = contents(rows, "audio", sound_problem)
        labels, others = class_labels(rows)
        return {**rows.columns, "audio": sounds, "label": labels}, problems + others

    @staticmethod
    def assemble(splits: dict[str, Any], side: Any, options: Any, split: Split) -> tuple[dict[str, Any], list[str]]:
        return splits, cut_note(splits, options)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return list(cls.read_inputs(table, SoundOptions()))

    @classmethod
    def read_inputs(cls, table: pa.Table, options: Any) -> Sequence[Any]:
        return decoded(table, "audio", options.decode)
