"""Quality: every declared metric, and what is reported beside them, from stored predictions alone."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric, Sample
from fmbench.registry import METRICS


def score(metric: Metric, predictions: pa.Table, labels: Sequence[str]) -> float:
    """The bare score, without an interval: what early stopping looks at."""
    return metric.score(metric.statistics(predictions, labels))


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
    sample = Sample(predictions, labels, predictions[cluster_key].to_pylist() if cluster_key else None)
    chosen: list[Metric] = [METRICS[name] for name in metrics]
    found = [_overall(metric, sample) for metric in chosen]
    declared = set(metrics)
    beside: dict[tuple[str, str | None], Measurement] = {}
    for metric in chosen:
        for row in metric.beside(sample):
            if row.slice is not None or row.metric not in declared:
                beside.setdefault((row.metric, row.slice), row)
    return found + sorted(beside.values(), key=lambda row: row.slice is not None)


def _overall(metric: Metric, sample: Sample) -> Measurement:
    value, interval, n = metric.measure(sample)
    return measured(metric.name, value, interval, n, unit=metric.unit, higher_is_better=metric.higher_is_better)
