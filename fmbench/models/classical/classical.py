"""What the loaders of classical models have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from fmbench.models.loader import OwnModel
from fmbench.suite.schema import Spec


class Classical(OwnModel):
    """A model without weights of its own, that fits itself."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"

    class Settings(Spec):
        """The model has nothing to set."""


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
