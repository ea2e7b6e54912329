"""VADER: rules and a lexicon that tell how positive a text is; nothing is learned."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np

from fmbench.errors import MissingExtra
from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model
from fmbench.tasks.examples import Examples
from fmbench.tasks.texts import joined

PACKAGE = "vaderSentiment"


class Vader(Classical):
    """The compound score of VADER (Hutto and Gilbert 2014, ICWSM), of the authors' package, for English texts.

    It lies between -1 and 1 and is stretched to the score range of the task, where the task has one.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"text-regression"})

    @staticmethod
    def check(model: Model) -> list[str]:
        return [] if _release() else [str(MissingExtra(PACKAGE, "sentiment"))]

    @classmethod
    def identity(cls, model: Model) -> Identity:
        return Identity(PACKAGE, _release())

    def fit(self, data: Examples, seed: int) -> Predicts:
        """Loads the lexicon. Raises MissingExtra without the package."""
        try:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
        except ImportError:
            raise MissingExtra(PACKAGE, "sentiment") from None
        analyzer = SentimentIntensityAnalyzer()
        low, high = data.score_range or (-1.0, 1.0)

        def predict(inputs: Sequence[Any]) -> np.ndarray:
            compound = np.array([analyzer.polarity_scores(joined(text))["compound"] for text in inputs], dtype=float)
            return (low + (high - low) * (compound + 1) / 2).reshape(-1, 1)

        return Predicts(predict)


def _release() -> str | None:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None
