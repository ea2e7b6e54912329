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


class TextClassification(Defaults):
    """Fields `text` and `label`; a label is any string or number, kept as a string."""

    name: ClassVar[str] = "text-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("text", "label")
    input_fields: ClassVar[tuple[str, ...]] = ("text",)
    label_field: ClassVar[str] = "label"
    readout: ClassVar[Readout] = "sequence"
    target: ClassVar[Target] = "class"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems = []
        texts, labels = [], []
        for i, (text, label) in enumerate(zip(rows.columns["text"], rows.columns["label"], strict=True)):
            if not isinstance(text, str) or not text.strip():
                problems.append(
                    Problem(f"the text is {'empty' if isinstance(text, str) else 'not a string'}", rows.place(i))
                )
            if label is None or label != label or isinstance(label, list | dict) or not str(label).strip():
                problems.append(Problem("the label is empty or not a word", rows.place(i)))
            texts.append(text)
            labels.append(str(label).strip())
        return {**rows.columns, "text": texts, "label": labels}, problems[:20]

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

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        index = {label: i for i, label in enumerate(labels)}
        return np.array([index.get(label, IGNORED) for label in table["label"].to_pylist()], dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        prediction = pa.array([labels[i] for i in scores.argmax(axis=1)], pa.string())
        flat = pa.array(np.ascontiguousarray(scores, dtype=np.float32).ravel())
        return prediction, pa.FixedSizeListArray.from_arrays(flat, scores.shape[1])
