"""Labels of classes: as they come in rows, and what is wrong with those of a train split."""

from __future__ import annotations

from collections.abc import Iterable

from fmbench.data.rows import Rows
from fmbench.errors import Problem


def class_labels(rows: Rows, field: str = "label") -> tuple[list[str], list[Problem]]:
    """Labels as strings, and the problems of those that are none."""
    labels = []
    problems = []
    for i, label in enumerate(rows.columns[field]):
        if label is None or label != label or isinstance(label, list | dict) or not str(label).strip():
            problems.append(Problem("the label is empty or not a word", rows.place(i)))
        labels.append(str(label).strip())
    return labels, problems


def undeclared(seen: Iterable[str], labels: Iterable[str], what: str = "labels") -> str | None:
    """What is wrong with a train split that has labels which are not declared; None if all are."""
    outside = sorted(set(seen) - set(labels))
    return f"the train split has {what} that are not declared: {', '.join(outside[:5])}" if outside else None
