"""What the loaders of classical models have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec


class Classical:
    """A model without weights of its own, that fits itself."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"
    source: ClassVar[str] = "fmbench"

    class Settings(Spec):
        """The model has nothing to set."""

    def __init__(self, settings: Any) -> None:
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


class Predicts:
    """A fitted model that is a function of the inputs.

    Args:
        function: inputs -> [n_targets, n_outputs].
        parameters: how many numbers were fitted.
    """

    def __init__(self, function: Callable[[Sequence[Any]], np.ndarray], parameters: int = 0) -> None:
        self.function, self.parameters = function, parameters

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.function(inputs)
