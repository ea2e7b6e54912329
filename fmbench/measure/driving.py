"""What came of a model's own driving, and how near its answers are to the expert's; items are scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric

KINDS = frozenset({"imitation-control"})
INFINITE = (0.0, float("inf"))


def of_column(name: str) -> Callable[[pa.Table, Sequence[str]], np.ndarray]:
    """Items [n, 2]: a column of the predictions, and 1."""

    def items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        values = np.asarray(predictions[name].to_pylist(), dtype=np.float64)
        return np.stack([values, np.ones_like(values)], axis=1)

    return items


def action_errors(action: int) -> Callable[[pa.Table, Sequence[str]], np.ndarray]:
    """Items [n, 2]: the summed absolute error of one of the two actions, and the number of steps."""

    def items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        pairs = zip(predictions["gold"].to_pylist(), predictions["prediction"].to_pylist(), strict=True)
        wrong = [np.abs(np.subtract(predicted, gold))[action::2] for gold, predicted in pairs]
        return np.asarray([[one.sum(), len(one)] for one in wrong], dtype=np.float64)

    return items


time_in_lane = SummedMetric("time_in_lane", KINDS, of_column("in_lane"), chance_level=lambda n_labels: 0.0)
"""Share of the time in which the whole car is in its lane; after a crash or off the road it is not."""
collision_rate = SummedMetric("collision_rate", KINDS, of_column("collided"), higher_is_better=False)
progress = SummedMetric("progress", KINDS, of_column("progress"), chance_level=lambda n_labels: 0.0)
"""Distance along the lane, as a share of the expert's in the same scenario; 1 for those who are faster."""
jerk = SummedMetric("jerk", KINDS, of_column("jerk"), higher_is_better=False, unit="m/s^3", range=INFINITE)
"""Root mean square of the change of acceleration while moving: what passengers feel."""
steering_mae = SummedMetric("steering_mae", KINDS, action_errors(0), higher_is_better=False, unit="rad", range=INFINITE)
acceleration_mae = SummedMetric(
    "acceleration_mae", KINDS, action_errors(1), higher_is_better=False, unit="m/s^2", range=INFINITE
)
