"""Calibration: proper scores, the calibration error beside its noise floor, and the temperature that mends it.

Brier score and NLL are the headline; they are means, so their bootstrap is that of `sums.shares(items)`. The expected
calibration error is biased upwards: a perfectly calibrated model has a mean of some 0.05 at 300 items. It is therefore
never given without its floor. Selective prediction (AURC, risk at coverage) is a matter of order: ranking.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fmbench.stats.bootstrap import DRAWS, Bootstrap
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.sums import divided
from fmbench.stats.ties import Ties

BINS, ITEMS_PER_BIN = 15, 50
SIMULATIONS = 200
COOLEST, WARMEST = 0.01, 100.0


def brier(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Brier score of each item, `sum_k (p_k - [y = k])^2`, from 0 to 2 (Brier 1950, Monthly Weather Review 78).

    Args:
        probabilities: [n, k].
        labels: int [n].

    Returns:
        float64 [n].
    """
    off = np.array(probabilities, dtype=np.float64)
    off[np.arange(len(off)), labels] -= 1
    return np.asarray((off**2).sum(axis=1))


def nll(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each item in nats, float64 [n]; as in scikit-learn no probability is below 2.2e-16."""
    chosen = np.asarray(probabilities, dtype=np.float64)[np.arange(len(labels)), labels]
    return -np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0))


def equal_mass_bins(confidence: np.ndarray, bins: int | None = None) -> np.ndarray:
    """Bin of each item, int [n], where bins hold about as many items each (Nguyen and O'Connor 2015, EMNLP).

    Equal confidences share a bin, so the order of the items does not matter.

    Args:
        bins: by default one for each 50 items, at least 1 and at most 15.
    """
    n = len(confidence)
    bins = min(BINS, max(1, n // ITEMS_PER_BIN)) if bins is None else bins
    ties = Ties(np.asarray(confidence))
    return np.asarray(ties.starts[ties.group] * bins // max(1, n))


def gaps(confidence: np.ndarray, correct: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Statistics of `ece`, float64 [n, bins + 1]: confidence minus correctness in the item's bin, and 1."""
    found = np.zeros((len(bins), int(bins.max(initial=0)) + 2))
    found[np.arange(len(bins)), bins] = np.asarray(confidence, dtype=np.float64) - correct
    found[:, -1] = 1
    return found


def ece(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error `sum_b |sum_(i in b) conf_i - correct_i| / n` of summed `gaps` (Guo 2017, ICML)."""
    return divided(np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1])


class Bin(NamedTuple):
    """One point of a reliability diagram."""

    n: int
    confidence: float
    accuracy: float


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: np.ndarray) -> list[Bin]:
    """Mean confidence and accuracy of every bin that holds items."""
    n, sure, right = (np.bincount(bins, weights=w) for w in (np.ones(len(bins)), confidence, correct))
    return [Bin(int(n[b]), float(sure[b] / n[b]), float(right[b] / n[b])) for b in np.flatnonzero(n)]


class CalibrationError(NamedTuple):
    """An expected calibration error beside what a perfectly calibrated model of the same confidences would show.

    Args:
        ece: as measured.
        floor, floor_low, floor_high: mean and central 95 % of the ECE under perfect calibration.
        corrected: `ece - floor`, which may be below 0.
        interval: 95 % interval of the true error within these bins: its lower end takes the whole floor off, which is
            right for a calibrated model, its upper end nothing, which is right for a badly calibrated one. It covers
            at least 95 % of both.
    """

    ece: float
    floor: float
    floor_low: float
    floor_high: float
    corrected: float
    interval: Interval
    bins: int

    @property
    def distinguishable(self) -> bool:
        """Whether the error is above the band of its floor."""
        return self.ece > self.floor_high


def calibration_error(
    confidence: np.ndarray,
    correct: np.ndarray,
    clusters: Sequence[object] | None = None,
    bins: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> CalibrationError:
    """Equal-mass ECE with an interval, its null floor, and the bias-corrected ECE.

    The bins are those of the sample, in every draw. A resampled ECE holds the noise twice, so the draws are moved to
    have their mean at the measured ECE.

    Args:
        confidence: probability of what was predicted, [n].
        correct: bool [n].

    Raises:
        ValueError: there are no items.
    """
    where = equal_mass_bins(confidence, bins)
    bootstrap = Bootstrap(gaps(confidence, correct, where), clusters, draws, seed)
    measured = float(ece(bootstrap.total))
    null = null_ece(confidence, where, SIMULATIONS, np.random.default_rng(seed))
    floor, low, high = float(null.mean()), *(float(end) for end in np.percentile(null, [2.5, 97.5]))
    resampled = ece(bootstrap.sums)
    drawn = percentile(resampled - np.nanmean(resampled) + measured, 0.95, bootstrap.method)
    interval = Interval(max(0.0, drawn.low - floor), drawn.high, drawn.method)
    return CalibrationError(measured, floor, low, high, measured - floor, interval, len(np.unique(where)))


def null_ece(confidence: np.ndarray, bins: np.ndarray, simulations: int, rng: np.random.Generator) -> np.ndarray:
    """ECE of simulated answers that are right as often as the confidence says, float64 [simulations]."""
    ties, n = Ties(bins), len(bins)
    sure = np.asarray(confidence, dtype=np.float64)
    found = [
        np.abs(ties.sums(sure - (rng.random((min(rows, simulations - start), n)) < sure))).sum(axis=-1) / n
        for rows in (max(1, 4_000_000 // max(1, n)),)
        for start in range(0, simulations, rows)
    ]
    return np.concatenate(found)


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that minimises the NLL of `softmax(logits / T)`: fit it on validation rows only (Guo 2017).

    The NLL is convex in 1/T, so the root of its slope is the one minimum; it is kept within 0.01 and 100.

    Args:
        logits: [n, k]; log-probabilities do as well.
        labels: int [n].
    """
    from scipy.optimize import brentq

    z = np.asarray(logits, dtype=np.float64)
    z = np.maximum(z - z.max(axis=1, keepdims=True), -1e6)
    wanted = z[np.arange(len(z)), labels].mean()

    def slope(log_inverse: float) -> float:
        weight = np.exp(z * np.exp(log_inverse))
        return float(((weight * z).sum(axis=1) / weight.sum(axis=1)).mean() - wanted)

    low, high = -np.log(WARMEST), -np.log(COOLEST)
    if slope(low) >= 0:
        return WARMEST
    if slope(high) <= 0:
        return COOLEST
    return float(np.exp(-brentq(slope, low, high, xtol=1e-12)))


def tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """`softmax(logits / temperature)`, float64 [n, k]."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    weight = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
