"""text-classification: one label for a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import IGNORED, Readout, Target
from fmbench.tasks.labels import class_labels, undeclared
from fmbench.tasks.stored import stored_scores
from fmbench.tasks.texts import PAIR, one_or_two_texts, text_problems


class TextClassification(Defaults):
    """Fields `text`, `label` and, if it is there, `text_pair`; a label is any string or number, kept as a string."""

    name: ClassVar[str] = "text-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("text", "label")
    optional_fields: ClassVar[tuple[str, ...]] = (PAIR,)
    input_fields: ClassVar[tuple[str, ...]] = ("text",)
    label_field: ClassVar[str] = "label"
    readout: ClassVar[Readout] = "sequence"
    target: ClassVar[Target] = "class"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        labels, problems = class_labels(rows)
        return {**rows.columns, "label": labels}, text_problems(rows, ("text", PAIR)) + problems

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(sorted(set(train["label"])))

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return list(rows["label"])

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        seen = set(train["label"])
        if len(seen) < 2:
            return f"the train split has only one class ({next(iter(seen))!r}), so there is nothing to learn"
        return undeclared(seen, labels)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return one_or_two_texts(table)

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        index = {label: i for i, label in enumerate(labels)}
        return np.array([index.get(label, IGNORED) for label in table["label"].to_pylist()], dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        prediction = pa.array([labels[i] for i in scores.argmax(axis=1)], pa.string())
        return prediction, stored_scores(scores)
