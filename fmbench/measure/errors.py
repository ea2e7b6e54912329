"""Errors of predicted numbers: mean absolute, root mean square, and the share of the variance that is explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.forecast import StepwiseError
from fmbench.measure.summed import SummedMetric

KINDS = frozenset(
    {
        "sentence-similarity",
        "text-regression",
        "tabular-regression",
        "time-series-forecasting",
        "rating-prediction",
    }
)


def errors(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """[n, 5]: absolute error, squared error, gold, squared gold, and 1, each the mean over what a row predicts.

    Gold is counted from its mean, so that little is lost when its square is taken.
    """
    gold, predicted = (_rows(predictions[name]) for name in ("gold", "prediction"))
    wrong = predicted - gold
    centred = gold - gold.mean()
    columns = [abs(wrong), wrong**2, centred, centred**2, np.ones_like(gold)]
    return np.stack([column.mean(axis=1) for column in columns], axis=1)


def _rows(column: pa.ChunkedArray) -> np.ndarray:
    """float64 [n, k]: k numbers a row, 1 where a row is a number."""
    values = column.to_pylist()
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _mae(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 4])


def _rmse(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(sums[..., 1] / sums[..., 4]))


def _r2(sums: np.ndarray) -> np.ndarray:
    spread = sums[..., 3] - sums[..., 2] ** 2 / sums[..., 4]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, 1 - sums[..., 1] / spread, np.nan)


INFINITE = (0.0, float("inf"))
mae = StepwiseError("mae", KINDS, errors, _mae, higher_is_better=False, range=INFINITE)
rmse = StepwiseError("rmse", KINDS, errors, _rmse, higher_is_better=False, range=INFINITE, squared=True)
r2 = SummedMetric("r2", KINDS, errors, _r2, lambda n_labels: 0.0, range=(-float("inf"), 1.0))
