"""Scores of subgroups of the test rows: by length, by declared columns, by whether a name was seen in training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.measure.counted import CountMetric
from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Counts, Metric, Sample
from fmbench.measure.scene import Judged, Scene, Stored, with_column
from fmbench.measure.tagging import entity_counts_of
from fmbench.perturb.entities import mentions
from fmbench.registry import METRICS
from fmbench.suite.schema import Spec
from fmbench.tasks.kind import clean
from fmbench.tasks.perturbed import lengths, modality
from fmbench.tasks.tags import Chunks, chunks, flat

LENGTH, GOLD_SEEN, PREDICTION_SEEN = "input_length", "gold_seen", "prediction_seen"
SMALL = 50
"""Groups of fewer rows are shown, marked, and not to be ranked by."""
MOST_VALUES = 50


class Slice(NamedTuple):
    """Some of the rows; `name` is "WHAT=WHICH"."""

    name: str
    rows: np.ndarray


class Slices:
    """The task's metrics for subgroups of its test rows."""

    version = 1

    class Settings(Spec):
        """Which subgroups; the columns that a task declares under `slices` always count."""

        length: bool = Field(default=True, description="thirds of the test rows by the length of their input")
        entities: bool = Field(default=True, description="entities whose text occurs in the training rows, or not")

    @staticmethod
    def collect(scene: Scene, settings: Slices.Settings, predictions: pa.Table) -> pa.Table:
        size = lengths(scene.kind, scene.test, scene.language) if settings.length else None
        if size is not None:
            predictions = with_column(predictions, LENGTH, pa.array(size))
        if settings.entities and modality(scene.kind) == "tokens":
            tokens = scene.train["tokens"].to_pylist(), scene.train[scene.kind.label_field].to_pylist()
            known = {name for names in mentions(zip(*tokens, strict=True)).values() for name in names}
            rows = clean(predictions)
            for column, of in ((GOLD_SEEN, "gold"), (PREDICTION_SEEN, "prediction")):
                predictions = with_column(predictions, column, _seen(chunks(rows[of]), scene.test["tokens"], known))
        return predictions

    @staticmethod
    def judge(stored: Stored, settings: Slices.Settings) -> Judged:
        metrics: list[Metric] = [METRICS[name] for name in stored.metrics]
        found, curves = _by_length(stored) if LENGTH in stored.clean.column_names else ([], {})
        for column in stored.slices:
            found += _by_column(stored, column)
        rows = [_measured(metric, stored, one) for one in found for metric in metrics]
        if GOLD_SEEN in stored.clean.column_names:
            rows += _by_seen(stored, metrics)
        return Judged(rows, curves)


def _measured(metric: Metric, stored: Stored, one: Slice) -> Measurement:
    table = stored.clean.take(one.rows)
    value, interval, n = metric.measure(Sample(table, stored.labels, stored.clusters(table)))
    method = interval.method if len(table) >= SMALL else f"{interval.method}, under {SMALL} rows: not to be ranked by"
    return measured(
        metric.name,
        value,
        interval._replace(method=method),
        n,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        slice=one.name,
    )


def _by_length(stored: Stored) -> tuple[list[Slice], dict[str, list[float]]]:
    """Thirds of the rows by length; equal lengths share one, so thirds are only about equal."""
    size = np.asarray(stored.clean[LENGTH])
    cuts = np.quantile(size, [1 / 3, 2 / 3], method="lower") if len(size) else np.zeros(2)
    third = np.searchsorted(cuts, size, side="left")
    names = ("short", "medium", "long")
    found = [Slice(f"length={name}", np.flatnonzero(third == i)) for i, name in enumerate(names)]
    return [one for one in found if len(one.rows)], {"length_cuts": [float(cut) for cut in cuts]}


def _by_column(stored: Stored, column: str) -> list[Slice]:
    """A slice for each value, the most frequent first where there are very many."""
    values = np.array([str(value) for value in stored.clean[column].to_pylist()], dtype=object)
    names, counts = np.unique(values, return_counts=True) if len(values) else (np.array([]), np.array([]))
    kept = sorted(np.argsort(-counts, kind="stable")[:MOST_VALUES])
    return [Slice(f"{column}={names[i]}", np.flatnonzero(values == names[i])) for i in kept]


def _seen(found: Chunks, tokens: pa.ChunkedArray, known: set[tuple[str, ...]]) -> pa.Array:
    """Whether each entity's text is among the known mentions: a list of bool a row, in the order of its entities."""
    texts = tokens.to_pylist()
    places = zip(found.row, found.start, found.end, strict=True)
    seen = [tuple(texts[row][start:end]) in known for row, start, end in places]
    counts = np.bincount(found.row, minlength=len(texts))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(seen, pa.bool_()))


def _by_seen(stored: Stored, metrics: list[Metric]) -> list[Measurement]:
    """Entity metrics of the names that occur in the training rows, and of those that do not.

    A gold and a predicted entity that are the same have the same text, so each is counted on one side only.
    """
    rows = stored.clean
    seen = [np.asarray(flat(rows[column])[1], dtype=bool) for column in (GOLD_SEEN, PREDICTION_SEEN)]
    sample = Sample(rows, stored.labels, stored.clusters(rows))
    fitting = [metric for metric in metrics if isinstance(metric, CountMetric) and metric.report == "entity_"]
    measurements = []
    for name, wanted in (("entity=seen", True), ("entity=unseen", False)):
        counts = entity_counts_of(rows, stored.labels, *(one == wanted for one in seen))
        measurements += [_counted(metric, counts, sample, name) for metric in fitting]
    return measurements


def _counted(metric: CountMetric, counts: Counts, sample: Sample, name: str) -> Measurement:
    value, interval, n = metric.measure_counts(counts, sample.clusters)
    method = interval.method if n >= SMALL else f"{interval.method}, under {SMALL} entities: not to be ranked by"
    return measured(metric.name, value, interval._replace(method=method), n, higher_is_better=True, slice=name)
