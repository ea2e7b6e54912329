"""What no gate can do better: the power of the best test that calls no more than `alpha` without cause."""

from __future__ import annotations

import math

import numpy as np


def paired_shares(n: int, lost: float, gained: float, alpha: float = 0.01) -> float:
    """Bound of the power of any test of right or wrong on n paired examples.

    Each example is lost, gained or neither with the given probabilities. By Neyman and Pearson no test with a false
    alarm rate of `alpha` at the null hypothesis "lost and gained with probability q each" beats the likelihood ratio;
    q is chosen so that the ratio depends on lost minus gained alone, where the null is hardest to tell apart.
    """
    ratio = math.sqrt(lost * gained) / (1 - lost - gained)
    q = ratio / (1 + 2 * ratio)
    null, alternative = _difference(n, q, q), _difference(n, lost, gained)
    beyond = np.cumsum(null[::-1])
    whole = int(np.searchsorted(beyond, alpha))
    caught = float(alternative[::-1][:whole].sum())
    spent = float(beyond[whole - 1]) if whole else 0.0
    return caught + (alpha - spent) / float(null[::-1][whole]) * float(alternative[::-1][whole])


def _difference(n: int, lost: float, gained: float) -> np.ndarray:
    """Probabilities [2 n + 1] of lost minus gained from -n to n, by the powers of its generating function."""
    size = 2 * n + 1
    w = np.exp(2j * np.pi * np.arange(size) / size)
    found = np.fft.fft((1 - lost - gained + lost * w + gained / w) ** n).real / size
    return np.maximum(0.0, np.roll(found, n))


def students_t(loss: float, deviation: float, freedom: int, alpha: float = 0.01) -> float:
    """Power of Student's t, which no unbiased test beats where the noise of training may be anything.

    Args:
        loss, deviation: mean loss, and the standard deviation of the mean over seeds.
        freedom: K - 1 for changes seed by seed, 2 (K - 1) for two sets of K unrelated runs.
    """
    from scipy.stats import nct, t

    return float(nct.sf(t.isf(alpha, freedom), freedom, loss / deviation))
