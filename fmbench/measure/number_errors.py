"""Errors of predicted numbers: mean absolute error and root mean squared error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric

KINDS = frozenset({"rating-prediction"})


def error_items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """Absolute and squared error of each row, and 1: float64 [n, 3]."""
    guess, gold = (np.asarray(predictions[name].to_numpy(), dtype=np.float64) for name in ("prediction", "gold"))
    errors = np.abs(guess - gold)
    return np.stack([errors, errors**2, np.ones(len(errors))], axis=1)


def _mae(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 2])


def _rmse(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(sums[..., 1] / sums[..., 2]))


mae = SummedMetric("mae", KINDS, error_items, _mae, higher_is_better=False, range=(0.0, float("inf")))
rmse = SummedMetric("rmse", KINDS, error_items, _rmse, higher_is_better=False, range=(0.0, float("inf")))
