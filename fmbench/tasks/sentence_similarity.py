"""sentence-similarity: how alike two texts are, as a score on a scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import Readout, Target

STRATA = 10


class SentenceSimilarity(Defaults):
    """Fields `sentence1`, `sentence2` and `score`, a number; a model predicts one number for each pair.

    Scores are kept to the precision of float32, as data sets are often stored, in their shortest decimal form: 3.4 is
    3.4 whether it was read from text or from single precision.
    """

    name: ClassVar[str] = "sentence-similarity"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("sentence1", "sentence2", "score")
    input_fields: ClassVar[tuple[str, ...]] = ("sentence1", "sentence2")
    label_field: ClassVar[str] = "score"
    readout: ClassVar[Readout] = "pair"
    target: ClassVar[Target] = "score"
    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems: list[Problem] = []
        for field in SentenceSimilarity.input_fields:
            for i, text in enumerate(rows.columns[field]):
                if not isinstance(text, str) or not text.strip():
                    what = "empty" if isinstance(text, str) else "not a string"
                    problems.append(Problem(f"{field} is {what}", rows.place(i)))
        scores = [number(value) for value in rows.columns["score"]]
        for i, score in enumerate(scores):
            if score is None:
                problems.append(Problem(f"the score is not a number: {rows.columns['score'][i]!r}", rows.place(i)))
        return {**rows.columns, "score": scores}, problems[:20]

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return ()

    @staticmethod
    def score_range(train: dict[str, list[Any]]) -> tuple[float, float] | None:
        return min(train["score"]), max(train["score"])

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        """Tenths of the rows by score; equal scores share a stratum."""
        scores = np.asarray(rows["score"], dtype=np.float64)
        edges = np.quantile(scores, np.arange(1, STRATA) / STRATA, method="lower")
        return [f"{i} of {STRATA}" for i in np.searchsorted(edges, scores)]

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        low, high = min(train["score"]), max(train["score"])
        return f"the train split has only one score ({low:g}), so there is nothing to learn" if low == high else None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ("score",)

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.asarray(table["score"].to_numpy(), dtype=np.float64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        prediction = pa.array(np.ascontiguousarray(scores[:, 0], dtype=np.float64))
        return prediction, pa.FixedSizeListArray.from_arrays(prediction.cast(pa.float32()), 1)


def number(value: Any) -> float | None:
    """`value` in float32 precision if it is a finite number or the text of one, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    with np.errstate(over="ignore"):
        short = np.float32(number)
    return float(str(short)) if math.isfinite(short) else None
