"""What a measure may look at: the fitted predictor, the test inputs, and what was timed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from fmbench.engine.work import Work as Work
from fmbench.suite.schema import Task


class Predictor(Protocol):
    """A fitted model: inputs of a kind -> probabilities [n_targets, n_outputs], targets in input order."""

    def predict(self, inputs: Sequence[Any]) -> np.ndarray: ...


@runtime_checkable
class Tensors(Protocol):
    """A predictor that can be timed from tensors. `run` computes everything: nothing may come from a cache."""

    def encode(self, inputs: Sequence[Any]) -> Any:
        """Tokenised inputs, on the device."""

    def run(self, encoded: Any) -> np.ndarray:
        """Logits or probabilities [n_targets, n_outputs]; the device has finished when this returns."""

    def work(self, encoded: Any) -> Work:
        """What `run(encoded)` computes."""


def as_tensors(predictor: Predictor) -> Tensors | None:
    """The predictor, if it can be timed from tensors."""
    return predictor if isinstance(predictor, Tensors) else None


@dataclass(frozen=True)
class Evidence:
    """One fitted cell, for measures that need more than the stored predictions.

    Args:
        device: "cpu", "cuda" or "mps".
        load_seconds: of the model's loader; fit_seconds: of the adaptation, tokenising and validation included.
        fit_work: useful arithmetic of the training steps, None where it is not counted.
        fit_training_seconds: of the training steps alone, None where they are not timed apart.
        memory_at_start: resident bytes when the peak was reset at the start of the cell, None where it was not reset.
        notes: metric -> why it is missing, or why not to trust it; goes to `environment["missing"]`.
        task, kind: of the cell. predictions: of the clean test rows, as they are stored.
        rationales: example id -> character spans (start, end) of the words that carry its label, where there are any.
        tables: name -> a table that the measure wants stored beside the predictions, as `NAME.parquet`.
    """

    predictor: Predictor
    test: pa.Table
    inputs: Sequence[Any]
    labels: tuple[str, ...]
    device: str
    load_seconds: float
    fit_seconds: float
    fit_work: Work | None = None
    fit_training_seconds: float | None = None
    memory_at_start: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
    task: Task | None = None
    kind: Any = None
    predictions: pa.Table | None = None
    rationales: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
