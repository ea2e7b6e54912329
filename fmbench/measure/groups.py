"""Quality by group, from stored predictions: each group's score, the worst one, gaps, equalised odds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa

from fmbench.measure.classification import class_counts
from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric, Sample
from fmbench.stats.bootstrap import Bootstrap, Value
from fmbench.stats.groups import differences, gap, gaps_by_chance, mean_gap, worst
from fmbench.stats.sums import GOLD, PREDICTED, TP, divided

SMALLEST = 50
"""Examples that a group must have to be ranked."""


class Group(NamedTuple):
    """The rows of one value of a column, and a seed of its own."""

    name: str
    rows: np.ndarray
    seed: int


def groups_of(predictions: pa.Table, column: str) -> list[Group]:
    """The groups of a column, by name."""
    values = np.array(predictions[column].to_pylist(), dtype=object)
    return [
        Group(f"{column}={value}", np.flatnonzero(values == value), crc32(f"{column}={value}".encode()))
        for value in sorted(set(values))
    ]


def group_measurements(
    predictions: pa.Table,
    metric: Metric,
    labels: Sequence[str],
    column: str,
    cluster_key: str | None = None,
    smallest: int = SMALLEST,
    odds: bool = True,
) -> Iterator[Measurement]:
    """Scores of the groups of `column`; of those that are large enough the worst, and how far they lie apart.

    Args:
        predictions: the table of `predictions_table`, clean rows only.
        cluster_key: column of `predictions` whose values group dependent rows, or None.
        smallest: examples that a group must have to be ranked.
        odds: whether predictions are classes, so that there are true and false positive rates.
    """
    groups = groups_of(predictions, column)
    clusters = np.array(predictions[cluster_key].to_pylist(), dtype=object) if cluster_key else None
    direction = {"unit": metric.unit, "higher_is_better": metric.higher_is_better}
    for group in groups:
        own = None if clusters is None else clusters[group.rows].tolist()
        value, interval, _ = metric.measure(Sample(predictions.take(group.rows), labels, own))
        if len(group.rows) < smallest:
            interval = interval._replace(method=f"{interval.method}; under {smallest}, not ranked")
        yield measured(f"group_{metric.name}", value, interval, len(group.rows), slice=group.name, **direction)
    ranked = [group for group in groups if len(group.rows) >= smallest]
    score: Value | None = getattr(metric, "value", None)
    n = sum(len(group.rows) for group in ranked)
    if len(ranked) < 2:
        return
    if score is not None:
        statistics = metric.statistics(predictions, labels)
        drawn = _draws(statistics, ranked, clusters)
        estimates = np.array([float(score(total)) for total, _ in drawn])
        draws = np.stack([score(sums) for _, sums in drawn], axis=1)
        sizes = np.array([len(group.rows) for group in ranked])
        width = metric.range[1] - metric.range[0]
        lowest, interval = worst(estimates, draws, sizes, metric.higher_is_better, metric.range)
        yield measured(f"worst_group_{metric.name}", lowest, interval, n, slice=column, **direction)
        value, interval = gap(differences(estimates[None], draws[:, None], sizes[None], width))
        less = {"slice": column, "unit": metric.unit, "higher_is_better": False}
        yield measured(f"gap_{metric.name}", value, interval, n, **less)
        if clusters is None:
            rows = np.concatenate([group.rows for group in ranked])
            chance = gaps_by_chance(statistics[rows], sizes.tolist(), score)
            low, high = np.nanpercentile(chance, [2.5, 97.5])
            yield Measurement(
                metric=f"gap_by_chance_{metric.name}", value=float(np.nanmean(chance)), low=low, high=high, n=n,
                interval="500 random groupings", **less,
            )  # fmt: skip
    if odds:
        value, interval = equalised_odds_gap(class_counts(predictions, labels).array, ranked, clusters)
        yield measured("equalised_odds_gap", value, interval, n, slice=column, higher_is_better=False)


def equalised_odds_gap(counts: np.ndarray, groups: Sequence[Group], clusters: np.ndarray | None) -> tuple[float, Any]:
    """Mean over classes of the larger of the gaps in true and in false positive rate, each class against the rest.

    For two classes that is the larger of the two gaps (Hardt, Price and Srebro 2016, NeurIPS, definition 2.1).

    Args:
        counts: int [n_items, n_classes, 3], true positives, predicted, gold.
    """
    n_classes = counts.shape[1]
    ones = np.ones((len(counts), n_classes, 1), dtype=counts.dtype)
    drawn = _draws(np.concatenate([counts, ones], axis=2), groups, clusters)
    estimates = np.stack([_rates(total) for total, _ in drawn], axis=1)
    draws = np.stack([_rates(sums) for _, sums in drawn], axis=2)
    sizes = np.stack([_bases(total) for total, _ in drawn], axis=1)
    found = differences(estimates, draws, sizes)
    return mean_gap(found, [[label, n_classes + label] for label in range(n_classes)])


def _bases(sums: np.ndarray) -> np.ndarray:
    """Sums [..., classes, 4] -> how many are in each class, then how many are not, [..., 2 classes]."""
    return np.concatenate([sums[..., GOLD], sums[..., 3] - sums[..., GOLD]], axis=-1)


def _rates(sums: np.ndarray) -> np.ndarray:
    """Sums [..., classes, 4] -> true positive rates, then false positive rates, [..., 2 classes]."""
    positives = np.concatenate([sums[..., TP], sums[..., PREDICTED] - sums[..., TP]], axis=-1)
    return divided(positives, _bases(sums))


def _draws(
    statistics: np.ndarray, groups: Sequence[Group], clusters: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each group the total [...] and the bootstrap sums [draws, ...], drawn within the group."""
    own: Callable[[Group], list[Any] | None] = lambda g: None if clusters is None else clusters[g.rows].tolist()  # noqa: E731
    boots = [Bootstrap(statistics[group.rows], own(group), seed=group.seed) for group in groups]
    return [(boot.total, boot.sums) for boot in boots]
