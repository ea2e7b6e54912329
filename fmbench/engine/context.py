"""What a fit is given besides model and data: seed, device, a clock, and someone who listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fmbench.engine.cache import ArrayCache
from fmbench.errors import CellFailed


@dataclass(frozen=True)
class Step:
    """Where a training run stands, for a progress display."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class FitContext:
    """The surroundings of one fit.

    Args:
        seed: decides weights, order and dropout.
        device: "cpu", "cuda" or "mps".
        validate: probabilities on the validation rows [n_targets, n_outputs] -> the task's main metric.
        higher_is_better: the direction of that metric.
        on_step: called after every optimiser step.
        deadline: in seconds of `clock`; passing it fails the cell.
        clock: `time.monotonic`, or one that stands still while this process is stopped for the sake of others.
    """

    seed: int
    device: str
    validate: Callable[[np.ndarray], float]
    higher_is_better: bool = True
    on_step: Callable[[Step], None] = lambda step: None
    deadline: float = float("inf")
    cache: ArrayCache = field(default_factory=ArrayCache)
    clock: Callable[[], float] = time.monotonic

    def check_time(self) -> None:
        """Raises CellFailed once the deadline has passed."""
        if self.clock() > self.deadline:
            raise CellFailed("out of time (limits.minutes_per_cell)")
