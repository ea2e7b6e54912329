"""Inputs of several kinds as the numbers that a linear model or a network sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmbench.models.classical.series import KnownColumns, lag_features, pasts
from fmbench.models.classical.tables import TableNumbers
from fmbench.tasks.examples import Examples


@dataclass(frozen=True)
class View:
    """Inputs as the network sees them.

    Args:
        features: inputs -> [n, k].
        seen: (inputs, targets [n, m]) -> what the network should answer.
        told: (inputs, answers [n, m]) -> targets; the inverse of `seen`.
    """

    features: Callable[[Sequence[Any]], np.ndarray]
    seen: Callable[[Sequence[Any], np.ndarray], np.ndarray] = lambda inputs, targets: targets
    told: Callable[[Sequence[Any], np.ndarray], np.ndarray] = lambda inputs, answers: answers


def view_of(data: Examples, rows: Sequence[Any]) -> View:
    """How to see inputs of the kind of `data`, of which `rows` are those to learn from."""
    kind = data.kind.name
    if kind.startswith("tabular"):
        return View(TableNumbers(rows, one_hot=True))
    if kind == "time-series-forecasting":
        known = KnownColumns(rows)
        return View(
            lambda inputs: lag_features(inputs, known),
            lambda inputs, targets: targets - pasts(inputs)[:, -1:],
            lambda inputs, answers: answers + pasts(inputs)[:, -1:],
        )
    if kind == "trajectory-forecasting":
        return View(_path_ahead, _turned_ahead, _turned_back)
    return View(np.stack)


def _turns(paths: np.ndarray) -> np.ndarray:
    """[n, 2, 2]: rotations that turn the direction from the first to the last position to the x axis."""
    way = paths[:, -1] - paths[:, 0]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    cos, sin = np.where(length > 1e-6, way / np.maximum(length, 1e-6), (1.0, 0.0)).T
    return np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)


def _path_ahead(inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Positions before the last one, with the heading turned ahead.

    The first one then lies on the x axis. Its y is put at 0: standardised, the rounding error that stands there would
    be a feature as large as any other.
    """
    paths = np.stack(inputs)
    turned = (paths[:, :-1] - paths[:, -1:]) @ _turns(paths)
    turned[:, 0, 1] = 0.0
    return np.asarray(turned.reshape(len(paths), -1))


def _turned_ahead(inputs: Sequence[np.ndarray], targets: np.ndarray) -> np.ndarray:
    paths = np.stack(inputs)
    moved = targets.reshape(len(paths), -1, 2) - paths[:, -1:]
    return np.asarray((moved @ _turns(paths)).reshape(len(paths), -1))


def _turned_back(inputs: Sequence[np.ndarray], answers: np.ndarray) -> np.ndarray:
    paths = np.stack(inputs)
    moved = answers.reshape(len(paths), -1, 2) @ np.swapaxes(_turns(paths), 1, 2)
    return np.asarray((moved + paths[:, -1:]).reshape(len(paths), -1))
