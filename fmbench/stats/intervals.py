"""Confidence intervals: Wilson's for proportions, the cluster bootstrap for everything else.

Bootstrap intervals work on sufficient statistics: each item has a vector (say true positives, predicted, gold), a draw
is a weighted sum of those vectors, and the score is a function of the sum. That is exact for ratios of sums, and fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

Value = Callable[[np.ndarray], np.ndarray]
DRAWS = 2000


class Interval(NamedTuple):
    """Lower and upper end, and how they were found."""

    low: float
    high: float
    method: str


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927, JASA 22).

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    return Interval(max(0.0, min(float(low), p)), min(1.0, max(float(high), p)), "wilson")


def cluster_sums(statistics: np.ndarray, clusters: Sequence[object] | None) -> np.ndarray:
    """Sums of `statistics` [n_items, ...] within clusters -> [n_clusters, ...]; the items without clusters.

    An item whose label is None belongs to no other and is a cluster of its own.
    """
    if clusters is None:
        return statistics
    index = cluster_index(clusters)
    sums = np.zeros((index.max() + 1, *statistics.shape[1:]), dtype=np.float64)
    np.add.at(sums, index, statistics)
    return sums


def cluster_index(clusters: Sequence[object]) -> np.ndarray:
    """int64 [n_items], the number of each item's cluster; None is a cluster of its own."""
    keys = [f"alone {i}" if label is None else f"cluster {label}" for i, label in enumerate(clusters)]
    return np.unique(np.asarray(keys), return_inverse=True)[1]


class Bootstrap:
    """Resampled sums of sufficient statistics, drawn once and shared by every score that is a function of them.

    Args:
        statistics: [n_items, ...] sufficient statistics of each item.
        clusters: a label for each item; items of one cluster are drawn together.
    """

    def __init__(
        self, statistics: np.ndarray, clusters: Sequence[object] | None = None, draws: int = DRAWS, seed: int = 0
    ) -> None:
        self.method = "bootstrap" if clusters is None else "cluster-bootstrap"
        self.total = statistics.sum(axis=0, dtype=np.float64)
        self.sums = resampled_sums([cluster_sums(statistics, clusters)], draws, np.random.default_rng(seed))[0]

    def interval(self, value: Value, level: float = 0.95) -> Interval:
        """Percentile interval of `value`, which maps sums [..., *statistics.shape[1:]] to scores [...]."""
        return percentile(value(self.sums), level, self.method)


def over_seeds(
    runs: Sequence[np.ndarray],
    value: Value,
    clusters: Sequence[object] | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the mean score over training seeds, for other seeds and other items.

    Seeds and items are crossed, so their variances add. The items' arms are a percentile bootstrap in which all
    seeds see the same draws; the seeds' arm is Student's t on the K scores, as a few seeds know little of their
    variance; the arms are joined in quadrature (MOVER: Zou and Donner 2008, Statistics in Medicine 27). Resampling
    the seeds themselves (Owen 2007) would cover only 82 % at K = 3 where training noise dominates. With one seed the
    interval is over items alone, and the method's name says so.

    Args:
        runs: one array [n_items, ...] a seed, over the same items in the same order.
        value: maps sums [..., *run.shape[1:]] to scores [...].
        clusters: a label for each item; items of one cluster are drawn together.
    """
    sums = resampled_sums([cluster_sums(run, clusters) for run in runs], draws, np.random.default_rng(seed))
    scores = [float(value(run.sum(axis=0, dtype=np.float64))) for run in runs]
    return across_seeds(scores, [value(run) for run in sums], clusters is not None, level)


def across_seeds(
    seed_scores: Sequence[float], resampled_scores: Sequence[np.ndarray], clustered: bool, level: float = 0.95
) -> Interval:
    """`over_seeds` from scores that are computed already.

    Args:
        seed_scores: one a seed.
        resampled_scores: one array [draws] a seed, every draw with the same items in all of them.
        clustered: whether whole clusters were drawn.
    """
    what = "clusters" if clustered else "items"
    resampled = np.mean(resampled_scores, axis=0)
    k = len(seed_scores)
    if k == 1:
        return percentile(resampled, level, f"bootstrap over {what}; 1 seed, training variance unknown")
    scores = np.array(seed_scores)
    mean = float(scores.mean())
    seeds, items = mean_t(scores, level), percentile(resampled, level, f"bootstrap over {what}, t over {k} seeds")
    return Interval(
        mean - float(np.hypot(mean - seeds.low, mean - items.low)),
        mean + float(np.hypot(seeds.high - mean, items.high - mean)),
        items.method,
    )


def resampled_sums(runs: Sequence[np.ndarray], draws: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Bootstrap sums [draws, ...] of each of `runs` [n, ...], every draw with the same items in all of them.

    Raises:
        ValueError: there are no items.
    """
    n = len(runs[0])
    width = int(np.prod(runs[0].shape[1:]))
    flat = np.concatenate([run.reshape(n, width) for run in runs], axis=1).astype(np.float32)
    sums = np.concatenate([(weights @ flat).astype(np.float64) for weights in resampled_weights(n, draws, rng)])
    return [sums[:, i * width : (i + 1) * width].reshape(draws, *run.shape[1:]) for i, run in enumerate(runs)]


def resampled_weights(n: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each of `n` items is in each bootstrap draw: blocks of float32 [some draws, n].

    Drawn in blocks, so that memory stays near 100 MB whatever n is.

    Raises:
        ValueError: there are no items.
    """
    if n == 0:
        raise ValueError("no items to resample")
    block = max(1, min(draws, 4_000_000 // n))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        picks = rng.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float32)


def mean_t(samples: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Student's t interval of a mean; a single sample has no interval and gives NaN."""
    values = np.asarray(samples, dtype=np.float64)
    if len(values) < 2:
        return Interval(float("nan"), float("nan"), "none: one sample")
    from scipy.stats import t

    half = t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(float(values.mean() - half), float(values.mean() + half), "t")


def quantile(samples: Sequence[float] | np.ndarray, q: float, level: float = 0.95) -> Interval:
    """Distribution-free interval of the q-quantile from order statistics (Conover 1999, section 3.2).

    With too few samples no order statistic lies far enough out, and the interval is NaN.
    """
    from scipy.stats import binom

    values = np.sort(np.asarray(samples, dtype=np.float64))
    n = len(values)
    low = int(binom.ppf((1 - level) / 2, n, q))
    high = int(binom.ppf(0.5 + level / 2, n, q))
    if low < 1 or high > n - 1:
        return Interval(float("nan"), float("nan"), "none: too few samples")
    return Interval(float(values[low - 1]), float(values[high]), "order statistics")


def percentile(scores: np.ndarray, level: float, method: str) -> Interval:
    """Percentile interval of resampled scores [draws]; undefined ones are left out, NaN if all are."""
    tail = 50 * (1 - level)
    if np.isnan(scores).all():
        return Interval(float("nan"), float("nan"), method)
    low, high = np.nanpercentile(scores, [tail, 100 - tail])
    return Interval(float(low), float(high), method)
