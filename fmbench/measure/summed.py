"""Metrics that are functions of sums over items: means of a value an item, ratios of sums, errors of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Sample, Scored
from fmbench.stats.bootstrap import Bootstrap, Value, resampled_values
from fmbench.stats.intervals import Interval
from fmbench.stats.seeds import over_seeds


def mean_of_items(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 2] of values and of their weights -> weighted mean [...]; NaN where there is no weight."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


@dataclass(frozen=True)
class SummedMetric:
    """A score that is a function of summed items; its statistics are float64 [n_items, k].

    Args:
        items: (predictions, label space) -> [n_items, k]; metrics that share it share one bootstrap.
        value: sums [..., k] -> scores [...]; NaN where undefined.
        chance_level: number of labels -> the score of guessing; NaN where that depends on the data.
    """

    name: str
    kinds: frozenset[str]
    items: Callable[[pa.Table, Sequence[str]], np.ndarray]
    value: Value = mean_of_items
    chance_level: Callable[[int], float] = lambda n_labels: float("nan")
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)

    def chance(self, n_labels: int) -> float:
        return self.chance_level(n_labels)

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return self.items(predictions, labels)

    def score(self, statistics: np.ndarray) -> float:
        return float(self.value(statistics.sum(axis=0, dtype=np.float64)))

    def measure(self, sample: Sample) -> Scored:
        n, bootstrap = sample.once(self.items, lambda: self._resampled(sample))
        return Scored(float(self.value(bootstrap.total)), bootstrap.interval(self.value), n)

    def beside(self, sample: Sample) -> list[Measurement]:
        return []

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        return resampled_values(runs, self.value, clusters)

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        return over_seeds(runs, self.value, clusters)

    def _resampled(self, sample: Sample) -> tuple[int, Bootstrap]:
        statistics = self.statistics(sample.predictions, sample.labels)
        return len(statistics), Bootstrap(statistics, sample.clusters)
