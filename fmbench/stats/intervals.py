"""Confidence intervals of shares, means and quantiles from the items themselves; resampling is in bootstrap.py."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fmbench.stats.clusters import cluster_index, cluster_sums


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


def covariance_of_means(scores: np.ndarray, clusters: Sequence[object] | None = None) -> np.ndarray:
    """Covariances of the means of several systems on the same items, [m, n] -> [m, m].

    `sum_i x_i y_i / (n (n - 1))` of the centred scores, and with clusters `sum_(i != j in c) x_i y_j / n^2` on top
    (Miller 2024, arXiv 2411.00640).

    Raises:
        ValueError: fewer than two items.
    """
    n = scores.shape[1]
    if n < 2:
        raise ValueError(f"the variance of a mean needs 2 items or more, got {n}")
    centred = scores - scores.mean(axis=1, keepdims=True)
    products = centred @ centred.T
    within = products / (n * (n - 1))
    if clusters is None:
        return np.asarray(within)
    sums = cluster_sums(centred.T, clusters)
    return np.asarray(within + (sums.T @ sums - products) / n**2)


def standard_error(values: Sequence[float] | np.ndarray, clusters: Sequence[object] | None = None) -> float:
    """Standard error of a mean, clustered where items depend on each other; NaN for fewer than two items."""
    samples = np.asarray(values, dtype=np.float64)
    if len(samples) < 2:
        return float("nan")
    return float(np.sqrt(max(0.0, covariance_of_means(samples[None], clusters)[0, 0])))


def clustered_mean(
    values: Sequence[float] | np.ndarray, clusters: Sequence[object] | None, level: float = 0.95
) -> Interval:
    """Interval of a mean: the clustered standard error times Student's t with (clusters - 1) degrees of freedom.

    Without clusters it is `mean_t`; a single cluster has no interval and gives NaN.
    """
    if clusters is None:
        return mean_t(values, level)
    samples = np.asarray(values, dtype=np.float64)
    n_clusters = len(np.unique(cluster_index(clusters)))
    if n_clusters < 2:
        return Interval(float("nan"), float("nan"), "none: one cluster")
    from scipy.stats import t

    half = t.ppf(0.5 + level / 2, n_clusters - 1) * standard_error(samples, clusters)
    return Interval(float(samples.mean() - half), float(samples.mean() + half), f"t, {n_clusters} clusters")


def percentile(scores: np.ndarray, level: float, method: str) -> Interval:
    """Percentile interval of resampled scores [draws]; undefined ones are left out, NaN if all are."""
    tail = 50 * (1 - level)
    if np.isnan(scores).all():
        return Interval(float("nan"), float("nan"), method)
    low, high = np.nanpercentile(scores, [tail, 100 - tail])
    return Interval(float(low), float(high), method)
