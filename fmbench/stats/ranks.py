"""Ranks with intervals, from pairwise paired tests.

A percentile bootstrap of ranks is wrong where systems are nearly equal (Mogstad, Romano, Shaikh and Wilhelm 2024,
Review of Economic Studies 91). A system's rank is instead at least 1 + the number of those significantly better, and at
most the number of systems minus those significantly worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fmbench.stats.clusters import cluster_index
from fmbench.stats.intervals import covariance_of_means
from fmbench.stats.multiplicity import holm


class Pairwise(NamedTuple):
    """Differences row minus column, and their two-sided p-values, float64 [m, m] each; p is 1 on the diagonal."""

    difference: np.ndarray
    p: np.ndarray


class Rank(NamedTuple):
    """Rank by the estimate (1 is best, equals share the better one) and the ranks that the tests leave open."""

    rank: int
    low: int
    high: int


def pairwise(scores: np.ndarray, clusters: Sequence[object] | None = None) -> Pairwise:
    """Paired t-tests of the mean scores of every two systems, all from one covariance matrix.

    Args:
        scores: higher is better, over the same items, [m, n]; for a score of summed statistics its `pseudo_values`.
        clusters: a label for each item of which those with the same one depend on each other.
    """
    from scipy.stats import t

    values = np.asarray(scores, dtype=np.float64)
    covariance = covariance_of_means(values, clusters)
    own = np.diag(covariance)
    variance = np.maximum(0.0, own[:, None] + own - 2 * covariance)
    variance[variance < 1e-12 * (own[:, None] + own)] = 0.0
    means = values.mean(axis=1)
    difference = means[:, None] - means
    units = values.shape[1] if clusters is None else len(np.unique(cluster_index(clusters)))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * t.sf(np.abs(difference) / np.sqrt(variance), units - 1)
    p = np.where(variance > 0, p, np.where(np.abs(difference) > 1e-12, 0.0, 1.0))
    np.fill_diagonal(p, 1.0)
    return Pairwise(difference, p if units > 1 else np.ones_like(p))


def pseudo_values(estimate: float, jackknifed: np.ndarray) -> np.ndarray:
    """What each unit contributes to a score, [n], so that its mean is about the score (Tukey 1958).

    Args:
        estimate: the score of all units.
        jackknifed: scores without each unit in turn, from `bootstrap.jackknife`.
    """
    n = len(jackknifed)
    return n * estimate - (n - 1) * jackknifed


def significant(found: Pairwise, alpha: float = 0.05, simultaneous: bool = False) -> np.ndarray:
    """Whether row is better than column by Holm's method, bool [m, m].

    Args:
        simultaneous: adjust over all M (M - 1) / 2 pairs, for statements about all ranks at once; else over the M - 1
            tests of each row, for a statement about one system.
    """
    return np.asarray((_adjusted(found.p, simultaneous) <= alpha) & (found.difference > 0))


def _adjusted(p: np.ndarray, simultaneous: bool) -> np.ndarray:
    """Holm's p-values over all pairs, or over the tests of each row; 1 on the diagonal."""
    m = len(p)
    adjusted = np.ones_like(p)
    if simultaneous:
        upper = np.triu_indices(m, 1)
        adjusted[upper] = holm(p[upper])
        return np.minimum(adjusted, adjusted.T)
    others = ~np.eye(m, dtype=bool)
    adjusted[others] = holm(p[others].reshape(m, m - 1)).ravel()
    return adjusted


def rank_intervals(found: Pairwise, alpha: float = 0.05, simultaneous: bool = False) -> list[Rank]:
    """Every system's rank and the interval of its rank; a system that ties with the best in truth may be rank 1."""
    m = len(found.p)
    apart = _adjusted(found.p, simultaneous) <= alpha
    worse_than = (apart & (found.difference < 0)).sum(axis=1)
    better_than = (apart & (found.difference > 0)).sum(axis=1)
    ranks = 1 + (found.difference < 0).sum(axis=1)
    rows = zip(ranks, worse_than, better_than, strict=True)
    return [Rank(int(rank), int(1 + worse), int(m - better)) for rank, worse, better in rows]


def top_group(ranks: Sequence[Rank]) -> list[int]:
    """Systems that may be the best: those whose interval holds 1."""
    return [number for number, rank in enumerate(ranks) if rank.low == 1]


def tie_groups(found: Pairwise, alpha: float = 0.05) -> list[list[int]]:
    """Systems from the best in groups that the tests do not part from the group's first, by Holm over all pairs.

    An aid to reading: being inseparable is not transitive, so the last of a group and the first of the next may be too.
    """
    better = significant(found, alpha, simultaneous=True)
    groups: list[list[int]] = []
    for number in np.argsort((found.difference < 0).sum(axis=1), kind="stable").tolist():
        if groups and not better[groups[-1][0], number]:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups
