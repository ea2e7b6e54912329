"""What most task kinds have in common; a kind says only what is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.suite.schema import Spec, Split
from fmbench.tasks.kind import predictions_table

Columns = dict[str, list[Any]]


class NoOptions(Spec):
    """The kind has nothing to set."""


class Defaults:
    """Rows are read as they are, inputs are their fields, a model's answers become predictions one by one.

    There are no labels unless a kind says which, an output a label, and any train split will do.
    """

    raw_fields: ClassVar[tuple[str, ...] | None] = None
    optional_fields: ClassVar[tuple[str, ...]] = ()
    gather: ClassVar[str | None] = None
    modality: ClassVar[str | None] = None
    side: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    trains: ClassVar[bool] = True
    Options: ClassVar[type[Spec]] = NoOptions
    may_lack: ClassVar[tuple[str, ...]] = ()
    input_fields: ClassVar[tuple[str, ...]]

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        return splits, []

    @staticmethod
    def labels(train: Columns) -> tuple[str, ...]:
        return ()

    @staticmethod
    def degenerate(train: Columns, labels: tuple[str, ...]) -> str | None:
        return None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return tuple(labels)

    @staticmethod
    def score_range(train: Columns) -> tuple[float, float] | None:
        return None

    @classmethod
    def inputs(cls, table: pa.Table) -> Sequence[Any]:
        columns = [table[name].to_pylist() for name in cls.input_fields]
        return columns[0] if len(columns) == 1 else [list(row) for row in zip(*columns, strict=True)]

    @classmethod
    def read_inputs(cls, table: pa.Table, options: Any) -> Sequence[Any]:
        return cls.inputs(table)

    @staticmethod
    def part(item: Any) -> Any:
        return item

    @staticmethod
    def with_part(item: Any, part: Any) -> Any:
        return part

    @classmethod
    def predictions(
        cls,
        predict: Callable[[Sequence[Any]], np.ndarray],
        inputs: Sequence[Any],
        table: pa.Table,
        labels: Sequence[str],
        options: Any,
    ) -> pa.Table:
        return predictions_table(cls, table, predict(inputs), labels)  # type: ignore[arg-type]

    @staticmethod
    def annotate(predictions: pa.Table, side: Mapping[str, pa.Table]) -> pa.Table:
        return predictions
