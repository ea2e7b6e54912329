"""Scores of several training runs: intervals for other seeds and other items.

Runs over the same items in the same order are a table [seeds, items]: seeds and items are crossed, and `over_seeds` is
the interval to report, `pigeonhole` the one for twenty seeds and more. Runs with test items of their own (folds,
regenerated data) have no such table; seeds contain items, and `two_level` is for them. On crossed runs `two_level`
would be too narrow: it draws the items anew for every seed, as though K seeds had seen K times as many items.

A comparison of two systems paired by seed is the same with `paired.stacked` runs and `paired.difference_of(value)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from fmbench.stats.bootstrap import DRAWS, Value, resampled_sums
from fmbench.stats.clusters import cluster_sums
from fmbench.stats.intervals import Interval, percentile


def over_seeds(
    runs: Sequence[np.ndarray],
    value: Value,
    clusters: Sequence[object] | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the mean score over training seeds, for other seeds and other items.

    Seeds and items are crossed, so their variances add: that of the items from a percentile bootstrap in which all
    seeds see the same draws, each side by itself, and that of the seeds from the K scores. A few seeds know little of
    their variance, so the sum is taken times Student's t, see `half_width`. Resampling the seeds themselves (Owen 2007)
    would cover only 82 % at K = 3 where training noise dominates. With one seed the interval is over items alone, and
    the method's name says so.

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
    mean, of_seeds = float(scores.mean()), float(scores.var(ddof=1)) / k
    items = percentile(resampled, level, f"bootstrap over {what}, t over {k} seeds")
    return with_seeds(items, mean, of_seeds, k - 1, level)


def with_seeds(items: Interval, mean: float, of_seeds: float, freedom: int, level: float) -> Interval:
    """The interval of the items around a mean, widened by the variance of training on each side, see `half_width`."""
    return Interval(
        mean - half_width(of_seeds, mean - items.low, freedom, level),
        mean + half_width(of_seeds, items.high - mean, freedom, level),
        items.method,
    )


def half_width(of_seeds: float, item_arm: float, freedom: int, level: float = 0.95) -> float:
    """Half the width of an interval whose variance is that of training, of a mean over seeds, plus that of the items.

    Student's t has freedom / share degrees of freedom, where share is the part of the seeds in the variance: those of
    the seeds where training noise is all there is, and without end where there is none. Satterthwaite's (1946), over
    the square of the share, would cover 92 % at K = 3; adding the arms in quadrature (MOVER) is wider and covers more
    than it says. One degree of freedom (two seeds) takes the mean of the quantiles of t and z by shares (Cochran 1964,
    Biometrics 20). Exact for seeds alone and for items alone; in between, integrated over the estimated variance of
    normal scores, 95 % intervals cover 94.2 to 96.3 % from three seeds on and 93.9 to 97.8 % with two, and one-sided
    95 % bounds (level 0.9) hold in 94.9 to 96.0 % and 95.0 to 97.1 %.

    Args:
        of_seeds: variance of the mean of the seeds' scores.
        item_arm: half the width of the items' own interval, on one side.
        freedom: degrees of freedom of `of_seeds`, K - 1 for K scores.
    """
    from scipy.stats import t

    z = NormalDist().inv_cdf(0.5 + level / 2)
    variance = of_seeds + (item_arm / z) ** 2
    if not variance > 0 or of_seeds == 0:
        return abs(item_arm)
    share = of_seeds / variance
    if freedom == 1:
        quantile = share * t.ppf(0.5 + level / 2, 1) + (1 - share) * z
    else:
        quantile = t.ppf(0.5 + level / 2, freedom / share)
    return float(quantile * np.sqrt(variance))


def pigeonhole(
    runs: Sequence[np.ndarray],
    value: Value,
    clusters: Sequence[object] | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the mean score: seeds and items resampled independently of each other (Owen 2007, Annals 35).

    Right for some twenty seeds or more; with K seeds it misses a share 1/K of their variance and knows no t.
    The arguments are those of `over_seeds`.
    """
    rng = np.random.default_rng(seed)
    sums = resampled_sums([cluster_sums(run, clusters) for run in runs], draws, rng)
    k = len(runs)
    picked = rng.multinomial(k, np.full(k, 1 / k), size=draws) / k
    scores = np.stack([value(run) for run in sums], axis=1)
    what = "items" if clusters is None else "clusters"
    return percentile((picked * scores).sum(axis=1), level, f"bootstrap over {what} and {k} seeds")


def two_level(
    runs: Sequence[np.ndarray], value: Value, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> Interval:
    """Interval of the mean score where each seed has items of its own: seeds are drawn, then items within each.

    The seeds' variance is in the spread of the runs' scores, and so is that of their items; the draws of items add it a
    second time where the runs are small. As with `pigeonhole`, few seeds make it too narrow.

    Args:
        runs: one array [n_items of that seed, ...] a seed; clusters are summed before.
        value: maps sums [..., *run.shape[1:]] to scores [...].
    """
    rng = np.random.default_rng(seed)
    k = len(runs)
    scores = np.zeros(draws)
    for _ in range(k):
        picked = rng.integers(0, k, draws)
        for number in np.unique(picked):
            (rows,) = np.nonzero(picked == number)
            scores[rows] += value(resampled_sums([runs[number]], len(rows), rng)[0]) / k
    return percentile(scores, level, f"bootstrap over {k} seeds and the items of each")
