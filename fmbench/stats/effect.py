"""How large a difference is, beside whether there is one: the probability of improvement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmbench.stats.bootstrap import DRAWS, resampled_weights
from fmbench.stats.intervals import Interval, percentile

MEANINGFUL = 0.75


def improvement(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Chance that a run of A beats a run of B on the same task, ties one half, averaged over tasks (Agarwal 2021).

    Args:
        a, b: scores of the runs on each task, [runs] each; higher is better. Runs of A and B need not be as many.
    """
    return float(np.mean([_wins(x, y).mean() for x, y in zip(a, b, strict=True)]))


def improvement_interval(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> Interval:
    """Stratified bootstrap interval of `improvement`: runs are resampled within each task and system, tasks are fixed.

    It needs some ten runs a task, or many tasks; with one run a task it has no width and is NaN.
    """
    method = "stratified bootstrap"
    if all(len(x) < 2 and len(y) < 2 for x, y in zip(a, b, strict=True)):
        return Interval(float("nan"), float("nan"), "none: one run a task")
    rng = np.random.default_rng(seed)
    total = np.zeros(draws)
    for x, y in zip(a, b, strict=True):
        chosen, other = (np.concatenate([*resampled_weights(len(s), draws, rng)]) / len(s) for s in (x, y))
        total += ((chosen @ _wins(x, y)) * other).sum(axis=1)
    return percentile(total / len(a), level, method)


def meaningful(estimate: float, interval: Interval) -> bool:
    """Whether an improvement is certain (interval above 1/2) and large (3/4 or more; Bouthillier 2021, MLSys)."""
    return interval.low > 0.5 and estimate >= MEANINGFUL


def _wins(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 where a run of A is better, 1/2 where equal, else 0: [runs of A, runs of B]."""
    difference = np.asarray(a, dtype=np.float64)[:, None] - np.asarray(b, dtype=np.float64)
    return np.asarray((np.sign(difference) + 1) / 2)
