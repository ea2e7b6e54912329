"""What every adaptation offers, and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from fmbench.engine.context import FitContext
from fmbench.engine.work import Work
from fmbench.tasks.examples import Examples


class Predictor(Protocol):
    """Inputs of the task's kind -> probabilities [n_targets, n_outputs]."""

    def predict(self, inputs: Sequence[Any]) -> np.ndarray: ...


@dataclass(frozen=True)
class Fitted:
    """A predictor, and what is worth recording about how it came to be.

    Args:
        parameters: of the whole model; `trainable_parameters` of them were fitted.
        curves: name -> one value an epoch.
        notes: facts for the result's settings ("execution": "packed").
        cached: the same predictor, but that tokens and features may come from the cache: for scores, never for timings.
        work: what the fit had to do, and `work_seconds` the time that took, without validation; None if not known.
    """

    predictor: Predictor
    parameters: int
    trainable_parameters: int
    curves: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    cached: Predictor | None = None
    work: Work | None = None
    work_seconds: float | None = None

    @property
    def scorer(self) -> Predictor:
        """What predicts a whole split."""
        return self.cached or self.predictor


class Adaptation(Protocol):
    """A way to make a model solve a task; the classes named in the registry ADAPTATIONS follow this.

    `version` is part of every cell's hash: raise it when the same settings give other numbers. `kinds` are the task
    kinds that it knows how to put to a model; None leaves that to the model's loader. It may also have
    `unsupported: ClassVar[Mapping[str, frozenset[str]]]`, the settings that mean nothing for a sort of target.
    """

    version: ClassVar[int]
    needs: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str] | None]
    Settings: ClassVar[type]

    @staticmethod
    def fit(model: Any, data: Examples, settings: Any, context: FitContext) -> Fitted: ...
