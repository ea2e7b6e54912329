"""Classical models of trajectories: nothing is learned, the observed positions go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from fmbench.models.classical.classical import Classical, Predicts
from fmbench.tasks.examples import Examples

KINDS = frozenset({"trajectory-forecasting"})


class ConstantVelocity(Classical):
    """The last displacement again and again (Scholler et al. 2020, RA-L 5)."""

    kinds: ClassVar[frozenset[str]] = KINDS

    def fit(self, data: Examples, seed: int) -> Predicts:
        steps = np.arange(1, len(data.outputs) // 2 + 1)[:, None]

        def predict(inputs: Sequence[np.ndarray]) -> np.ndarray:
            observed = np.stack(inputs)
            last, velocity = observed[:, -1:], observed[:, -1:] - observed[:, -2:-1]
            return np.asarray((last + steps * velocity).reshape(len(inputs), -1))

        return Predicts(predict)


class LinearPath(Classical):
    """A straight line at constant speed, fitted to the observed positions by least squares, and gone on."""

    kinds: ClassVar[frozenset[str]] = KINDS

    def fit(self, data: Examples, seed: int) -> Predicts:
        predicted = len(data.outputs) // 2

        def predict(inputs: Sequence[np.ndarray]) -> np.ndarray:
            observed = np.stack(inputs)
            n, known, _ = observed.shape
            line = np.vander(np.arange(known), 2)
            ahead = np.vander(np.arange(known, known + predicted), 2)
            weights = ahead @ np.linalg.pinv(line)
            return np.asarray(np.einsum("pk,nkc->npc", weights, observed).reshape(n, -1))

        return Predicts(predict)
