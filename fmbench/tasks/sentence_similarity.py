"""sentence-similarity: how alike two texts are, as a score on a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.stored import predicted_numbers
from fmbench.tasks.texts import one_score, score_column, score_strata, text_problems


class ScoredTexts(Defaults):
    """A number for each row, kept to the precision of float32, as data sets are often stored, in its shortest decimal
    form: 3.4 is 3.4 whether it was read from text or from single precision.
    """

    label_field: ClassVar[str] = "score"
    target: ClassVar[Target] = "score"

    @classmethod
    def conform(cls, rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        scores, problems = score_column(rows)
        problems = text_problems(rows, (*cls.input_fields, *cls.optional_fields)) + problems
        return {**rows.columns, "score": scores}, problems

    @staticmethod
    def score_range(train: dict[str, list[Any]]) -> tuple[float, float] | None:
        return min(train["score"]), max(train["score"])

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return score_strata(rows["score"])

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        return one_score(train["score"])

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ("score",)

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.asarray(table["score"].to_numpy(), dtype=np.float64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        return predicted_numbers(scores)


class SentenceSimilarity(ScoredTexts):
    """Fields `sentence1`, `sentence2` and `score`, a number; a model predicts one number for each pair."""

    name: ClassVar[str] = "sentence-similarity"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("sentence1", "sentence2", "score")
    input_fields: ClassVar[tuple[str, ...]] = ("sentence1", "sentence2")
    readout: ClassVar[Readout] = "pair"
    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson")
