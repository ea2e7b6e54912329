"""rating-prediction: how a user rates an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.catalogue import names
from fmbench.tasks.defaults import Columns, Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.stored import predicted_numbers
from fmbench.tasks.texts import number


class RatingPrediction(Defaults):
    """Fields `user`, `item` and `rating`, a number. A model reads [user, item]. Splits that are missing are random."""

    name: ClassVar[str] = "rating-prediction"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("user", "item", "rating")
    input_fields: ClassVar[tuple[str, ...]] = ("user", "item")
    label_field: ClassVar[str] = "rating"
    readout: ClassVar[Readout] = "none"
    target: ClassVar[Target] = "score"
    metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems: list[Problem] = []
        columns: Columns = {field: names(rows, field, problems) for field in ("user", "item")}
        columns["rating"] = [number(value) for value in rows.columns["rating"]]
        problems += [
            Problem(f"the rating is not a number: {rows.columns['rating'][i]!r}", rows.place(i))
            for i, rating in enumerate(columns["rating"])
            if rating is None
        ]
        return {**rows.columns, **columns}, problems

    @staticmethod
    def score_range(train: Columns) -> tuple[float, float] | None:
        return min(train["rating"]), max(train["rating"])

    @staticmethod
    def strata(rows: Columns) -> list[str]:
        return (
            [f"{rating:g}" for rating in rows["rating"]] if len(set(rows["rating"])) <= 20 else [""] * len(rows["user"])
        )

    @staticmethod
    def degenerate(train: Columns, labels: tuple[str, ...]) -> str | None:
        low, high = min(train["rating"]), max(train["rating"])
        return f"the train split has only one rating ({low:g}), so there is nothing to learn" if low == high else None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ("rating",)

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.asarray(table["rating"].to_numpy(), dtype=np.float64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        return predicted_numbers(scores)
