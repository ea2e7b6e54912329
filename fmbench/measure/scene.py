"""What a measure may look at that must predict more than the clean test rows, and what all of them are judged by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from fmbench.measure.evidence import Evidence
from fmbench.measure.measurement import Measurement
from fmbench.tasks.kind import Kind, clean

Predict = Callable[[Sequence[Any]], np.ndarray]
"""Inputs of a kind -> what a model gives for each target, see tasks.kind.Target."""


@dataclass(frozen=True)
class Elsewhere:
    """The test rows of another task of the suite, and the column that groups dependent ones, or None."""

    kind: str
    labels: tuple[str, ...]
    test: pa.Table
    cluster_key: str | None
    fingerprint: str


@dataclass(frozen=True)
class Scene:
    """One fitted cell with its data.

    Args:
        predict: the fitted model; tokens and features may come from a cache.
        predict_anew: the same without a cache.
        read: what a model reads of a table.
        inputs: of the test rows; `scores` is what the model gave for them, None if it was not asked once and for all.
        options: the task's settings of its kind; language: its code; side: tables beside its rows.
        elsewhere: other tasks by name, as far as the suite's measures need them.
        notes: metric -> why it is missing; goes to `environment["missing"]`.
    """

    kind: Kind
    predict: Predict
    predict_anew: Predict
    read: Callable[[pa.Table], Sequence[Any]]
    train: pa.Table
    validation: pa.Table
    test: pa.Table
    inputs: Sequence[Any]
    scores: np.ndarray | None
    labels: tuple[str, ...]
    options: Any
    language: str
    side: Mapping[str, pa.Table] = field(default_factory=dict)
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def predictions(self, inputs: Sequence[Any], table: pa.Table, predict: Predict | None = None) -> pa.Table:
        """The table of predictions of any rows of this kind, by default with the cache."""
        found = self.kind.predictions(predict or self.predict, inputs, table, self.labels, self.options)
        return self.kind.annotate(found, self.side)


class Judged(NamedTuple):
    """What was found, and lists to be drawn."""

    measurements: list[Measurement]
    curves: dict[str, list[float]]


@dataclass(frozen=True)
class Stored:
    """Stored predictions, as they are judged.

    Args:
        predictions: every row, clean and perturbed.
        metrics: of the task, the main one first.
        kind: name of the task's kind.
        cluster_key: column whose values group dependent rows, or None.
        slices: columns by whose values scores are reported as well.
    """

    predictions: pa.Table
    metrics: tuple[str, ...]
    labels: tuple[str, ...]
    kind: str
    cluster_key: str | None = None
    slices: tuple[str, ...] = ()

    @cached_property
    def clean(self) -> pa.Table:
        return clean(self.predictions)

    def clusters(self, rows: pa.Table) -> list[Any] | None:
        """The cluster of each of some rows, or None."""
        return rows[self.cluster_key].to_pylist() if self.cluster_key else None


@runtime_checkable
class Collects(Protocol):
    """A measure that adds rows, columns or facts to the table of predictions while the model is at hand."""

    @staticmethod
    def collect(scene: Scene, settings: Any, predictions: pa.Table) -> pa.Table: ...


@runtime_checkable
class Judges(Protocol):
    """A measure that is a pure function of stored predictions, so that `fmbench score` can repeat it."""

    @staticmethod
    def judge(stored: Stored, settings: Any) -> Judged: ...


@runtime_checkable
class Misses(Protocol):
    """A measure that can say why some of its measurements are missing, from the same stored predictions."""

    @staticmethod
    def missing(stored: Stored, settings: Any) -> dict[str, str]: ...


@runtime_checkable
class JudgesTables(Protocol):
    """A measure of the predictor whose measurements are a pure function of the tables that it stored."""

    @staticmethod
    def judge_tables(tables: Mapping[str, pa.Table]) -> list[Measurement]: ...


@runtime_checkable
class Times(Protocol):
    """A measure of the predictor at work: nothing else may be computed meanwhile."""

    @staticmethod
    def measure(evidence: Evidence, settings: Any) -> list[Measurement]: ...


def fact(predictions: pa.Table, name: str) -> Any:
    """Something known about a table of predictions, kept in its schema; None if it is not."""
    content = (predictions.schema.metadata or {}).get(name.encode())
    return None if content is None else json.loads(content)


def with_fact(predictions: pa.Table, name: str, value: Any) -> pa.Table:
    """The table with something to be known about it; JSON."""
    metadata = predictions.schema.metadata or {}
    return predictions.replace_schema_metadata({**metadata, name.encode(): json.dumps(value).encode()})


def with_rows(predictions: pa.Table, more: Sequence[pa.Table]) -> pa.Table:
    """The table with more rows below; columns that one side lacks are null there, shorter lists of scores end in 0."""
    tables = [predictions, *(one.replace_schema_metadata() for one in more)]
    types = [table.schema.field("scores").type for table in tables]
    if all(pa.types.is_fixed_size_list(kind) for kind in types):
        widest = max(kind.list_size for kind in types)
        tables = [_widened(table, widest) for table in tables]
    return pa.concat_tables(tables, promote_options="default")


def _widened(predictions: pa.Table, width: int) -> pa.Table:
    field = predictions.schema.field("scores")
    if field.type.list_size == width:
        return predictions
    flat = predictions["scores"].combine_chunks().flatten()
    found = np.zeros((len(predictions), width), dtype=field.type.value_type.to_pandas_dtype())
    found[:, : field.type.list_size] = np.asarray(flat).reshape(len(predictions), -1)
    wide = pa.FixedSizeListArray.from_arrays(pa.array(found.ravel()), width)
    return predictions.set_column(predictions.column_names.index("scores"), "scores", wide)


def with_column(predictions: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with one more column, `values` in its clean rows, which come first, and null in the others."""
    others = pa.nulls(len(predictions) - len(values), values.type)
    return predictions.append_column(name, pa.chunked_array([values, others]).combine_chunks())
