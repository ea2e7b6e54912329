"""Speed of two versions from rounds that take turns: log-ratios, their Hodges-Lehmann median and signed-rank bounds.

A round's two times share the machine's state, so their ratio is the sample; the log makes twice and half as fast
equally far from 1. No normal distribution is assumed, only that log-ratios lie symmetrically about their middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fmbench.stats.intervals import Interval
from fmbench.stats.paired import Alternative

EXACT = 200


class Speedup(NamedTuple):
    """How many times as fast the new version is, its bounds, and the signed-rank p of no difference."""

    ratio: float
    interval: Interval
    p: float
    rounds: int


def speedup(base_s: Sequence[float] | np.ndarray, new_s: Sequence[float] | np.ndarray, level: float = 0.95) -> Speedup:
    """Base over new of paired rounds, above 1 where the new version is faster.

    Args:
        base_s, new_s: seconds of each round, [rounds]; warm-up left out.

    Raises:
        ValueError: times that are not above 0, or not as many of both.
    """
    base, new = np.asarray(base_s, dtype=np.float64), np.asarray(new_s, dtype=np.float64)
    if base.shape != new.shape or not len(base) or not ((base > 0) & (new > 0)).all():
        raise ValueError(f"{len(base)} and {len(new)} times: they come in pairs and are above 0")
    logs = np.log(base) - np.log(new)
    middle, interval = hodges_lehmann(logs, level)
    ends = np.exp([middle, interval.low, interval.high]).tolist()
    return Speedup(ends[0], Interval(ends[1], ends[2], interval.method), signed_rank(logs), len(logs))


def hodges_lehmann(samples: np.ndarray, level: float = 0.95) -> tuple[float, Interval]:
    """Median of the Walsh averages, and the interval that inverts the signed-rank test (Hodges and Lehmann 1963).

    Level 0.9 has the one-sided 95 % bounds at its ends. Below 6 samples there is no 95 % interval (5 for 90 %), and it
    is NaN.
    """
    samples = np.asarray(samples, dtype=np.float64)
    n = len(samples)
    rows, columns = np.triu_indices(n)
    walsh = np.sort((samples[rows] + samples[columns]) / 2)
    cut = int(signed_rank_quantile(n, (1 - level) / 2))
    if cut < 0:
        return float(np.median(walsh)), Interval(float("nan"), float("nan"), "none: too few samples")
    interval = Interval(float(walsh[cut]), float(walsh[len(walsh) - 1 - cut]), "signed rank")
    return float(np.median(walsh)), interval


def signed_rank_quantile(n: int, tail: float) -> int:
    """Largest k with P(T <= k) <= `tail` for the signed-rank sum T of n samples; -1 if there is none.

    Exact up to 200 samples, then the normal approximation.
    """
    if n > EXACT:
        mean, deviation = n * (n + 1) / 4, np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return int(np.floor(mean + NormalDist().inv_cdf(tail) * deviation - 0.5))
    cumulative = np.cumsum(signed_rank_null(tuple(range(1, n + 1))))
    return int(np.searchsorted(cumulative, tail * (1 + 1e-12), side="right")) - 1


@lru_cache(maxsize=64)
def signed_rank_null(ranks: tuple[int, ...]) -> np.ndarray:
    """P(T = t) for t = 0 ... sum of ranks, where each rank counts with probability 1/2 (Wilcoxon 1945)."""
    chances = np.ones(1)
    for rank in ranks:
        summed = np.zeros(len(chances) + rank)
        summed[: len(chances)] = chances / 2
        summed[rank:] += chances / 2
        chances = summed
    return chances


def signed_rank(samples: np.ndarray, alternative: Alternative = "two-sided") -> float:
    """Wilcoxon's signed-rank p-value, zeros left out; exact up to 200 samples, ties too (their ranks averaged).

    Args:
        alternative: "greater" asks whether the samples lie above 0.
    """
    from scipy.stats import rankdata

    nonzero = np.asarray(samples, dtype=np.float64)
    nonzero = nonzero[nonzero != 0]
    n = len(nonzero)
    doubled = np.rint(2 * rankdata(np.abs(nonzero))).astype(int)
    above = int(doubled[nonzero > 0].sum())
    if n > EXACT:
        deviation = np.sqrt(float((doubled.astype(float) ** 2).sum()))
        z = (2 * above - doubled.sum()) / deviation
        least, most = NormalDist().cdf(z), NormalDist().cdf(-z)
    else:
        chances = signed_rank_null(tuple(sorted(doubled.tolist())))
        least, most = float(chances[: above + 1].sum()), float(chances[above:].sum())
    by = {"two-sided": 2 * min(least, most), "greater": most, "less": least}
    return min(1.0, by[alternative])
