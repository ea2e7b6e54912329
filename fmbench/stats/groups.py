"""Scores of several groups: the worst one, and how far they lie apart, with intervals that can hold a gap of zero.

The gap between the best and the worst group is never negative, so the percentiles of a bootstrapped gap lie above zero
even where all groups are equal: with four random groups of 75 and an accuracy of 0.85 the gap is 0.08 in the mean, and
no such interval holds zero. Here every pairwise difference gets a two-sided interval, all of them at once (bootstrap
of the largest studentised deviation, as in Tukey's studentised range). Whatever the pairs, the true gap lies between
the largest lower and the largest upper end; no pair that differs for sure means a lower end of zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fmbench.stats.bootstrap import Value
from fmbench.stats.intervals import Interval


class Differences(NamedTuple):
    """All pairs of groups, for each of several scores.

    Args:
        absolute: float64 [m, pairs], NaN where a group has no score.
        error: float64 [m, pairs], standard errors.
        critical: how many standard errors hold all pairs of all scores at once.
        width: of the scale of the scores, the largest difference there can be; NaN or infinite where it has no ends.
    """

    absolute: np.ndarray
    error: np.ndarray
    critical: float
    width: float

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower ends, zero at least, and upper ends of the absolute differences, [m, pairs] each."""
        half = self.critical * self.error
        most = self.width if np.isfinite(self.width) else np.inf
        return np.maximum(0.0, self.absolute - half), np.minimum(most, self.absolute + half)


def standard_errors(draws: np.ndarray, sizes: np.ndarray, width: float = 1.0) -> np.ndarray:
    """Standard errors of scores of groups, and no less than two floors, as a small spread may be luck.

    The floors are the error that the mean spread of all groups gives a group of this size, and that of Wilson's
    interval at 0 or 1: a group in which all is right has no spread in any draw, but it is not certain.

    Args:
        draws: bootstrap scores [draws, ..., groups]; sizes: how many items each is of, [..., groups].
        width: of the scale of the scores; NaN or infinite where it has no ends.
    """
    z = NormalDist().inv_cdf(0.975)
    spread = np.nan_to_num(_spread(draws))
    counts = np.maximum(np.asarray(sizes, dtype=np.float64), 1)
    pooled = np.sqrt((spread**2 * counts).mean(axis=-1, keepdims=True) / counts)
    least = width * z / (counts + z * z) if np.isfinite(width) else 0.0
    return np.maximum(np.maximum(spread, pooled), least)


def differences(
    estimates: np.ndarray, draws: np.ndarray, sizes: np.ndarray, width: float = 1.0, level: float = 0.95
) -> Differences:
    """Differences between all pairs of groups, with one critical value for all of them.

    Args:
        estimates: [m, groups], m scores of each group.
        draws: [draws, m, groups], the same of bootstrap draws within the groups.
        sizes, width: see `standard_errors`.
    """
    first, second = np.triu_indices(estimates.shape[1], 1)
    absolute = np.abs(estimates[:, first] - estimates[:, second])
    errors = standard_errors(draws, sizes, width)
    error = np.hypot(errors[:, first], errors[:, second])
    largest = np.zeros(len(draws))
    for m in range(len(estimates)):
        off = draws[:, m] - estimates[m]
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = np.abs(off[:, first] - off[:, second]) / error[m]
        largest = np.fmax(largest, np.nan_to_num(deviation, posinf=0.0).max(axis=1, initial=0.0))
    return Differences(absolute, error, _critical(largest, level), width)


def gap(found: Differences) -> tuple[float, Interval]:
    """Largest difference of the first score between two groups, and its interval; NaN for fewer than two groups."""
    return mean_gap(found, [[0]])


def mean_gap(found: Differences, sets: Sequence[Sequence[int]]) -> tuple[float, Interval]:
    """Mean over sets of scores of the largest difference within each set, and its interval.

    Equalised odds are such a mean: for each class the larger gap of its true and its false positive rate.
    """
    ends = (found.absolute, *found.ends())
    largest = [[_largest(one[list(rows)]) for rows in sets] for one in ends]
    values = np.array(largest)[:, ~np.isnan(largest[0])]
    if not values.size:
        return float("nan"), Interval(float("nan"), float("nan"), "none: fewer than two groups")
    value, low, high = (float(x) for x in values.mean(axis=1))
    return value, Interval(low, high, "bootstrap within groups, all pairs at once")


def worst(
    estimates: np.ndarray,
    draws: np.ndarray,
    sizes: np.ndarray,
    higher_is_better: bool,
    scale: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
) -> tuple[float, Interval]:
    """Score of the worst group, and its interval from intervals of all groups at once.

    Args:
        estimates, sizes: [groups]; draws: [draws, groups]. See `standard_errors`.
        scale: lowest and highest score there can be; NaN or infinite where there is none.
    """
    errors = standard_errors(draws, sizes, scale[1] - scale[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.nan_to_num(np.abs(draws - estimates) / errors, posinf=0.0)
    half = _critical(deviation.max(axis=1, initial=0.0), level) * errors
    if np.isnan(estimates).all():
        return float("nan"), Interval(float("nan"), float("nan"), "none: no group")
    pick = np.nanmin if higher_is_better else np.nanmax
    value, low, high = (float(pick(x)) for x in (estimates, estimates - half, estimates + half))
    return value, Interval(
        float(np.fmax(low, scale[0])), float(np.fmin(high, scale[1])), "bootstrap within groups, all groups at once"
    )


def gaps_by_chance(
    statistics: np.ndarray, sizes: Sequence[int], value: Value, draws: int = 500, seed: int = 0
) -> np.ndarray:
    """Gaps [draws] of groups of these sizes that are drawn at random out of all items.

    Args:
        statistics: [n_items, ...], of the items of all groups; value: sums [..., *statistics.shape[1:]] -> scores.
    """
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    wide = statistics.astype(np.float64)
    sums = np.stack([np.add.reduceat(wide[rng.permutation(len(wide))], starts, axis=0) for _ in range(draws)])
    scores = value(sums)
    return np.asarray(np.nanmax(scores, axis=1) - np.nanmin(scores, axis=1))


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if values.size and not np.isnan(values).all() else float("nan")


def _spread(draws: np.ndarray) -> np.ndarray:
    """Standard deviation over draws [draws, ...] -> [...]; NaN where no draw is defined."""
    defined = (~np.isnan(draws)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(draws, axis=0) / np.maximum(defined, 1)
        variance = np.nansum((draws - mean) ** 2, axis=0) / np.maximum(defined - 1, 1)
    return np.where(defined > 1, np.sqrt(variance), np.nan)


def _critical(largest: np.ndarray, level: float) -> float:
    """The quantile of the largest deviations, no less than that of one normal deviate."""
    return max(float(np.quantile(largest, level)), NormalDist().inv_cdf(0.5 + level / 2))
