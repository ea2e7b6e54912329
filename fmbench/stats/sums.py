"""Scores as functions of summed sufficient statistics: what each item contributes, and the score of a sum.

A mean (accuracy, nDCG, Brier, a human rating) and an error rate (WER: edits over words) are ratios of two sums;
precision, recall and F1 are functions of true positives, predicted and gold; an expected calibration error is one of
the gaps within bins (calibration.py). Sums keep any leading axes, so one call scores all draws of a bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TP, PREDICTED, GOLD = 0, 1, 2


def shares(part: np.ndarray, whole: np.ndarray | float = 1.0) -> np.ndarray:
    """Statistics float64 [n, 2] of `ratio`: edits and words for WER; scores and 1 for a mean of scores."""
    return np.stack(np.broadcast_arrays(np.asarray(part, dtype=np.float64), whole), axis=-1)


def ratio(sums: np.ndarray) -> np.ndarray:
    """First over second, [..., 2] -> [...]; NaN where the second is 0."""
    return divided(sums[..., 0], sums[..., 1])


def divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`; NaN where `whole` is not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def precision(sums: np.ndarray) -> np.ndarray:
    """Share of the predicted that is right, [..., 3] -> [...]; NaN where nothing was predicted."""
    return divided(sums[..., TP], sums[..., PREDICTED])


def recall(sums: np.ndarray) -> np.ndarray:
    """Share of the gold that was found, [..., 3] -> [...]; NaN where there is no gold."""
    return divided(sums[..., TP], sums[..., GOLD])


def f1(sums: np.ndarray) -> np.ndarray:
    """2 TP / (predicted + gold), [..., 3] -> [...]; NaN where there is neither."""
    return divided(2 * sums[..., TP], sums[..., PREDICTED] + sums[..., GOLD])


def micro(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """`score` of the counts summed over labels."""
    return lambda sums: score(sums.sum(axis=-2))


def macro(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Mean of `score` over the labels in gold or prediction; undefined terms count as 0, as in scikit-learn."""

    def value(sums: np.ndarray) -> np.ndarray:
        occurs = (sums[..., PREDICTED] + sums[..., GOLD]) > 0
        scores = np.where(occurs, np.nan_to_num(score(sums)), 0.0)
        return divided(scores.sum(axis=-1), occurs.sum(axis=-1))

    return value


def weighted(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Mean of `score` over labels, weighted by their share of the gold."""

    def value(sums: np.ndarray) -> np.ndarray:
        gold = sums[..., GOLD]
        return divided((np.nan_to_num(score(sums)) * gold).sum(axis=-1), gold.sum(axis=-1))

    return value
