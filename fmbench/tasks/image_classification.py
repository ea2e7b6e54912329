"""image-classification: one label for an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from fmbench.data.images import image_problem
from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.kind import Readout
from fmbench.tasks.media import ImageOptions, class_labels, contents, decoded, resized_note
from fmbench.tasks.text_classification import TextClassification


class ImageClassification(TextClassification):
    """Fields `image`, the bytes or the path of an image file, and `label`; models read uint8 [height, width, channels].

    Labels are those of text-classification: any string or number, kept as a string.
    """

    name: ClassVar[str] = "image-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("image", "label")
    optional_fields: ClassVar[tuple[str, ...]] = ()
    input_fields: ClassVar[tuple[str, ...]] = ("image",)
    modality: ClassVar[str | None] = "image"
    readout: ClassVar[Readout] = "none"
    Options: ClassVar[type[Spec]] = ImageOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        images, problems = contents(rows, "image", image_problem)
        labels, others = class_labels(rows)
        return {**rows.columns, "image": images, "label": labels}, problems + others

    @staticmethod
    def assemble(splits: dict[str, Any], side: Any, options: Any, split: Split) -> tuple[dict[str, Any], list[str]]:
        return splits, resized_note(splits, options)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return list(cls.read_inputs(table, ImageOptions()))

    @classmethod
    def read_inputs(cls, table: pa.Table, options: Any) -> Sequence[Any]:
        return decoded(table, "image", options.decode)
