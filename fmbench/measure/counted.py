"""Metrics that are functions of summed counts, and the report by label that comes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Counts, Sample, Scored
from fmbench.measure.report import report_measurements
from fmbench.stats.bootstrap import Bootstrap, Value, resampled_values
from fmbench.stats.intervals import Interval, wilson
from fmbench.stats.seeds import over_seeds
from fmbench.stats.sums import GOLD, TP


@dataclass(frozen=True)
class CountMetric:
    """A score that is a function of summed counts; its statistics are int [n_items, n_labels, 3].

    Args:
        counts: (predictions, label space) -> Counts; metrics that share it share one bootstrap.
        value: sums [..., n_labels, 3] -> scores [...]; NaN where undefined.
        chance: number of labels -> the score of uniform guessing.
        proportion: whether it is a share of independent items, so that Wilson's interval is right.
        report: prefix under which precision, recall and F1 by label are reported beside it, or None.
    """

    name: str
    kinds: frozenset[str]
    counts: Callable[[pa.Table, Sequence[str]], Counts]
    value: Value
    chance: Callable[[int], float]
    proportion: bool = False
    report: str | None = None
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return self.counts(predictions, labels).array

    def score(self, statistics: np.ndarray) -> float:
        return float(self.value(statistics.sum(axis=0, dtype=np.float64)))

    def measure(self, sample: Sample) -> Scored:
        return self._scored(self._resampled(sample)[1], sample.clusters)

    def measure_counts(self, counts: Counts, clusters: Sequence[object] | None = None) -> Scored:
        """The score of counts that were made otherwise, such as those of some of the entities."""
        return self._scored(Bootstrap(counts.array, clusters), clusters)

    def _scored(self, bootstrap: Bootstrap, clusters: Sequence[object] | None) -> Scored:
        n = int(bootstrap.total[..., GOLD].sum())
        if self.proportion and clusters is None:
            interval = wilson(float(bootstrap.total[..., TP].sum()), n)
        else:
            interval = bootstrap.interval(self.value)
        return Scored(float(self.value(bootstrap.total)), interval, n)

    def beside(self, sample: Sample) -> list[Measurement]:
        prefix = self.report
        if prefix is None:
            return []
        return sample.once((self.counts, prefix), lambda: report_measurements(prefix, *self._resampled(sample)))

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        return resampled_values(runs, self.value, clusters)

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        return over_seeds(runs, self.value, clusters)

    def _resampled(self, sample: Sample) -> tuple[Counts, Bootstrap]:
        def make() -> tuple[Counts, Bootstrap]:
            counts = self.counts(sample.predictions, sample.labels)
            return counts, Bootstrap(counts.array, sample.clusters)

        return sample.once(self.counts, make)
