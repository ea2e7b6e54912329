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
    """Training and validation rows of one task, seen through its kind.

    Args:
        score_range: lowest and highest score where targets are scores, so that they can be scaled; else None.
    """

    kind: Kind
    labels: tuple[str, ...]
    train: pa.Table
    validation: pa.Table
    score_range: tuple[float, float] | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes to score, in order; one name where targets are scores."""
        return self.kind.outputs(self.labels)

    def inputs(self, table: pa.Table) -> list[Any]:
        """Texts, lists of tokens, or pairs [text, text]."""
        return model_inputs(self.kind, table)

    def targets(self, table: pa.Table) -> np.ndarray:
        """int64 [n_targets] of classes or float64 [n_targets] of scores, see Kind.targets."""
        return self.kind.targets(table, self.labels)


def model_inputs(kind: Kind, table: pa.Table) -> list[Any]:
    """What a model reads, one entry a row: a text or a list of tokens; a list [text, text] for a pair."""
    columns = [table[field].to_pylist() for field in kind.input_fields]
    return columns[0] if len(columns) == 1 else [list(row) for row in zip(*columns, strict=True)]


def n_targets(kind: Kind, inputs: Sequence[Any]) -> int:
    """How many rows of scores a model owes for `inputs`."""
    return sum(len(tokens) for tokens in inputs) if kind.readout == "token" else len(inputs)
