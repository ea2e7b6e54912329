"""What a model may learn from: training and validation rows, and never the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.tasks.kind import Kind


@dataclass(frozen=True)
class Examples:
    """Training and validation rows of one task, seen through its kind."""

    kind: Kind
    labels: tuple[str, ...]
    train: pa.Table
    validation: pa.Table

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes to score, in order."""
        return self.kind.outputs(self.labels)

    def inputs(self, table: pa.Table) -> list[Any]:
        """Texts, or lists of tokens."""
        return list(table[self.kind.input_field].to_pylist())

    def targets(self, table: pa.Table) -> np.ndarray:
        """int64 [n_targets], see Kind.targets."""
        return self.kind.targets(table, self.labels)


def n_targets(kind: Kind, inputs: Sequence[Any]) -> int:
    """How many rows of scores a model owes for `inputs`."""
    return len(inputs) if kind.readout == "sequence" else sum(len(tokens) for tokens in inputs)
