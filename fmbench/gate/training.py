"""What training adds to the noise of a change: its variance over seeds, with the degrees of freedom that it has.

Two estimates are valid where nothing changed, whatever the noise of training. The changes seed by seed have K - 1
degrees of freedom, and are precise where the two sides of a seed share their noise (the same checkpoint, the same
order of batches). The spreads of both sides have 2 (K - 1), for runs that share nothing; where they do share something
it is too wide, not too narrow. Which of them to take is read off the examples: whether a run of the base answers more
like the new run of its own seed than like those of other seeds. That says nothing about which side is better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.01
"""Level at which the pairing of seeds must be worth the degrees of freedom that it costs."""


@dataclass(frozen=True)
class Training:
    """Variance that training gives to a mean change over seeds, and its degrees of freedom."""

    variance: float
    freedom: int

    def half(self, tail: float) -> float:
        """How far Student's t reaches with that much probability beyond it."""
        from scipy.stats import t

        return float(t.isf(tail, self.freedom)) * math.sqrt(self.variance) if self.variance else 0.0


def training_of(scores: np.ndarray, alike: bool) -> Training:
    """The noise of training in the mean change of `scores` [2 sides, K seeds], K of 2 or more.

    Args:
        alike: whether the sides of a seed share their noise, so that the changes are taken seed by seed.
    """
    k = scores.shape[1]
    if alike:
        return Training(float(np.var(scores[1] - scores[0], ddof=1)) / k, k - 1)
    return Training(float(np.var(scores, axis=1, ddof=1).sum()) / k, 2 * (k - 1))


def answers_alike(base: Sequence[np.ndarray], new: Sequence[np.ndarray], labels: bool = False) -> bool:
    """Whether the sides of a seed are so much nearer to each other than to other seeds that pairing them pays.

    It pays where the mean squared distance of the statistics [n, ...] of a seed's own sides, times the squared
    quantile of Student's t with K - 1 degrees of freedom, is below that of other seeds' with 2 (K - 1).

    Args:
        labels: they are codes, whose distance is whether they differ.
    """
    from scipy.stats import t

    k = len(base)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean(a != b) if labels else np.nanmean(np.square(b - a, dtype=np.float64)))

    distances = np.array([[distance(a, b) for b in new] for a in base])
    own, others = float(distances.trace()) / k, float(distances.sum() - distances.trace()) / (k * (k - 1))
    return bool(own * t.isf(LEVEL, k - 1) ** 2 <= others * t.isf(LEVEL, 2 * (k - 1)) ** 2)


def shared_variance(differences: Sequence[np.ndarray]) -> float:
    """Variance of a mean change that the choice of examples gives to all seeds alike.

    It is the mean covariance of different seeds' resampled changes [draws]. What examples do to a single seed is in
    the variance over seeds already.
    """
    drawn = np.stack(differences)
    drawn = drawn[:, ~np.isnan(drawn).any(axis=0)]
    k = len(drawn)
    if drawn.shape[1] < 2:
        return math.nan
    table = np.cov(drawn)
    return max(0.0, float(table.sum() - table.trace()) / (k * (k - 1)))


def mover_p(loss: float, examples: float, training: Training) -> float:
    """One-sided p of "no loss": the level at which the bound of a mean loss touches 0.

    The bound joins the normal arm of the examples and Student's t of training in quadrature (MOVER: Zou and Donner
    2008, Statistics in Medicine 27). With Satterthwaite's degrees of freedom a variance of few seeds that is small by
    chance would count as certain, and so it would by the rule of the bounds, `seeds.half_width`: right at 95 %, it
    would call up to 1.5 times alpha at 1 % and 5 times at 0.1 % with three seeds.

    Args:
        loss: mean loss, worse is positive.
        examples: its variance over examples, shared by all seeds.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if loss <= 0:
        return 1.0

    def excess(log_p: float) -> float:
        p = math.exp(log_p)
        return math.hypot(training.half(p), float(norm.isf(p)) * math.sqrt(examples)) - loss

    lowest, highest = math.log(1e-30), math.log(0.5)
    if excess(lowest) <= 0:
        return math.exp(lowest)
    return math.exp(float(brentq(excess, lowest, highest, xtol=1e-6)))
