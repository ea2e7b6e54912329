"""Metrics of scores on a scale: the correlation of prediction and gold over all pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Sample, Scored
from fmbench.stats import correlation
from fmbench.stats.bootstrap import resampled_scores
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.seeds import across_seeds

KINDS = frozenset({"sentence-similarity", "text-regression"})


@dataclass(frozen=True)
class Correlation:
    """A correlation of prediction and gold; its statistics are float64 [n_items, 2]. Undefined if one is constant.

    Args:
        coefficient: (predictions [n], gold [n], weights [draws, n]) -> float64 [draws].
    """

    name: str
    kinds: frozenset[str]
    coefficient: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (-1.0, 1.0)

    def chance(self, n_labels: int) -> float:
        return 0.0

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        columns = [np.asarray(predictions[name].to_numpy(), dtype=np.float64) for name in ("prediction", "gold")]
        return np.stack(columns, axis=1)

    def score(self, statistics: np.ndarray) -> float:
        prediction, gold = statistics.T
        return float(self.coefficient(prediction, gold, np.ones((1, len(gold))))[0])

    def measure(self, sample: Sample) -> Scored:
        pairs = self.statistics(sample.predictions, sample.labels)
        method = "bootstrap" if sample.clusters is None else "cluster-bootstrap"
        interval = percentile(self.resampled([pairs], sample.clusters)[0], 0.95, method)
        return Scored(self.score(pairs), interval, len(pairs))

    def beside(self, sample: Sample) -> list[Measurement]:
        return []

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        resampled = self.resampled(runs, clusters)
        return across_seeds([self.score(pairs) for pairs in runs], resampled, clusters is not None)

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        """Scores [draws] of each run, every draw with the same items (or whole clusters) in all of them."""

        def of(pairs: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
            return lambda weights: self.coefficient(pairs[:, 0], pairs[:, 1], weights)

        return resampled_scores([of(pairs) for pairs in runs], len(runs[0]), clusters)


spearman = Correlation("spearman", KINDS, correlation.spearman)
pearson = Correlation("pearson", KINDS, correlation.pearson)
