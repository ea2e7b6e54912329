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
        problems = text_problems(rows, ("text", PAIR))
        labels = []
        for i, label in enumerate(rows.columns["label"]):
            if label is None or label != label or isinstance(label, list | dict) or not str(label).strip():
                problems.append(Problem("the label is empty or not a word", rows.place(i)))
            labels.append(str(label).strip())
        return {**rows.columns, "label": labels}, problems

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
        outside = sorted(seen - set(labels))
        if outside:
            return f"the train split has labels that are not declared: {', '.join(outside[:5])}"
        return None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return tuple(labels)

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
        flat = pa.array(np.ascontiguousarray(scores, dtype=np.float32).ravel())
        return prediction, pa.FixedSizeListArray.from_arrays(flat, scores.shape[1])
