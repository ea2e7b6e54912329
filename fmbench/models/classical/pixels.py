"""Baselines on pixels: logistic regression, nearest neighbours, and logistic regression on pixels and words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import IGNORED

CHUNK = 1024
"""Images that are decoded at a time in prediction."""


def pixels(images: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 images of one shape -> float64 [n, height * width * channels] from 0 to 1 (float32 stops L-BFGS early)."""
    return np.stack([np.asarray(image).ravel() for image in images]) / 255


def evenly_lit(images: Sequence[np.ndarray], by_channel: bool = False) -> np.ndarray:
    """The same with the mean 0 and the deviation 1 in every image, or every channel of it."""
    axis = (1, 2) if by_channel else (1, 2, 3)
    x = np.stack(list(images)) / 255
    even = (x - x.mean(axis=axis, keepdims=True)) / (x.std(axis=axis, keepdims=True) + 1e-6)
    return np.asarray(even.reshape(len(even), -1))


class _Baseline(Classical):
    """What loaders of scikit-learn models on media have in common."""

    source: ClassVar[str] = "scikit-learn"


class PixelLogreg(_Baseline):
    """Multinomial logistic regression on pixels between 0 and 1 (scikit-learn, L-BFGS)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-classification"})

    class Settings(Spec):
        C: float = Field(default=1.0, gt=0, description="inverse regularisation strength")
        max_iter: int = Field(default=1000, ge=1)
        even_light: bool = Field(
            default=False, description="take each image's mean from it and divide by its deviation, for photographs"
        )
        by_channel: bool = Field(default=False, description="even_light for red, green and blue each on its own")

    def fit(self, data: Examples, seed: int) -> FittedOnArrays:
        from sklearn.linear_model import LogisticRegression

        own = self.settings
        features = partial(evenly_lit, by_channel=own.by_channel) if own.even_light else pixels
        x, y = training(data, features)
        regression = LogisticRegression(C=own.C, max_iter=own.max_iter)
        return FittedOnArrays(fitted_quietly(regression, x, y), features, len(data.outputs))


class PixelKNN(_Baseline):
    """Votes of the nearest training images by the Euclidean distance of their pixels (scikit-learn)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-classification"})

    class Settings(Spec):
        k: int = Field(default=3, ge=1)
        weights: Literal["uniform", "distance"] = "uniform"

    def fit(self, data: Examples, seed: int) -> FittedOnArrays:
        from sklearn.neighbors import KNeighborsClassifier

        x, y = training(data, pixels)
        neighbours = KNeighborsClassifier(min(self.settings.k, len(y)), weights=self.settings.weights)
        return FittedOnArrays(neighbours.fit(x, y), pixels, len(data.outputs))


class ImageTextLogreg(_Baseline):
    """TF-IDF of words and of their pairs beside pixels, then multinomial logistic regression (scikit-learn)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-text-classification"})

    class Settings(Spec):
        C: float = Field(default=10.0, gt=0, description="inverse regularisation strength")
        pixel_weight: float = Field(default=1.0, ge=0, description="length of a row's pixels; that of its words is 1")
        max_iter: int = Field(default=1000, ge=1)

    def fit(self, data: Examples, seed: int) -> FittedOnArrays:
        from scipy.sparse import csr_matrix, hstack
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
        words.fit([text for _, text in data.inputs(data.train)])
        weight = self.settings.pixel_weight

        def features(pairs: Sequence[Any]) -> Any:
            x = pixels([image for image, _ in pairs])
            x = weight * x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
            return hstack([words.transform([text for _, text in pairs]), csr_matrix(x)], format="csr")

        x, y = training(data, features)
        regression = LogisticRegression(C=self.settings.C, max_iter=self.settings.max_iter)
        return FittedOnArrays(fitted_quietly(regression, x, y), features, len(data.outputs))


class FittedOnArrays:
    """A scikit-learn classifier on features of its own.

    Args:
        features: inputs of the kind -> a matrix, one row each.
        n_outputs: columns of the scores; classes without training rows get 0.
    """

    def __init__(self, classifier: Any, features: Any, n_outputs: int) -> None:
        self.classifier, self.features, self.n_outputs = classifier, features, n_outputs
        coefficients = getattr(classifier, "coef_", None)
        self.parameters = 0 if coefficients is None else int(coefficients.size + classifier.intercept_.size)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        scores = np.zeros((len(inputs), self.n_outputs))
        for start in range(0, len(inputs), CHUNK):
            features = self.features(list(inputs[start : start + CHUNK]))
            scores[start : start + CHUNK, self.classifier.classes_] = self.classifier.predict_proba(features)
        return scores


def training(data: Examples, features: Any) -> tuple[Any, np.ndarray]:
    """Features and classes of the training rows whose class is known."""
    targets = data.targets(data.train)
    kept = np.flatnonzero(targets != IGNORED)
    inputs = data.inputs(data.train)
    return features([inputs[int(i)] for i in kept]), targets[kept]


def fitted_quietly(classifier: Any, x: Any, y: np.ndarray) -> Any:
    """`classifier` on x and y; L-BFGS may end at its limit of steps, which is part of the model's settings."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(x, y)
