"""Every row against every other: differences with variances that depend on the two rows alone, bit for bit.

A matrix product may round differently for other shapes, so a third model could change the last bit of a comparison of
two. Contributions are therefore rounded to whole numbers of a row's own power of two, few enough bits that every sum is
exact; the order of summation then does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmbench.stats.ranks import Pairwise

MANTISSA = 52


@dataclass(frozen=True)
class Spread:
    """How sure the mean score of each of m rows is.

    Args:
        items: covariances of the rows' means over test items, [m, m]; NaN where contributions are missing or are not
            of the same number of items.
        units: how many items (or clusters) each row has, int [m].
        seeds: variance of the mean over training seeds, [m]; 0 where there is one seed.
        runs: number of seeds, int [m].
    """

    items: np.ndarray
    units: np.ndarray
    seeds: np.ndarray
    runs: np.ndarray

    def scaled(self, factor: float) -> Spread:
        """The spread of scores times `factor`."""
        return Spread(self.items * factor**2, self.units, self.seeds * factor**2, self.runs)


@dataclass(frozen=True, eq=False)
class Compared:
    """Row minus column: differences, their variances and Student's degrees of freedom, float64 [m, m] each.

    Args:
        won: on how many items (or clusters) row is better than column, [m, m]; None where items have no scores.
    """

    difference: np.ndarray
    variance: np.ndarray
    df: np.ndarray
    won: np.ndarray | None = None

    def taken(self, rows: Sequence[int]) -> Compared:
        """The comparison of some of the rows, in that order."""
        index = np.ix_(rows, rows)
        won = None if self.won is None else self.won[index]
        return Compared(self.difference[index], self.variance[index], self.df[index], won)

    def p(self) -> np.ndarray:
        """Two-sided p-values; 1 where nothing is known or both are the same, 0 where a difference has no variance."""
        from scipy.special import stdtr

        found = np.ones_like(self.difference)
        upper = np.triu_indices(len(found), 1)
        difference, variance = np.abs(self.difference[upper]), self.variance[upper]
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stdtr(self.df[upper], -difference / np.sqrt(variance))
        p = np.where(variance > 0, p, np.where(difference > 1e-12, 0.0, 1.0))
        found[upper] = np.where(np.isnan(variance) | np.isnan(p), 1.0, p)
        return np.minimum(found, found.T)

    def half(self, level: float = 0.95) -> np.ndarray:
        """Half the width of each difference's interval; NaN where nothing is known."""
        from scipy.special import stdtrit

        return np.asarray(stdtrit(self.df, 0.5 + level / 2) * np.sqrt(self.variance))

    def pairwise(self) -> Pairwise:
        return Pairwise(self.difference, self.p())


def exact_covariance(rows: np.ndarray) -> np.ndarray:
    """Covariances of the means of `rows` [m, units] over units, [m, m]: `sum_i x_i y_i / (n (n - 1))`, centred."""
    units = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    bits = (MANTISSA - int(np.ceil(np.log2(max(units, 2))))) // 2
    exponent = np.frexp(np.abs(centred).max(axis=1))[1] - bits
    whole = np.rint(np.ldexp(centred, -exponent[:, None]))
    return np.asarray(np.ldexp(whole @ whole.T, exponent[:, None] + exponent) / (units * (units - 1)))


def spread_of(runs: Sequence[Sequence[np.ndarray | None]], scores: Sequence[Sequence[float]]) -> Spread:
    """The spread of each row's mean over seeds, from the contributions and the score of every run.

    Items: contributions are averaged over seeds. Seeds: `s^2 / K`.

    Args:
        runs: contributions [units] of each seed of each row.
        scores: the score of each seed of each row.
    """
    units = np.array([_units(row) for row in runs], dtype=np.int64)
    items = np.full((len(runs), len(runs)), np.nan)
    for size in sorted(set(units[units > 1].tolist())):
        known = np.flatnonzero(units == size).tolist()
        means = np.stack([np.mean([one for one in runs[i] if one is not None], axis=0) for i in known])
        items[np.ix_(known, known)] = exact_covariance(means)
    seeds = np.array([_variance_of_mean(row) for row in scores], dtype=np.float64)
    return Spread(items, units, seeds, np.array([max(1, len(row)) for row in scores]))


