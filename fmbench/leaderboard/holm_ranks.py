"""Ranks of many rows by Holm's method with hardly a p-value computed.

A board of a thousand rows and a hundred tasks asks 50 million paired tests, each only whether its p-value is at most
alpha / k. That is |t| against a critical value, and critical values fall as degrees of freedom grow: in a table over k
and narrow bins of degrees of freedom the ends of a bin decide all tests but the few in between, which get their
p-value. The ranks are those of `rank_intervals`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fmbench.leaderboard.pairs import Compared
from fmbench.stats.ranks import Rank

BINS_PER_OCTAVE, OCTAVES = 16, 14
SLACK = 1e-6
"""Relative width around a critical value within which the p-value itself decides."""


def ranks_of(found: Compared, alpha: float = 0.05) -> list[Rank]:
    """Every row's rank and the ranks that its tests leave open, Holm over the tests of each row."""
    m = len(found.difference)
    apart = _apart(found, alpha)
    worse_than = (apart & (found.difference < 0)).sum(axis=1)
    better_than = (apart & (found.difference > 0)).sum(axis=1)
    ranks = 1 + (found.difference < 0).sum(axis=1)
    rows = zip(ranks, worse_than, better_than, strict=True)
    return [Rank(int(rank), int(1 + worse), int(m - better)) for rank, worse, better in rows]


def _apart(found: Compared, alpha: float) -> np.ndarray:
    """Which tests Holm rejects, bool [m, m].

    Step down: with R of a row's tests rejected, those with p (m - 1 - R) <= alpha are rejected too, until none is.
    """
    m = len(found.difference)
    apart = np.zeros((m, m), dtype=bool)
    if m < 2:
        return apart
    statistic = _statistic(found).ravel()
    highest, lowest = _critical(_power_of_two(m - 1), alpha)
    at = np.flatnonzero(statistic >= lowest[1, -1])
    row, statistic, df = at // m, statistic[at], found.df.ravel()[at]
    where, p = _bin(df), np.full(len(at), np.nan)
    rejected = np.zeros(m, dtype=np.intp)
    while True:
        left = (m - 1 - rejected)[row]
        new = statistic >= highest[left, where]
        open_ = np.flatnonzero(~new & (statistic >= lowest[left, where]))
        unknown = open_[np.isnan(p[open_])]
        p[unknown] = _p(statistic[unknown], df[unknown])
        new[open_] = p[open_] * left[open_] <= alpha
        if not new.any():
            return apart
        apart.ravel()[at[new]] = True
        fresh = np.bincount(row[new], minlength=m)
        rejected += fresh
        on = np.flatnonzero(~new & (fresh > 0)[row])
        at, row, statistic, df, where, p = (part[on] for part in (at, row, statistic, df, where, p))


def _statistic(found: Compared) -> np.ndarray:
    """|t| of every difference, as `Compared.p` takes it: infinite without variance, 0 where nothing is known."""
    difference = np.abs(found.difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = difference / np.sqrt(found.variance)
    t = np.where(found.variance > 0, t, np.where(difference > 1e-12, np.inf, 0.0))
    t[np.isnan(found.variance) | np.isnan(t) | np.isnan(found.df)] = 0.0
    return t


def _p(statistic: np.ndarray, df: np.ndarray) -> np.ndarray:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(df, -statistic))


def _bin(df: np.ndarray) -> np.ndarray:
    """Number of the bin of each: 0 is below 1, b > 0 begins at 2^((b - 1) / BINS_PER_OCTAVE)."""
    with np.errstate(divide="ignore"):
        steps = np.floor(BINS_PER_OCTAVE * np.log2(df))
    return np.asarray(np.clip(steps, -1, BINS_PER_OCTAVE * OCTAVES) + 1, dtype=np.intp)


@lru_cache(maxsize=4)
def _critical(tests: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided critical values of Student's t at alpha / k, highest and lowest of each bin, [tests + 1, bins]."""
    from scipy.special import ndtri, stdtrit

    edges = 2.0 ** (np.arange(BINS_PER_OCTAVE * OCTAVES + 1) / BINS_PER_OCTAVE)
    level = alpha / 2 / np.arange(1, tests + 1)
    at_edge = -stdtrit(edges, level[:, None])
    highest = np.full((tests + 1, len(edges) + 1), np.inf)
    lowest = np.full((tests + 1, len(edges) + 1), np.inf)
    highest[1:, 1:] = at_edge * (1 + SLACK)
    lowest[1:, :-1] = at_edge * (1 - SLACK)
    lowest[1:, -1] = -ndtri(level) * (1 - SLACK)
    return highest, lowest


def _power_of_two(count: int) -> int:
    """The next power of two, so that few tables are made."""
    return 1 << (count - 1).bit_length()
