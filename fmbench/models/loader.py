"""What every model loader offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from fmbench.suite.schema import Model
from fmbench.tasks.examples import Examples


@dataclass(frozen=True)
class Identity:
    """What makes a model this model: part of the cell's hash, and of the result."""

    source: str
    revision: str | None = None
    weights_sha256: str | None = None


class Loader(Protocol):
    """A way to load models; the classes named in the registry LOADERS follow this.

    `provides` tells adaptations what `load` returns: a `Baseline`, a network to train from scratch, a pretrained
    encoder, something pretrained that ranks (`ranker(examples)` gives its predictor), or a language model that tells
    how likely a text is ("lm").
    """

    version: ClassVar[int]
    provides: ClassVar[Literal["baseline", "network", "encoder", "ranker", "lm"]]
    kinds: ClassVar[frozenset[str]]
    Settings: ClassVar[type]

    @staticmethod
    def check(model: Model) -> list[str]:
        """What is missing for it to load, without loading it."""

    @staticmethod
    def identity(model: Model) -> Identity:
        """Source, revision and hash of the weights. May download a hub model at its revision."""

    @staticmethod
    def load(model: Model) -> Any:
        """The model itself."""


class OwnModel:
    """What loaders have in common whose model is made of its settings alone: there are no weights to look for."""

    source: ClassVar[str] = "fmbench"

    def __init__(self, settings: Any = None) -> None:
        self.settings = settings

    @staticmethod
    def check(model: Model) -> list[str]:
        return []

    @classmethod
    def identity(cls, model: Model) -> Identity:
        return Identity(cls.source)

    @classmethod
    def load(cls, model: Model) -> Any:
        return cls(model.settings)


class Baseline(Protocol):
    """A model that fits itself."""

    def fit(self, data: Examples, seed: int) -> FittedBaseline: ...


class FittedBaseline(Protocol):
    """What a baseline is after fitting."""

    parameters: int

    def predict(self, inputs: Sequence[Any]) -> np.ndarray: ...
