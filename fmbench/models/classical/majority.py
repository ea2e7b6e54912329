"""The baseline that every other model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec
from fmbench.tasks.examples import Examples, n_targets
from fmbench.tasks.kind import IGNORED, Kind


class Majority:
    """Scores every target with the class shares of the training targets."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"
    kinds: ClassVar[frozenset[str]] = frozenset({"text-classification", "token-classification"})

    class Settings(Spec):
        pass

    @staticmethod
    def check(model: Model) -> list[str]:
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        return Identity("fmbench")

    @staticmethod
    def load(model: Model) -> Majority:
        return Majority()

    def fit(self, data: Examples, seed: int) -> FittedMajority:
        targets = data.targets(data.train)
        counts = np.bincount(targets[targets != IGNORED], minlength=len(data.outputs))
        return FittedMajority(data.kind, counts / counts.sum())


class FittedMajority:
    parameters = 0

    def __init__(self, kind: Kind, shares: np.ndarray) -> None:
        self.kind, self.shares = kind, shares

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return np.tile(self.shares, (n_targets(self.kind, inputs), 1))
