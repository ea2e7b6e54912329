"""Metrics of labels as functions of counts: true positives, predicted and gold, for each label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

TP, PREDICTED, GOLD = 0, 1, 2


class Counts(NamedTuple):
    """Counts of each item: `array` is int [n_items, n_labels, 3] (true positives, predicted, gold)."""

    labels: tuple[str, ...]
    array: np.ndarray


@dataclass(frozen=True)
class Metric:
    """A score that is a function of summed counts.

    Args:
        name: the field's usual name.
        kinds: task kinds it is for.
        counts: (predictions, label space) -> Counts.
        value: sums [..., n_labels, 3] -> scores [...]; NaN where undefined.
        chance: number of labels -> the score of uniform guessing.
        proportion: whether it is a share of independent items, so that Wilson's interval is right.
        report: prefix under which precision, recall and F1 by label are reported beside it, or None.
    """

    name: str
    kinds: frozenset[str]
    counts: Callable[[pa.Table, Sequence[str]], Counts]
    value: Callable[[np.ndarray], np.ndarray]
    chance: Callable[[int], float]
    proportion: bool = False
    report: str | None = None
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def precision(sums: np.ndarray) -> np.ndarray:
    """Share of the predicted that is right, [..., 3] -> [...]; NaN where nothing was predicted."""
    return _ratio(sums[..., TP], sums[..., PREDICTED])


def recall(sums: np.ndarray) -> np.ndarray:
    """Share of the gold that was found, [..., 3] -> [...]; NaN where there is no gold."""
    return _ratio(sums[..., TP], sums[..., GOLD])


def f1(sums: np.ndarray) -> np.ndarray:
    """2 TP / (predicted + gold), [..., 3] -> [...]; NaN where there is neither."""
    return _ratio(2 * sums[..., TP], sums[..., PREDICTED] + sums[..., GOLD])


def micro(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """`score` of the counts summed over labels."""
    return lambda sums: score(sums.sum(axis=-2))


def macro(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Mean of `score` over the labels in gold or prediction; undefined terms count as 0, as in scikit-learn."""

    def value(sums: np.ndarray) -> np.ndarray:
        occurs = (sums[..., PREDICTED] + sums[..., GOLD]) > 0
        scores = np.where(occurs, np.nan_to_num(score(sums)), 0.0)
        return _ratio(scores.sum(axis=-1), occurs.sum(axis=-1))

    return value


def weighted(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Mean of `score` over labels, weighted by their share of the gold."""

    def value(sums: np.ndarray) -> np.ndarray:
        gold = sums[..., GOLD]
        return _ratio((np.nan_to_num(score(sums)) * gold).sum(axis=-1), gold.sum(axis=-1))

    return value
