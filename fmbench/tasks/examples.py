"""What a model may learn from: training and validation rows, and never the test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.tasks.kind import Kind


@dataclass(frozen=True)
class Examples:
    """Training and validation rows of one task, seen through its kind.

    Args:
        score_range: lowest and highest score where targets are scores, so that they can be scaled; else None.
        side: tables beside the rows (items, documents), see Kind.side.
        options: the task's settings of the kind, typed by Kind.Options.
        task: its name, for models that keep something for each task.
    """

    kind: Kind
    labels: tuple[str, ...]
    train: pa.Table
    validation: pa.Table
    score_range: tuple[float, float] | None = None
    side: Mapping[str, pa.Table] = field(default_factory=dict)
    options: Any = None
    task: str = ""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes to score, in order; one name where targets are scores."""
        return self.kind.outputs(self.labels)

    def inputs(self, table: pa.Table) -> Sequence[Any]:
        """Texts, lists of tokens, pairs [text, text], mappings, arrays: see Kind.inputs."""
        return model_inputs(self.kind, table, self.options)

    def targets(self, table: pa.Table) -> np.ndarray:
        """What a model should find, see Kind.targets: int64 or float64 [n_targets, ...]."""
        return self.kind.targets(table, self.labels)


def model_inputs(kind: Kind, table: pa.Table, options: Any = None) -> Sequence[Any]:
    """What a model reads, one entry a row, see Kind.inputs; `options` are the task's, or None for the usual ones."""
    return kind.inputs(table) if options is None else kind.read_inputs(table, options)


def n_targets(kind: Kind, inputs: Sequence[Any]) -> int:
    """How many rows of scores a model owes for `inputs`."""
    return sum(len(tokens) for tokens in inputs) if kind.readout == "token" else len(inputs)
