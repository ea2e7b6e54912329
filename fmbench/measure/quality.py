"""Quality: every declared metric, and the report by label, from stored predictions alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import GOLD, TP, Counts, Metric
from fmbench.measure.report import report_measurements
from fmbench.registry import METRICS
from fmbench.stats.intervals import Bootstrap, wilson


def score(metric: Metric, predictions: pa.Table, labels: Sequence[str]) -> float:
    """The bare score, without an interval: what early stopping looks at."""
    counts = metric.counts(predictions, labels)
    return float(metric.value(counts.array.sum(axis=0, dtype=np.float64)))


def quality(
    predictions: pa.Table, metrics: Sequence[str], labels: Sequence[str], cluster_key: str | None = None
) -> list[Measurement]:
    """Measurements of clean predictions.

    Args:
        predictions: the table of `predictions_table`, clean rows only.
        metrics: names from the registry, the main metric first.
        labels: label space.
        cluster_key: column of `predictions` whose values group dependent rows, or None.
    """
    clusters = predictions[cluster_key].to_pylist() if cluster_key else None
    resampled: dict[Callable[..., Counts], tuple[Counts, Bootstrap]] = {}
    reports: dict[str, list[Measurement]] = {}
    found: list[Measurement] = []
    for name in metrics:
        metric: Metric = METRICS[name]
        if metric.counts not in resampled:
            counts = metric.counts(predictions, labels)
            resampled[metric.counts] = counts, Bootstrap(counts.array, clusters)
        counts, bootstrap = resampled[metric.counts]
        found.append(_overall(metric, bootstrap, clusters is not None))
        if metric.report is not None and metric.report not in reports:
            reports[metric.report] = report_measurements(metric.report, counts, bootstrap)
    declared = set(metrics)
    beside = [row for rows in reports.values() for row in rows if row.slice is not None or row.metric not in declared]
    return found + sorted(beside, key=lambda row: row.slice is not None)


def _overall(metric: Metric, bootstrap: Bootstrap, clustered: bool) -> Measurement:
    n = int(bootstrap.total[..., GOLD].sum())
    if metric.proportion and not clustered:
        interval = wilson(float(bootstrap.total[..., TP].sum()), n)
    else:
        interval = bootstrap.interval(metric.value)
    value = float(metric.value(bootstrap.total))
    return measured(metric.name, value, interval, n, unit=metric.unit, higher_is_better=metric.higher_is_better)
