"""What a measure may look at: the fitted predictor, the test inputs, and what was timed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa


class Predictor(Protocol):
    """A fitted model: inputs of a kind -> probabilities [n_targets, n_outputs], targets in input order."""

    def predict(self, inputs: Sequence[Any]) -> np.ndarray: ...


@dataclass(frozen=True)
class Evidence:
    """One fitted cell, for measures that need more than the stored predictions."""

    predictor: Predictor
    test: pa.Table
    inputs: Sequence[Any]
    labels: tuple[str, ...]
    device: str
    load_seconds: float
    fit_seconds: float
    notes: dict[str, str] = field(default_factory=dict)
