"""The baseline that every other model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from fmbench.models.classical.classical import Classical
from fmbench.tasks.examples import Examples, n_targets
from fmbench.tasks.kind import IGNORED, Kind


class Majority(Classical):
    """Gives every target the shares of the classes in the training targets, or their mean score."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "sentence-similarity",
            "text-regression",
            "multi-label-classification",
            "multiple-choice",
            "tabular-classification",
            "tabular-regression",
            "time-series-forecasting",
            "trajectory-forecasting",
            "imitation-control",
            "image-classification",
            "audio-classification",
            "image-text-classification",
            "rating-prediction",
        }
    )

    def fit(self, data: Examples, seed: int) -> FittedMajority:
        targets = data.targets(data.train)
        if data.kind.target in ("score", "classes", "vector"):
            return FittedMajority(data.kind, np.atleast_1d(targets.mean(axis=0, dtype=np.float64)))
        counts = np.bincount(targets[targets != IGNORED], minlength=len(data.outputs))
        return FittedMajority(data.kind, counts / counts.sum())


class FittedMajority:
    parameters = 0

    def __init__(self, kind: Kind, scores: np.ndarray) -> None:
        self.kind, self.scores = kind, scores

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return np.tile(self.scores, (n_targets(self.kind, inputs), 1))
