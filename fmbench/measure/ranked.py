"""Metrics of how well the scores of classes order the examples, whatever threshold one would set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Sample, Scored
from fmbench.stats import ranking
from fmbench.stats.bootstrap import resampled_scores
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.seeds import across_seeds

KINDS = frozenset(
    {
        "text-classification",
        "tabular-classification",
    }
)


@dataclass(frozen=True)
class RankedMetric:
    """The area under a curve: of the last label where there are two, else the mean over labels, each against the rest.

    Its statistics are float64 [n_items, n_labels or 1, 2]: the score of a label, and whether it is the gold one.

    Args:
        area: (scores [n], positive [n], weights [draws, n]) -> float64 [draws].
    """

    name: str
    kinds: frozenset[str]
    area: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    chance_level: Callable[[int], float]
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)

    def chance(self, n_labels: int) -> float:
        return self.chance_level(n_labels)

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        scores = np.asarray(predictions["scores"].to_pylist(), dtype=np.float64).reshape(len(predictions), len(labels))
        gold = np.array(predictions["gold"].to_pylist(), dtype=object)
        positive = np.stack([gold == label for label in labels], axis=1)
        both = np.stack([scores, positive], axis=2)
        return both[:, 1:] if len(labels) == 2 else both

    def score(self, statistics: np.ndarray) -> float:
        return float(self._areas(statistics, np.ones((1, len(statistics))))[0])

    def measure(self, sample: Sample) -> Scored:
        statistics = self.statistics(sample.predictions, sample.labels)
        method = "bootstrap" if sample.clusters is None else "cluster-bootstrap"
        interval = percentile(self.resampled([statistics], sample.clusters)[0], 0.95, method)
        return Scored(self.score(statistics), interval, len(statistics))

    def beside(self, sample: Sample) -> list[Measurement]:
        return []

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        resampled = self.resampled(runs, clusters)
        return across_seeds([self.score(run) for run in runs], resampled, clusters is not None)

    def _areas(self, statistics: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """[draws]: the mean over the labels for which it is defined; NaN where there is none."""
        areas = [self.area(statistics[:, i, 0], statistics[:, i, 1] > 0, weights) for i in range(statistics.shape[1])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.asarray(np.nanmean(areas, axis=0))

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        """Scores [draws] of each run, every draw with the same items (or whole clusters) in all of them."""

        def of(statistics: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
            return lambda weights: self._areas(statistics, weights)

        return resampled_scores([of(run) for run in runs], len(runs[0]), clusters)


def _half(n_labels: int) -> float:
    return 0.5


def _share(n_labels: int) -> float:
    return 1 / n_labels


auroc = RankedMetric("auroc", KINDS, ranking.auroc, _half)
average_precision = RankedMetric("average_precision", KINDS, ranking.average_precision, _share)
