"""Correlations of weighted pairs, for many weightings at once: what a bootstrap of a correlation needs.

A bootstrap draw is a weighting of the items by how often each was drawn, so nothing is ever copied or sorted again: the
order of the items is found once, and the ranks within a draw are running sums of its weights.
"""

from __future__ import annotations

import numpy as np

from fmbench.stats.ties import Ties

CONSTANT = 1e-10
"""Variance, as a share of the mean square, below which a draw's values are rounding errors of one value."""


def pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's r of (x, y) under each weighting, from sums of the centred values, their squares and products.

    Args:
        x, y: [n].
        weights: [draws, n], how often each pair counts.

    Returns:
        float64 [draws]; NaN where a variable is constant or not finite.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.full(len(weights), np.nan)
    x, y = _standardised(x), _standardised(y)
    weights = weights.astype(np.float64)
    n = weights.sum(axis=1)
    sx, sy, sxx, syy, sxy = (weights @ np.stack([x, y, x * x, y * y, x * y], axis=1)).T
    var_x, var_y = sxx - sx * sx / n, syy - sy * sy / n
    varies = (var_x > CONSTANT * sxx) & (var_y > CONSTANT * syy)
    return _ratio(sxy - sx * sy / n, var_x, var_y, varies)


def spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's rho of (x, y) under each weighting: Pearson's r of the ranks within it, ties averaged.

    Args:
        x, y: [n].
        weights: [draws, n], whole numbers: how often each pair counts.

    Returns:
        float64 [draws]; NaN where a variable is constant or not finite.
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.full(len(weights), np.nan)
    weights = weights.astype(np.float64)
    ranks_x, var_x = _centred_ranks(x, weights)
    ranks_y, var_y = _centred_ranks(y, weights)
    covariance = np.einsum("ij,ij,ij->i", weights, ranks_x, ranks_y)
    return _ratio(covariance, var_x, var_y, (var_x > 0) & (var_y > 0))


def _standardised(values: np.ndarray) -> np.ndarray:
    """float64 [n] with mean 0 and largest magnitude 1, all 0 if they are constant."""
    values = np.asarray(values, dtype=np.float64)
    if values.min() == values.max():
        return np.zeros_like(values)
    values = values / np.abs(values).max()
    values = values - values.mean()
    return np.asarray(values / np.abs(values).max())


def _centred_ranks(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean ranks minus their mean, [draws, n], and the weighted sum of their squares, [draws].

    With W the weights at a value and F those at or below it, the mean rank there is F - W/2 + 1/2, and the mean of all
    ranks is (N + 1)/2. Whole weights keep this exact, so a constant draw has a sum of squares of exactly 0.
    """
    ties = Ties(values)
    at = ties.sums(weights)
    below = np.cumsum(at, axis=1)
    ranks = below - at / 2 - below[:, -1:] / 2
    return ranks[:, ties.group], np.einsum("ij,ij,ij->i", at, ranks, ranks)


def _ratio(covariance: np.ndarray, var_x: np.ndarray, var_y: np.ndarray, varies: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.where(varies, var_x * var_y, 1.0))
    return np.where(varies, np.clip(covariance / scale, -1.0, 1.0), np.nan)
