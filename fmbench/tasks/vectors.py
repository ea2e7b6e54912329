"""What the kinds that predict several numbers a row have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.errors import CellFailed
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import Readout, Target


class Vectors(Defaults):
    """The gold is a list of numbers, equally long in every row; the labels are what they are called."""

    readout: ClassVar[Readout] = "none"
    target: ClassVar[Target] = "vector"
    label_field: ClassVar[str]

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return [""] * len(next(iter(rows.values())))

    @classmethod
    def degenerate(cls, train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        gold = np.asarray(train[cls.label_field], dtype=np.float64)
        return "the train split has one and the same target in every row" if (gold == gold[0]).all() else None

    @classmethod
    def targets(cls, table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        flat = table[cls.label_field].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, dtype=np.float64).reshape(len(table), len(labels))

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        values = finite(scores)
        prediction = pa.ListArray.from_arrays(
            np.arange(0, values.size + 1, values.shape[1], dtype=np.int32), pa.array(values.ravel())
        )
        return prediction, pa.nulls(len(values), pa.list_(pa.float32()))


def finite(scores: np.ndarray) -> np.ndarray:
    """Predicted numbers as float64 [n, k]. Raises CellFailed if one is not finite."""
    values = np.ascontiguousarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise CellFailed("the model predicted numbers that are not finite")
    return values
