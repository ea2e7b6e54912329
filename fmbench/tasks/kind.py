"""What every task kind offers, and the table of predictions that all of them fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fmbench.data.dataset import RESERVED
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Spec, Split

IGNORED = -100
Readout = Literal["sequence", "token", "pair", "choice", "none"]
"""What of the input gives one target.

sequence  a text, or a list of two texts that are read as one
token     each token of a list
pair      two texts, each read by itself
choice    a list of a text and the options that may follow it
none      no text is read
"""
Target = Literal["class", "classes", "score", "vector", "ranking", "choice", "text"]
"""What a model answers for each target:

class    probabilities of classes, [n_targets, n_outputs], summing to 1
classes  the probability of each class on its own, [n_targets, n_outputs] (multi-label)
score    a number on a scale, [n_targets, 1]
vector   several numbers (a forecast), [n_targets, n_outputs]
ranking  the best outputs in order, as their numbers, int64 [n_targets, k], -1 where there are no more
choice   the probability of each option of the row itself, [n_targets, n_outputs]
text     a text, objects [n_targets, 1]
"""


class Kind(Protocol):
    """A sort of task; the classes named in the registry KINDS follow this.

    A row has one or more targets (a text has one, a sentence has one a token); a model gives one row of answers for
    each target, over `outputs(labels)`; `target` says of which sort. `tasks.defaults.Defaults` has the usual choices.

    Args:
        fields: columns of every row, inputs and gold.
        raw_fields: columns to ask of the source, if `assemble` makes the rows out of other ones; None if it does not.
        optional_fields: columns that are taken if the source has them, and belong to the inputs.
        gather: a field that collects all other columns of the source as a mapping (the features of a table), or None.
        side: tables beside the rows, name -> columns that they must have (the items of a recommendation task).
        trains: whether a model learns from rows; where it is False, all rows are test rows.
        Options: settings of the kind in a task file, `options: {...}`.
        may_lack: splits that may have no rows, where nothing has to be learned ("train").
        readout: what an encoder of texts reads; "none" for kinds without text.
        modality: the sort of example that inputs are to perturbations ("row", "image", "series" ...), see
            `tasks.perturbed`; None leaves it to the readout.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    fields: ClassVar[tuple[str, ...]]
    input_fields: ClassVar[tuple[str, ...]]
    label_field: ClassVar[str]
    readout: ClassVar[Readout]
    target: ClassVar[Target]
    metrics: ClassVar[tuple[str, ...]]
    raw_fields: ClassVar[tuple[str, ...] | None]
    optional_fields: ClassVar[tuple[str, ...]]
    gather: ClassVar[str | None]
    modality: ClassVar[str | None]
    side: ClassVar[Mapping[str, tuple[str, ...]]]
    trains: ClassVar[bool]
    Options: ClassVar[type[Spec]]
    may_lack: ClassVar[tuple[str, ...]]

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        """Columns in their canonical form, and what is wrong with which row."""

    @staticmethod
    def assemble(
        splits: dict[str, dict[str, list[Any]]],
        side: dict[str, dict[str, list[Any]]],
        options: Any,
        split: Split,
    ) -> tuple[dict[str, dict[str, list[Any]]], list[str]]:
        """Rows of the task out of conformed rows of the source, and notes on what was done.

        Kinds whose splits follow time or users cut them here (windows of a series, the last item of each user);
        splits that are still missing are cut at random afterwards. Tables in `side` may be completed in place (a
        catalogue of items with their popularity). Raises InputError.
        """

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
        Sets of classes are int8 [n_targets, n_outputs], scores float64 [n_targets], vectors float64
        [n_targets, n_outputs], ranked items and options of their own int64 [n_targets], texts objects [n_targets].
        """

    @classmethod
    def inputs(cls, table: pa.Table) -> Sequence[Any]:
        """What a model reads, one entry a row: a text, a list of tokens, a list of texts, a mapping, an array ..."""

    @classmethod
    def read_inputs(cls, table: pa.Table, options: Any) -> Sequence[Any]:
        """The same under the task's options; what is costly to decode is decoded when it is asked for."""

    @staticmethod
    def part(item: Any) -> Any:
        """What of an input is perturbed: float [time, channels] of "series", float [time, 2] of "path", the items of
        "events". Kinds of other modalities do not say."""

    @staticmethod
    def with_part(item: Any, part: Any) -> Any:
        """The input with another such part in its place."""

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        """Predictions and what to store of the scores, one entry a row, from what a model gave (see Target)."""

    @classmethod
    def predictions(
        cls,
        predict: Callable[[Sequence[Any]], np.ndarray],
        inputs: Sequence[Any],
        table: pa.Table,
        labels: Sequence[str],
        options: Any,
    ) -> pa.Table:
        """The table of predictions of `table`; kinds that are scored in a closed loop let the model drive here."""

    @staticmethod
    def annotate(predictions: pa.Table, side: Mapping[str, pa.Table]) -> pa.Table:
        """`predictions` with what metrics need of the tables beside the rows, such as the popularity of items."""


def predictions_table(
    kind: Kind, table: pa.Table, scores: np.ndarray, labels: Sequence[str], perturbation: str = "", severity: int = 0
) -> pa.Table:
    """The predictions of one test table: example_id, perturbation, severity, gold, prediction, scores, other columns.

    Args:
        scores: probabilities or predicted scores [n_targets, n_outputs], rows in the order of `table`.
        perturbation: name of the corruption that the inputs went through; "" for clean input.
        severity: of that corruption; 0 for clean input.

    Raises:
        InputError: another column of `table` goes by the name of one of these.
    """
    prediction, stored = kind.decode(scores, table, labels)
    columns: dict[str, Any] = {
        "example_id": table["id"],
        "perturbation": pa.array([perturbation] * len(table), pa.string()),
        "severity": pa.array([severity] * len(table), pa.int32()),
        "gold": table[kind.label_field],
        "prediction": prediction,
        "scores": stored,
    }
    for name in table.column_names:
        if name in RESERVED and name != "id":
            raise InputError(f"the column {name!r} has the name of a column of the predictions: rename it")
        if name not in ("id", *kind.fields, *kind.optional_fields):
            columns[name] = table[name]
    return pa.table(columns)


def passed(predictions: pa.Table, perturbation: str, severity: int) -> pa.Table:
    """The same rows as those of another pass over the inputs."""
    marks = {"perturbation": pa.array([perturbation] * len(predictions), pa.string())}
    marks["severity"] = pa.array([severity] * len(predictions), pa.int32())
    for name, values in marks.items():
        predictions = predictions.set_column(predictions.column_names.index(name), name, values)
    return predictions


def of_pass(predictions: pa.Table, perturbation: str, severity: int) -> pa.Table:
    """The rows of one pass, in the order of the table."""
    here = pc.equal(predictions["perturbation"], perturbation)
    return predictions.filter(pc.and_(here, pc.equal(predictions["severity"], severity)))


def clean(predictions: pa.Table) -> pa.Table:
    """The rows of clean inputs."""
    return predictions.filter(pc.equal(predictions["perturbation"], ""))
