"""Logistic regression on features, fitted once for the same features, classes and strength."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.predict import softmax
from fmbench.tasks.kind import IGNORED

VERSION = 1


@dataclass(frozen=True)
class LogisticHead:
    """Standardised features -> class probabilities.

    Args:
        classes: int64 [n_classes], which classes were seen in the fit.
        weights: float64 [n_classes, hidden + 1], of the raw features; the last column is the intercept.
    """

    classes: np.ndarray
    weights: np.ndarray

    @property
    def parameters(self) -> int:
        """Free numbers: two classes need one row of weights."""
        return int(self.weights.size) // (2 if len(self.classes) == 2 else 1)

    def scores(self, features: np.ndarray, n_outputs: int) -> np.ndarray:
        """Features [n, hidden] -> probabilities [n, n_outputs]; classes that were not seen get 0."""
        logits = features @ self.weights[:, :-1].T.astype(features.dtype) + self.weights[:, -1]
        scores = np.zeros((len(features), n_outputs))
        scores[:, self.classes] = softmax(logits)
        return scores


def fit_logistic(
    features: np.ndarray, targets: np.ndarray, C: float, max_iter: int, arrays: ArrayCache, source: str
) -> LogisticHead:
    """Multinomial logistic regression with an L2 penalty of 1 / C on standardised features (scikit-learn, L-BFGS).

    Args:
        features: float32 [n, hidden]; targets int64 [n], IGNORED ones do not count.
        arrays: the head comes from here if it was fitted before.
        source: a key of the features: the same key, the same numbers.
    """
    import sklearn

    key = content_key(["logistic", VERSION, sklearn.__version__, C, max_iter, source], targets)
    stored = arrays.load(key)
    if stored is not None:
        return LogisticHead(stored[:, 0].astype(np.int64), stored[:, 1:])
    kept = targets != IGNORED
    head = _fit(features[kept], targets[kept], C, max_iter)
    arrays.store(key, np.concatenate([head.classes[:, None].astype(np.float64), head.weights], axis=1))
    return head


@cache
def blas() -> Any:
    """The libraries of linear algebra in this process; finding them takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _fit(features: np.ndarray, targets: np.ndarray, C: float, max_iter: int) -> LogisticHead:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    with warnings.catch_warnings(), blas().limit(limits=1, user_api="blas"):  # two pools of threads
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression = LogisticRegression(C=C, max_iter=max_iter).fit(scaler.fit_transform(features), targets)
    coefficients, intercept = regression.coef_.astype(np.float64), regression.intercept_.astype(np.float64)
    if len(regression.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercept = np.concatenate([0 * coefficients, coefficients]), np.append(0.0, intercept)
    scaled = coefficients / scaler.scale_
    return LogisticHead(
        regression.classes_.astype(np.int64), np.column_stack([scaled, intercept - scaled @ scaler.mean_])
    )
