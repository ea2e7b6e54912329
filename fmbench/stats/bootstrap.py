"""The cluster bootstrap of every score, from sufficient statistics or from weights.

Most scores are functions of sums: each item has a vector (say true positives, predicted, gold), a draw is a weighted
sum of those vectors, and the score is a function of the sum (sums.py). A score of the order of items (a correlation,
AUROC) takes the weights themselves. Both are exact, copy nothing and compute all draws at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np

from fmbench.stats.clusters import cluster_index, cluster_sums
from fmbench.stats.intervals import Interval, percentile

Value = Callable[[np.ndarray], np.ndarray]
"""Sums [..., *statistics.shape[1:]] -> scores [...]."""
Weighted = Callable[[np.ndarray], np.ndarray]
"""How often each item counts, [draws, n_items] -> scores [draws]."""
DRAWS = 2000
ROW_BY_ROW = 500
"""Items from which counting one draw after the other is faster than all at once: a draw's counts stay in cache."""


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
        self.units = cluster_sums(statistics, clusters)
        self.sums = resampled_sums([self.units], draws, np.random.default_rng(seed))[0]

    def interval(self, value: Value, level: float = 0.95) -> Interval:
        """Percentile interval of `value`, which maps sums [..., *statistics.shape[1:]] to scores [...]."""
        return percentile(value(self.sums), level, self.method)

    def bca(self, value: Value, level: float = 0.95) -> Interval:
        """Bias-corrected and accelerated interval of `value`: for scores whose draws are skewed or off centre."""
        return bca(
            value(self.sums), float(value(self.total)), jackknife(self.units, value), level, f"{self.method} (BCa)"
        )


def jackknife(units: np.ndarray, value: Value) -> np.ndarray:
    """Scores without each unit in turn, [n] of statistics [n, ...]."""
    return value(units.sum(axis=0, dtype=np.float64) - units)


def bca(scores: np.ndarray, estimate: float, jackknifed: np.ndarray, level: float, method: str) -> Interval:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987, JASA 82).

    Where the draws do not vary, or no draw lies on one side of the estimate, it is the percentile interval.

    Args:
        scores: resampled scores [draws]; undefined ones are left out.
        estimate: the score of all items.
        jackknifed: scores without each unit (item or cluster) in turn.
    """
    normal = NormalDist()
    drawn = scores[~np.isnan(scores)]
    below = (np.mean(drawn < estimate) + np.mean(drawn <= estimate)) / 2 if len(drawn) else 0.0
    if not 0 < below < 1:
        return percentile(scores, level, method)
    off = np.nanmean(jackknifed) - jackknifed[~np.isnan(jackknifed)]
    spread = float((off**2).sum())
    acceleration = float((off**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    centre = normal.inv_cdf(float(below))

    def end(tail: float) -> float:
        z = centre + normal.inv_cdf(tail)
        return float(np.quantile(drawn, normal.cdf(centre + z / (1 - acceleration * z))))

    return Interval(end(0.5 - level / 2), end(0.5 + level / 2), method)


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


def resampled_values(
    runs: Sequence[np.ndarray],
    value: Value,
    clusters: Sequence[object] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[np.ndarray]:
    """Bootstrap scores [draws] of each of `runs` [n_items, ...]; a draw has the same items or clusters in all."""
    units = [cluster_sums(run, clusters) for run in runs]
    return [value(sums) for sums in resampled_sums(units, draws, np.random.default_rng(seed))]


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
        picks = rng.integers(0, n, size=(rows, n))
        if n < ROW_BY_ROW:
            picks += np.arange(rows)[:, None] * n
            yield np.bincount(picks.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float32)
            continue
        weights = np.empty((rows, n), dtype=np.float32)
        for row, picked in zip(weights, picks, strict=True):
            row[:] = np.bincount(picked, minlength=n)
        yield weights


def resampled_scores(
    scores: Sequence[Weighted],
    n_items: int,
    clusters: Sequence[object] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[np.ndarray]:
    """Bootstrap scores [draws] of each of `scores`; a draw has the same items (or whole clusters) in all of them."""
    index = np.arange(n_items) if clusters is None else cluster_index(clusters)
    parts: list[list[np.ndarray]] = [[] for _ in scores]
    for drawn in resampled_weights(int(index.max()) + 1, draws, np.random.default_rng(seed)):
        weights = drawn if clusters is None else drawn[:, index]
        for found, score in zip(parts, scores, strict=True):
            found.append(score(weights))
    return [np.concatenate(found) for found in parts]
