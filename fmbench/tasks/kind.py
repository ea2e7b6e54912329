"""What every task kind offers, and the table of predictions that all of them fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem

IGNORED = -100
Readout = Literal["sequence", "token", "pair"]
"""What gives one target: a whole input, each token of it, or two texts together."""


class Kind(Protocol):
    """A sort of task; the classes named in the registry KINDS follow this.

    A row has one or more targets (a text has one, a sentence has one a token); a model gives one row of scores for
    each target, over `outputs(labels)`. Targets are classes, or scores on a scale; the latter have no label space.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    fields: ClassVar[tuple[str, ...]]
    input_fields: ClassVar[tuple[str, ...]]
    label_field: ClassVar[str]
    readout: ClassVar[Readout]
    target: ClassVar[Literal["class", "score"]]
    metrics: ClassVar[tuple[str, ...]]

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        """Columns in their canonical form, and what is wrong with which row."""

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        """The label space as the training rows show it, sorted; empty where targets are scores."""

    @staticmethod
    def score_range(train: dict[str, list[Any]]) -> tuple[float, float] | None:
        """Lowest and highest training score; None where targets are classes."""

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        """For each row the stratum that a random split keeps in proportion."""

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        """Why nothing can be learned from these rows, or None."""

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        """The classes a model scores, in order; one name where it predicts a score."""

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        """What a model should find for each target.

        Classes are int64 [n_targets]: index into `outputs(labels)`, IGNORED where the gold label is outside of them.
        Scores are float64 [n_targets].
        """

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        """Predictions and what to store of the scores, one entry a row, from what a model gave.

        That is [n_targets, n_outputs]: probabilities of classes, or predicted scores with n_outputs = 1.
        """


def predictions_table(
    kind: Kind, table: pa.Table, scores: np.ndarray, labels: Sequence[str], perturbation: str = ""
) -> pa.Table:
    """The predictions of one test table: example_id, perturbation, gold, prediction, scores, other columns.

    Args:
        scores: probabilities or predicted scores [n_targets, n_outputs], rows in the order of `table`.
        perturbation: name of the corruption that the inputs went through; "" for clean input.

    Raises:
        InputError: another column of `table` goes by the name of one of these.
    """
    prediction, stored = kind.decode(scores, table, labels)
    columns: dict[str, Any] = {
        "example_id": table["id"],
        "perturbation": pa.array([perturbation] * len(table), pa.string()),
        "gold": table[kind.label_field],
        "prediction": prediction,
        "scores": stored,
    }
    for name in table.column_names:
        if name in columns:
            raise InputError(f"the column {name!r} has the name of a column of the predictions: rename it")
        if name not in ("id", *kind.input_fields, kind.label_field):
            columns[name] = table[name]
    return pa.table(columns)
