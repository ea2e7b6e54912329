"""Two systems on the same items: intervals and tests of their difference, A minus B throughout.

Right or wrong per item: `mcnemar` and `tango`. A mean of item scores: `paired_mean`. Any score of summed statistics:
`sign_flip` for the p-value, and `Bootstrap(stacked(a, b))` with `difference_of(value)` for the interval; several
training seeds go through `seeds.over_seeds` in the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from fmbench.stats.bootstrap import Value
from fmbench.stats.clusters import cluster_index, cluster_sums
from fmbench.stats.intervals import Interval, clustered_mean, standard_error

Alternative = Literal["two-sided", "greater", "less"]
EXACT_FLOAT32 = 2**24


class McNemar(NamedTuple):
    """Items that only A (`b`) and only B (`c`) gets right, and the exact and the mid-p value."""

    b: int
    c: int
    p: float
    mid_p: float


def discordant(a: np.ndarray, b: np.ndarray) -> tuple[int, int]:
    """How many items only A and how many only B gets right, of bool [n] each."""
    right, other = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    return int((right & ~other).sum()), int((other & ~right).sum())


def mcnemar(b: int, c: int, alternative: Alternative = "two-sided") -> McNemar:
    """Exact McNemar test, and its mid-p (Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13).

    Args:
        b, c: from `discordant`.
        alternative: "greater" asks whether A is better, "less" whether B is.
    """
    from scipy.stats import binom

    n = b + c
    if alternative == "two-sided":
        k = min(b, c)
        at = float(binom.pmf(k, n, 0.5))
        p = min(1.0, 2 * float(binom.cdf(k, n, 0.5)))
        return McNemar(b, c, p, 1 - at / 2 if b == c else p - at)
    k = c if alternative == "greater" else b
    p = float(binom.cdf(k, n, 0.5))
    return McNemar(b, c, p, p - float(binom.pmf(k, n, 0.5)) / 2)


def tango(b: int, c: int, n: int, level: float = 0.95) -> Interval:
    """Score interval of the difference of two paired proportions, (b - c) / n (Tango 1998, Stat. Med. 17).

    Its lower end at level 0.9 is the one-sided 95 % bound of a non-inferiority test.

    Raises:
        ValueError: more discordant pairs than pairs.
    """
    if n <= 0 or b < 0 or c < 0 or b + c > n:
        raise ValueError(f"{b} and {c} discordant of {n} pairs")
    low, high = tango_bounds(np.array([b]), np.array([c]), n, level)
    return Interval(float(low[0]), float(high[0]), "tango")


def tango_bounds(b: np.ndarray, c: np.ndarray, n: int, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """`tango` of many tables at once, by bisection: the ends, float64 [tables] each."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    estimate = (b - c) / n

    def root(sign: float, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        for _ in range(60):
            middle = (lower + upper) / 2
            above = _tango_excess(b, c, n, middle) > sign * z * _tango_deviation(b, c, n, middle)
            lower, upper = np.where(above, middle, lower), np.where(above, upper, middle)
        return (lower + upper) / 2

    ones = np.ones_like(estimate)
    return root(1.0, -ones, estimate), root(-1.0, estimate, ones)


def _tango_excess(b: np.ndarray, c: np.ndarray, n: int, difference: np.ndarray) -> np.ndarray:
    return b - c - n * difference


def _tango_deviation(b: np.ndarray, c: np.ndarray, n: int, difference: np.ndarray) -> np.ndarray:
    """Standard deviation of b - c at the most likely P(only B right) for that difference."""
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    only_b = (np.sqrt(np.maximum(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    return np.sqrt(np.maximum(0.0, n * (2 * only_b + difference * (1 - difference))))


class PairedMean(NamedTuple):
    """Mean difference, its (clustered) standard error, interval and two-sided p of Student's t."""

    difference: float
    error: float
    interval: Interval
    p: float


def paired_mean(
    a: np.ndarray, b: np.ndarray, clusters: Sequence[object] | None = None, level: float = 0.95
) -> PairedMean:
    """Mean difference of item scores [n], with Student's t (Miller 2024, arXiv 2411.00640)."""
    from scipy.stats import t

    differences = np.asarray(a, dtype=np.float64) - b
    mean, error = float(differences.mean()), standard_error(differences, clusters)
    units = len(differences) if clusters is None else len(np.unique(cluster_index(clusters)))
    if units < 2:
        return PairedMean(mean, float("nan"), clustered_mean(differences, clusters, level), float("nan"))
    p = 2 * float(t.sf(abs(mean) / error, units - 1)) if error > 0 else float(mean == 0)
    return PairedMean(mean, error, clustered_mean(differences, clusters, level), p)


class Permutation(NamedTuple):
    """Difference of two scores, two-sided p, and over how many exchanges; `exact` where those are all there are."""

    difference: float
    p: float
    draws: int
    exact: bool


def sign_flip(
    a: np.ndarray,
    b: np.ndarray,
    value: Value,
    clusters: Sequence[object] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> Permutation:
    """Paired permutation test: whether exchanging A and B within items (whole clusters) gives a difference as large.

    For a mean it flips the signs of the differences. `p = (1 + #{|D*| >= |D|}) / (1 + draws)`, or the exact share where
    no more than `draws` exchanges exist; items on which both are the same exchange nothing and do not count as units.

    Args:
        a, b: sufficient statistics of both, [n, ...], over the same items in the same order.
        value: maps sums [..., *a.shape[1:]] to scores [...]; `sums.ratio` with `sums.shares(scores)` for a mean.
    """
    units = [cluster_sums(np.asarray(x, dtype=np.float64), clusters) for x in (a, b)]
    totals = [x.sum(axis=0) for x in units]
    moved = (units[1] - units[0]).reshape(len(units[0]), -1)
    moved = moved[(moved != 0).any(axis=1)]
    observed = float(value(totals[0]) - value(totals[1]))
    exact = 2 ** min(len(moved), 62) <= draws
    if np.isnan(observed):
        return Permutation(observed, float("nan"), 0, exact)
    if (moved == np.rint(moved)).all() and np.abs(moved).sum(axis=0).max(initial=0.0) < EXACT_FLOAT32:
        moved = moved.astype(np.float32)
    extreme = count = 0
    for exchanged in _all_exchanges(len(moved)) if exact else _exchanges(len(moved), draws, seed):
        shift = (exchanged.astype(moved.dtype) @ moved).astype(np.float64).reshape(-1, *totals[0].shape)
        found = value(totals[0] + shift) - value(totals[1] - shift)
        extreme += int((~(np.abs(found) < abs(observed) - 1e-9 * (1e-3 + abs(observed)))).sum())
        count += len(found)
    return Permutation(observed, extreme / count if exact else (1 + extreme) / (1 + count), count, exact)


def _all_exchanges(units: int) -> Iterator[np.ndarray]:
    yield (np.arange(2**units)[:, None] >> np.arange(units)) & 1


def _exchanges(units: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    block = max(1, min(draws, 4_000_000 // units))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        bits = np.frombuffer(rng.bytes(rows * (-(-units // 8))), dtype=np.uint8).reshape(rows, -1)
        yield np.unpackbits(bits, axis=1, count=units)


def stacked(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Statistics of two systems [n, ...] side by side, [n, 2, ...], so that every draw has the same items for both."""
    return np.stack([a, b], axis=1)


def difference_of(value: Value, statistics: np.ndarray) -> Value:
    """`value` of A minus that of B, of sums of `stacked` statistics; `statistics` [n, ...] are those of one system."""
    axis = -statistics.ndim

    def difference(sums: np.ndarray) -> np.ndarray:
        return value(sums.take(0, axis)) - value(sums.take(1, axis))

    return difference
