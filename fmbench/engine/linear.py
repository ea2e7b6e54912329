"""Linear models on features for every sort of target: logistic regression, one a class, or ridge regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.logistic import fit_logistic
from fmbench.tasks.kind import Target


class LinearHead(Protocol):
    """A fitted linear model."""

    @property
    def parameters(self) -> int: ...

    def scores(self, features: np.ndarray, n_outputs: int) -> np.ndarray:
        """Features [n, hidden] -> scores [n, n_outputs], see tasks.kind.Target."""


@dataclass(frozen=True)
class OneEach:
    """One logistic regression a class; a class that is always or never there has its share instead of one."""

    heads: tuple[LinearHead | float, ...]

    @property
    def parameters(self) -> int:
        return sum(1 if isinstance(head, float) else head.parameters for head in self.heads)

    def scores(self, features: np.ndarray, n_outputs: int) -> np.ndarray:
        columns = [
            np.full(len(features), head) if isinstance(head, float) else head.scores(features, 2)[:, 1]
            for head in self.heads
        ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Ridge:
    """weights float64 [hidden + 1], of the raw features; the last one is the intercept."""

    weights: np.ndarray

    @property
    def parameters(self) -> int:
        return len(self.weights)

    def scores(self, features: np.ndarray, n_outputs: int) -> np.ndarray:
        return np.asarray(features.astype(np.float64) @ self.weights[:-1] + self.weights[-1])[:, None]


def fit_linear(
    target: Target,
    features: np.ndarray,
    targets: np.ndarray,
    C: float,
    max_iter: int,
    arrays: ArrayCache,
    source: str,
) -> LinearHead:
    """The linear model that fits the sort of target; arguments as in `fit_logistic`, targets as in Kind.targets."""
    if target == "score":
        return fit_ridge(features, targets, 1 / C)
    if target == "classes":
        heads: list[LinearHead | float] = []
        for i in range(targets.shape[1]):
            own = targets[:, i].astype(np.int64)
            if own.min() == own.max():
                heads.append(float(own[0]))
            else:
                heads.append(fit_logistic(features, own, C, max_iter, arrays, content_key([source, i])))
        return OneEach(tuple(heads))
    return fit_logistic(features, targets, C, max_iter, arrays, source)


def fit_ridge(features: np.ndarray, targets: np.ndarray, penalty: float) -> Ridge:
    """Ridge regression on standardised features (Hoerl and Kennard 1970): the penalty is `penalty` a row.

    Args:
        features: [n, hidden]; targets: float64 [n].
    """
    wide = features.astype(np.float64)
    mean, scale = wide.mean(axis=0), wide.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = (wide - mean) / scale
    centre = targets.mean()
    gram = standard.T @ standard / len(wide) + penalty * np.eye(wide.shape[1])
    weights = np.linalg.solve(gram, standard.T @ (targets - centre) / len(wide)) / scale
    return Ridge(np.append(weights, centre - weights @ mean))
