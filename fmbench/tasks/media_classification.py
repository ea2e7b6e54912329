"""What image- and audio-classification have in common: a file and one label a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.suite.schema import Split
from fmbench.tasks.defaults import Columns
from fmbench.tasks.kind import Readout
from fmbench.tasks.labels import class_labels
from fmbench.tasks.media import contents, decoded
from fmbench.tasks.text_classification import TextClassification


class MediaClassification(TextClassification):
    """Files in the first input field, decoded by the options of the kind when a model reads them."""

    optional_fields: ClassVar[tuple[str, ...]] = ()
    readout: ClassVar[Readout] = "none"

    @staticmethod
    def file_problem(content: bytes) -> str | None:
        """Why a file of the kind cannot be read; None where it can."""
        raise NotImplementedError

    @staticmethod
    def changed_note(splits: dict[str, Columns], options: Any) -> list[str]:
        """How many files models do not get as they are."""
        raise NotImplementedError

    @classmethod
    def conform(cls, rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        field = cls.input_fields[0]
        files, problems = contents(rows, field, cls.file_problem)
        labels, others = class_labels(rows)
        return {**rows.columns, field: files, "label": labels}, problems + others

    @classmethod
    def assemble(
        cls, splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        return splits, cls.changed_note(splits, options)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return list(cls.read_inputs(table, cls.Options()))

    @classmethod
    def read_inputs(cls, table: pa.Table, options: Any) -> Sequence[Any]:
        return decoded(table, cls.input_fields[0], options.decode)
