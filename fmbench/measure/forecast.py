"""Errors of forecasts: step by step, against the forecast that nothing changes, and of predicted paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Sample
from fmbench.measure.summed import SummedMetric, mean_of_items
from fmbench.stats.bootstrap import Bootstrap

INFINITE = (0.0, float("inf"))
SERIES = frozenset({"time-series-forecasting"})
TRAJECTORIES = frozenset({"trajectory-forecasting"})
MOST_STEPS = 12


@dataclass(frozen=True)
class StepwiseError(SummedMetric):
    """An error of numbers; where a row is a forecast of a series, also of its steps (up to 12 of them) as slices.

    Args:
        squared: whether it is the root of the mean square, else the mean absolute error.
    """

    squared: bool = False

    def beside(self, sample: Sample) -> list[Measurement]:
        if not pa.types.is_list(sample.predictions["gold"].type):
            return []
        resampled, steps = sample.once(("steps", len(self.kinds)), lambda: _by_step(sample))
        found = []
        for i, step in enumerate(steps):

            def value(sums: np.ndarray, at: int = i) -> np.ndarray:
                kind = 1 if self.squared else 0
                mean = sums[..., at, kind] / sums[..., at, 2]
                return np.asarray(np.sqrt(mean) if self.squared else mean)

            score, interval = float(value(resampled.total)), resampled.interval(value)
            n = int(resampled.total[i, 2])
            more = {"unit": self.unit, "higher_is_better": False, "slice": f"step {step + 1}"}
            found.append(measured(self.name, score, interval, n, **more))
        return found


def _by_step(sample: Sample) -> tuple[Bootstrap, list[int]]:
    """Resampled sums [steps, 3] of absolute error, squared error and 1, and which steps these are."""
    gold, predicted = (_numbers(sample.predictions[name]) for name in ("gold", "prediction"))
    horizon = gold.shape[1]
    steps = sorted({round(step) for step in np.linspace(0, horizon - 1, min(horizon, MOST_STEPS))})
    wrong = (predicted - gold)[:, steps]
    return Bootstrap(np.stack([abs(wrong), wrong**2, np.ones_like(wrong)], axis=2), sample.clusters), steps


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """float64 [n, k] of a column of lists of k numbers."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype=np.float64).reshape(len(column), -1)


def against_naive(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """[n, 2]: the sum over the steps of the absolute error, and of that of the last known value."""
    gold, predicted = (_numbers(predictions[name]) for name in ("gold", "prediction"))
    last = np.asarray(predictions["last_value"].to_pylist(), dtype=np.float64)[:, None]
    return np.stack([abs(predicted - gold).sum(axis=1), abs(last - gold).sum(axis=1)], axis=1)


def displacements(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """[n, 3]: the mean distance between predicted and true positions, the distance at the last one, and 1."""
    gold, predicted = (_numbers(predictions[name]).reshape(len(predictions), -1, 2) for name in ("gold", "prediction"))
    distance = np.linalg.norm(predicted - gold, axis=2)
    return np.stack([distance.mean(axis=1), distance[:, -1], np.ones(len(distance))], axis=1)


def _average(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 2])


def _final(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 1] / sums[..., 2])


def _one(n_labels: int) -> float:
    return 1.0


relative_mae = SummedMetric(
    "relative_mae", SERIES, against_naive, mean_of_items, _one, higher_is_better=False, range=INFINITE
)
"""MAE divided by that of persistence on the same windows (RelMAE: Hyndman and Koehler 2006, section 2.4)."""
ade = SummedMetric("ade", TRAJECTORIES, displacements, _average, higher_is_better=False, unit="m", range=INFINITE)
"""Average displacement error (Pellegrini et al. 2009)."""
fde = SummedMetric("fde", TRAJECTORIES, displacements, _final, higher_is_better=False, unit="m", range=INFINITE)
"""Final displacement error (Alahi et al. 2016)."""
