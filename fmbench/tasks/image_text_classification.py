"""image-text-classification: one label for an image and a text together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.image_classification import ImageClassification
from fmbench.tasks.labels import class_labels
from fmbench.tasks.media import Decoded, ImageOptions, contents
from fmbench.tasks.texts import text_problems


class ImageTextClassification(ImageClassification):
    """Fields `image`, `text` and `label`; models read pairs [uint8 array [height, width, channels], text]."""

    name: ClassVar[str] = "image-text-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("image", "text", "label")
    input_fields: ClassVar[tuple[str, ...]] = ("image", "text")
    modality: ClassVar[str | None] = "text"

    @classmethod
    def conform(cls, rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        images, problems = contents(rows, "image", cls.file_problem)
        labels, others = class_labels(rows)
        problems = problems + text_problems(rows, ("text",)) + others
        return {**rows.columns, "image": images, "label": labels}, problems

    @classmethod
    def read_inputs(cls, table: pa.Table, options: ImageOptions) -> Sequence[Any]:
        pairs = list(zip(table["image"].to_pylist(), table["text"].to_pylist(), strict=True))
        return Decoded(pairs, lambda pair: [options.decode(pair[0]), pair[1]])
