"""minimal-pairs: which of two sentences a language model finds likelier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.suite.schema import Spec
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.texts import text_problems

LABELS = ("better", "worse")


class MinimalPairs(Defaults):
    """Fields `better` and `worse`, two sentences that differ in a few words; nothing is trained, every row is tested.

    "Better" is the grammatical one (BLiMP), or the one that says what a stereotype says (CrowS-Pairs, WinoBias).
    """

    name: ClassVar[str] = "minimal-pairs"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("better", "worse", "answer")
    raw_fields: ClassVar[tuple[str, ...] | None] = ("better", "worse")
    input_fields: ClassVar[tuple[str, ...]] = ("better", "worse")
    label_field: ClassVar[str] = "answer"
    readout: ClassVar[Readout] = "pair"
    target: ClassVar[Target] = "choice"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    trains: ClassVar[bool] = False

    class Options(Spec):
        tokens: Literal["all", "shared"] = Field(
            default="all",
            description="what a masked model scores: all tokens, or those that both sentences share (CrowS-Pairs)",
        )

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems = text_problems(rows, LABELS)
        return {**rows.columns, "answer": ["better"] * len(rows)}, problems

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return LABELS

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return list(rows["answer"])

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return LABELS

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.zeros(len(table), dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        """Only what is likelier counts as better: equal likelihoods are no preference, and wrong."""
        prediction = pa.array([LABELS[0] if a > b else LABELS[1] for a, b in scores], pa.string())
        flat = pa.array(np.ascontiguousarray(scores, dtype=np.float64).ravel())
        return prediction, pa.FixedSizeListArray.from_arrays(flat, 2)
