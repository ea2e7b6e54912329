"""A fitted cell in miniature: real kinds and tables, and a model that is a function of one input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.measure.scene import Scene
from fmbench.registry import KINDS
from fmbench.tasks.examples import model_inputs
from fmbench.tasks.kind import predictions_table


class Model:
    """Counts the inputs it was asked about."""

    def __init__(self, of_input: Callable[[Any], Any]) -> None:
        self.of_input = of_input
        self.asked: list[Any] = []

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        self.asked += inputs
        return np.concatenate([np.atleast_2d(self.of_input(one)) for one in inputs])


def scene_of(
    kind_name: str,
    columns: dict[str, list[Any]],
    labels: tuple[str, ...],
    model: Model,
    language: str = "en",
    **more: Any,
) -> tuple[Scene, pa.Table]:
    """The scene, and the predictions of the clean rows; all splits hold the same rows."""
    kind = KINDS[kind_name]
    table = pa.table({"id": [f"test-{i}" for i in range(len(next(iter(columns.values()))))], **columns})
    inputs = model_inputs(kind, table)
    scores = model.predict(inputs)
    model.asked.clear()
    read = lambda rows: model_inputs(kind, rows)  # noqa: E731
    scene = Scene(
        kind, model.predict, model.predict, read, table, table, table, inputs, scores, labels, None, language, **more
    )
    return scene, predictions_table(kind, table, scores, labels)
