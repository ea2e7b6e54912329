"""Scores of an order: AUROC and average precision of weighted items, and nDCG of a list."""

from __future__ import annotations

import numpy as np

from fmbench.stats.sums import divided
from fmbench.stats.ties import Ties


def auroc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve under each weighting: the chance that a positive outranks a negative, ties one half.

    It is the rank sum of the positives (Mann-Whitney), so the items are ordered once for all draws of a bootstrap.

    Args:
        scores: [n], higher for what is more likely positive.
        positive: bool [n].
        weights: [draws, n], how often each item counts.

    Returns:
        float64 [draws]; NaN where a draw has items of one class only.
    """
    positive = np.asarray(positive, dtype=bool)
    at = np.unique(scores, return_inverse=True)[1]
    order = np.argsort(at[~positive], kind="stable")
    seen = np.zeros((len(weights), (~positive).sum() + 1))
    np.cumsum(weights[:, np.flatnonzero(~positive)[order]], axis=1, dtype=np.float64, out=seen[:, 1:])
    negatives = at[~positive][order]
    below = np.searchsorted(negatives, at[positive], side="left")
    through = np.searchsorted(negatives, at[positive], side="right")
    mine = weights[:, positive].astype(np.float64)
    won = np.einsum("ij,ij->i", mine, seen[:, below] + seen[:, through]) / 2
    return divided(won, mine.sum(axis=1) * seen[:, -1])


def average_precision(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the precision-recall curve under each weighting: the sum of precision x gain in recall.

    Items of equal scores come together and nothing is interpolated, as in scikit-learn. The arguments are those of
    `auroc`; NaN where a draw has no positives.
    """
    groups = Ties(-np.asarray(scores))
    weights = weights.astype(np.float64)
    right = groups.sums(weights * np.asarray(positive, dtype=bool))
    precision = divided(np.cumsum(right, axis=1), np.cumsum(groups.sums(weights), axis=1))
    return divided((np.nan_to_num(precision) * right).sum(axis=1), right.sum(axis=1))


def ndcg(gains: np.ndarray, k: int | None = None) -> np.ndarray:
    """Normalised discounted cumulative gain of ranked lists (Jarvelin and Kekalainen 2002, ACM TOIS 20).

    Args:
        gains: relevances in the order of the ranking, best first, [..., items].
        k: how many places count; all if None.

    Returns:
        float64 [...], one a list; NaN where nothing is relevant.
    """
    places = gains.shape[-1] if k is None else min(k, gains.shape[-1])
    discount = 1 / np.log2(np.arange(2, places + 2))
    best = -np.sort(-np.asarray(gains, dtype=np.float64), axis=-1)[..., :places]
    return divided(gains[..., :places] @ discount, best @ discount)


def aurc(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the risk-coverage curve under each weighting (Geifman and El-Yaniv 2017, NeurIPS).

    The mean over items of the risk (mean of `wrong`) among those that are at least as confident.

    Args:
        confidence: [n].
        wrong: loss of each item, [n].
        weights: [draws, n], how often each item counts.
    """
    at, risk = _selective(confidence, wrong, weights)
    return divided((at * np.nan_to_num(risk)).sum(axis=1), at.sum(axis=1))


def augrc(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the generalised risk-coverage curve under each weighting (Traub et al. 2024, arXiv 2407.01032).

    The integral over coverage of the share of all items that are accepted and wrong; its arguments are those of `aurc`.
    Between two confidences the curve is a straight line, which is the mean over all orders of their items.
    """
    ties = Ties(-confidence)
    at = ties.sums(weights.astype(np.float64))
    lost = np.cumsum(ties.sums(weights * wrong), axis=1)
    before = np.concatenate([np.zeros((len(at), 1)), lost[:, :-1]], axis=1)
    return divided((at * (before + lost) / 2).sum(axis=1), at.sum(axis=1) ** 2)


def selective_risk(confidence: np.ndarray, wrong: np.ndarray, coverage: float) -> float:
    """Mean loss of the share `coverage` of items that is most confident; 1 - it is the selective accuracy.

    Where the threshold falls among equal confidences, it is the mean over all orders of them.

    Raises:
        ValueError: coverage not above 0 and up to 1, or no items.
    """
    if not 0 < coverage <= 1 or not len(confidence):
        raise ValueError(f"coverage {coverage} of {len(confidence)} items")
    return float(selective_risks(confidence, wrong, np.ones((1, len(wrong))), coverage)[0])


def selective_risks(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray, coverage: float) -> np.ndarray:
    """`selective_risk` under each weighting [draws, n], float64 [draws]."""
    ties = Ties(-np.asarray(confidence))
    nothing = np.zeros((len(weights), 1))
    kept = np.cumsum(np.hstack([nothing, ties.sums(weights.astype(np.float64))]), axis=1)
    lost = np.cumsum(np.hstack([nothing, ties.sums(weights * np.asarray(wrong, dtype=np.float64))]), axis=1)
    wanted = coverage * kept[:, -1]
    return np.array([np.interp(w, x, y) for w, x, y in zip(wanted, kept, lost, strict=True)]) / wanted


def risk_coverage(confidence: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and risk at every threshold, the most confident items first: both float64 [distinct confidences]."""
    at, risk = _selective(confidence, wrong, np.ones((1, len(wrong))))
    return np.cumsum(at[0]) / len(wrong), risk[0]


def _selective(confidence: np.ndarray, wrong: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight at each confidence, from the highest, and the risk among all items from there up: [draws, groups]."""
    ties = Ties(-np.asarray(confidence))
    at = ties.sums(weights.astype(np.float64))
    lost = np.cumsum(ties.sums(weights * np.asarray(wrong)), axis=1)
    return at, divided(lost, np.cumsum(at, axis=1))
