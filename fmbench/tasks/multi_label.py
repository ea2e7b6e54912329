"""multi-label-classification: any number of labels for a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.defaults import Columns, Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.labels import undeclared
from fmbench.tasks.stored import stored_scores
from fmbench.tasks.texts import PAIR, one_or_two_texts, text_problems


class MultiLabelOptions(Spec):
    separator: str = Field(default="|", min_length=1, description="between the labels of a row that is one string")


class MultiLabelClassification(Defaults):
    """Fields `text` (and `text_pair`, if it is there) and `labels`: a list, or one string with a separator.

    A row may have no label; a label is predicted where its probability is at least one half.
    """

    name: ClassVar[str] = "multi-label-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("text", "labels")
    optional_fields: ClassVar[tuple[str, ...]] = (PAIR,)
    input_fields: ClassVar[tuple[str, ...]] = ("text",)
    label_field: ClassVar[str] = "labels"
    readout: ClassVar[Readout] = "sequence"
    target: ClassVar[Target] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1", "subset_accuracy")
    Options: ClassVar[type[Spec]] = MultiLabelOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems = text_problems(rows, ("text", PAIR))
        for i, labels in enumerate(rows.columns["labels"]):
            if not isinstance(labels, str) and not (
                isinstance(labels, list) and all(isinstance(label, str) and label.strip() for label in labels)
            ):
                what = f"labels must be a list of words or one string, got {type(labels).__name__}"
                problems.append(Problem(what, rows.place(i)))
        return dict(rows.columns), problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: Mapping[str, Mapping[str, list[Any]]], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        for columns in splits.values():
            columns["labels"] = [_set_of(labels, options.separator) for labels in columns["labels"]]
        return splits, []

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(sorted(set(chain.from_iterable(train["labels"]))))

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        """By the rarest label of the row, so that rare ones are in every split."""
        counts: dict[str, int] = {}
        for label in chain.from_iterable(rows["labels"]):
            counts[label] = counts.get(label, 0) + 1
        return [min(labels, key=lambda label: (counts[label], label), default="") for labels in rows["labels"]]

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        seen = set(chain.from_iterable(train["labels"]))
        if not seen:
            return "the train split has no label at all, so there is nothing to learn"
        return undeclared(seen, labels)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return one_or_two_texts(table)

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        index = {label: i for i, label in enumerate(labels)}
        found = np.zeros((len(table), len(labels)), dtype=np.int8)
        for row, own in enumerate(table["labels"].to_pylist()):
            found[row, [index[label] for label in own if label in index]] = 1
        return found

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        chosen = [[labels[int(i)] for i in np.flatnonzero(row >= 0.5)] for row in scores]
        return pa.array(chosen, pa.list_(pa.string())), stored_scores(scores)


def _set_of(labels: str | list[str], separator: str) -> list[str]:
    named = labels.split(separator) if isinstance(labels, str) else labels
    return sorted({label.strip() for label in named} - {""})
