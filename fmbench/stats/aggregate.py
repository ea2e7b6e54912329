"""Scores over tasks: a headline that does not depend on which other models are there, and the best of a search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

import numpy as np

from fmbench.stats.bootstrap import DRAWS
from fmbench.stats.intervals import Interval, percentile


def rescale(score: np.ndarray | float, chance: float, ceiling: float = 1.0) -> np.ndarray | float:
    """`(score - chance) / (ceiling - chance)`, never clipped: worse than chance is below 0.

    It turns lower-is-better scores round where the ceiling, the best possible, is below chance.

    Raises:
        ValueError: ceiling and chance are the same.
    """
    if ceiling == chance:
        raise ValueError(f"chance and ceiling are both {chance}")
    return (score - chance) / (ceiling - chance)


@dataclass(frozen=True)
class TaskScore:
    """A rescaled score of one task; None where it is missing.

    Args:
        draws: the same score in bootstrap draws over items and seeds, [draws], or None.
    """

    task: str
    domain: str
    score: float | None
    draws: np.ndarray | None = None


@dataclass(frozen=True)
class Headline:
    """A suite's aggregate.

    Args:
        value: mean over domains of the mean over tasks; None where a task is missing.
        measured, tasks: the coverage, "37 of 40".
        domains: each domain's mean; None where a task of it is missing.
    """

    value: float | None
    measured: int
    tasks: int
    domains: Mapping[str, float | None] = field(default_factory=dict)


def headline(scores: Sequence[TaskScore], weights: Mapping[str, float] | None = None) -> Headline:
    """Weighted mean over domains of the mean over their tasks. Weights default to 1.

    A missing task makes the headline None; for "common tasks only" give the tasks that all models have.
    """
    by_domain: dict[str, list[float | None]] = defaultdict(list)
    for one in scores:
        by_domain[one.domain].append(one.score)
    domains = {name: _mean(found) for name, found in by_domain.items()}
    measured = sum(one.score is not None for one in scores)
    share = task_weights(scores, weights)
    whole = measured == len(scores) > 0
    value = float(np.dot(share, [one.score for one in scores if one.score is not None])) if whole else None
    return Headline(value, measured, len(scores), domains)


def task_weights(scores: Sequence[TaskScore], weights: Mapping[str, float] | None = None) -> np.ndarray:
    """What share of the headline each task has, float64 [tasks], summing to 1."""
    counts: dict[str, int] = defaultdict(int)
    for one in scores:
        counts[one.domain] += 1
    found = np.array([(weights or {}).get(one.domain, 1.0) / counts[one.domain] for one in scores])
    return found / found.sum() if len(found) else found


def headline_interval(
    scores: Sequence[TaskScore],
    weights: Mapping[str, float] | None = None,
    resample_tasks: bool = False,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the headline from the tasks' draws; NaN where a task has none.

    With the tasks fixed it answers "on this suite?"; with tasks resampled within their domains "on tasks like these?",
    and is wider.
    """
    if not scores or any(one.draws is None for one in scores):
        return Interval(float("nan"), float("nan"), "none: a task without draws")
    draws = np.stack([one.draws for one in scores if one.draws is not None])
    share = task_weights(scores, weights)
    if not resample_tasks:
        return percentile(share @ draws, level, "bootstrap within tasks")
    rng = np.random.default_rng(seed)
    total = np.zeros(draws.shape[1])
    domains = [one.domain for one in scores]
    for name in dict.fromkeys(domains):
        rows = np.array([number for number, domain in enumerate(domains) if domain == name])
        picked = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=draws.shape[1])
        total += share[rows[0]] * (picked.T * draws[rows]).sum(axis=0)
    return percentile(total, level, "bootstrap of tasks and within tasks")


def iqm(scores: np.ndarray, axis: int | None = None) -> np.ndarray | float:
    """Interquartile mean: the mean without the lowest and the highest quarter (Agarwal et al. 2021, NeurIPS).

    As in scipy's `trim_mean` a quarter is rounded down to whole scores.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64), axis=axis)
    axis = 0 if axis is None else axis
    cut = values.shape[axis] // 4
    found = values.take(np.arange(cut, values.shape[axis] - cut), axis).mean(axis)
    return found if found.ndim else float(found)


def iqm_interval(runs: Sequence[np.ndarray], draws: int = DRAWS, level: float = 0.95, seed: int = 0) -> Interval:
    """Stratified bootstrap interval of the IQM over all runs of all tasks: runs [runs] are resampled within tasks.

    Of n runs of a task n - 1 are drawn: n would have (n - 1) / n of their variance, and intervals of three runs would
    hold the truth in 89 % (McCarthy and Snowden 1985, Vital and Health Statistics 2-95).
    """
    rng = np.random.default_rng(seed)
    drawn = [np.asarray(run)[rng.integers(0, len(run), (draws, max(1, len(run) - 1)))] for run in runs]
    return percentile(np.asarray(iqm(np.concatenate(drawn, axis=1), axis=1)), level, "stratified bootstrap")


def mean_win_rate(scores: np.ndarray) -> np.ndarray:
    """Share of the other models that each beats, ties one half, averaged over tasks: [models, tasks] -> [models].

    It depends on which other models are there, so it never decides an order by itself.
    """
    wins = (np.sign(scores[:, None] - scores) + 1) / 2
    return np.asarray((wins.sum(axis=1) - 0.5).mean(axis=1) / (len(scores) - 1))


def expected_best(scores: Sequence[float] | np.ndarray, k: int, unbiased: bool = False) -> float:
    """Expected best validation score of k trials, from the scores of n.

    `sum_v v (F(v)^k - F(v-)^k)`, biased low but deciding better (Dodge et al. 2019 and 2021); unbiased it is
    `sum_i v_(i) C(i-1, k-1) / C(n, k)` (Tang et al. 2020). Nothing is said of more trials than were made.

    Raises:
        ValueError: k is not within 1 and n.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    n = len(values)
    if not 1 <= k <= n:
        raise ValueError(f"best of {k} trials, of which {n} were made")
    if unbiased:
        share = np.array([comb(i, k - 1) / comb(n, k) for i in range(n)])
    else:
        share = np.diff((np.arange(n + 1) / n) ** k)
    return float(share @ values)


def _mean(scores: Sequence[float | None]) -> float | None:
    found = [score for score in scores if score is not None]
    return float(np.mean(found)) if len(found) == len(scores) else None