def _variance_of_mean(scores: Sequence[float]) -> float:
    """`s^2 / K` of K scores; 0 of one."""
    count = len(scores)
    if count < 2:
        return 0.0
    mean = math.fsum(scores) / count
    return math.fsum((score - mean) ** 2 for score in scores) / ((count - 1) * count)


def items_won(runs: Sequence[Sequence[np.ndarray | None]]) -> np.ndarray:
    """On how many items each row contributes more than each other, float64 [m, m]; NaN where it is not known."""
    units = np.array([_units(row) for row in runs], dtype=np.int64)
    won = np.full((len(runs), len(runs)), np.nan)
    for size in sorted(set(units[units > 0].tolist())):
        known = np.flatnonzero(units == size).tolist()
        means = np.stack([np.mean([one for one in runs[i] if one is not None], axis=0) for i in known]).round(9)
        won[np.ix_(known, known)] = np.stack([(own > means).sum(axis=1) for own in means])
    return won


def _units(row: Sequence[np.ndarray | None]) -> int:
    """How many items all seeds have; 0 where one has none or another number."""
    sizes = {0 if one is None else len(one) for one in row}
    return sizes.pop() if len(sizes) == 1 else 0


def compared(means: np.ndarray, spread: Spread) -> Compared:
    """All differences of one task; degrees of freedom after Satterthwaite (1946, Biometrics Bulletin 2)."""
    own = np.diag(spread.items)
    items = own[:, None] + own - 2 * spread.items
    items = np.where(items < 1e-12 * (own[:, None] + own), 0.0, items)
    seeds = spread.seeds[:, None] + spread.seeds
    lost = _per_df(spread.seeds, spread.runs)
    of_items = items**2 / np.maximum(1, spread.units - 1)[:, None]
    return _with_df(means[:, None] - means, items + seeds, of_items + lost[:, None] + lost)


def own_variance(spread: Spread) -> tuple[np.ndarray, np.ndarray]:
    """Variance of each row's own mean and its degrees of freedom, float64 [m] each."""
    items = np.maximum(0.0, np.diag(spread.items))
    variance = items + spread.seeds
    per_df = items**2 / np.maximum(1, spread.units - 1) + _per_df(spread.seeds, spread.runs)
    return variance, _df(variance, per_df)


class WeightedSum:
    """The weighted sum of independent differences (tasks), added one after the other."""

    def __init__(self, rows: int) -> None:
        self.difference, self.variance, self.per_df = (np.zeros((rows, rows)) for _ in range(3))

    def add(self, weight: float, one: Compared) -> None:
        part = weight**2 * one.variance
        self.difference += weight * one.difference
        self.variance += part
        self.per_df += part * part / one.df

    def compared(self) -> Compared:
        return _with_df(self.difference, self.variance, self.per_df)


def over_tasks(scores: np.ndarray, strata: Sequence[Sequence[int]], weights: Sequence[float]) -> Compared:
    """Differences of weighted means when tasks are the sample: within each stratum `s^2 / T` of the tasks' differences.

    Args:
        scores: [tasks, m].
        strata: numbers of the tasks of each stratum, two or more.
        weights: of each stratum, summing to 1.
    """
    m = scores.shape[1]
    difference, variance, per_df = (np.zeros((m, m)) for _ in range(3))
    for stratum, weight in zip(strata, weights, strict=True):
        mean, squares = np.zeros((m, m)), np.zeros((m, m))
        for task in stratum:
            mean = mean + (scores[task][:, None] - scores[task]) / len(stratum)
        for task in stratum:
            off = scores[task][:, None] - scores[task] - mean
            squares = squares + off * off
        part = weight**2 * squares / ((len(stratum) - 1) * len(stratum))
        difference = difference + weight * mean
        variance = variance + part
        per_df = per_df + part**2 / (len(stratum) - 1)
    return _with_df(difference, variance, per_df)


def _per_df(variance: np.ndarray, runs: np.ndarray) -> np.ndarray:
    return np.asarray(variance**2 / np.maximum(1, runs - 1))


def _with_df(difference: np.ndarray, variance: np.ndarray, per_df: np.ndarray) -> Compared:
    return Compared(difference, variance, _df(variance, per_df))


def _df(variance: np.ndarray, per_df: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(per_df > 0, variance**2 / per_df, 1.0))
