"""One fitted cell without measuring or storing anything: for those who time it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from fmbench.data.dataset import load_dataset
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.run.cell import context_of
from fmbench.run.identity import main_metrics
from fmbench.suite.plan import Cell
from fmbench.suite.schema import Suite
from fmbench.tasks.examples import Examples, model_inputs


def fitted_call(
    suite: Suite, cell: Cell, device: str, limit: int | None
) -> tuple[Callable[[Sequence[Any]], Any], Sequence[Any]]:
    """(predict, inputs of the test split) of the cell, fitted now; `predict` takes nothing from a cache.

    Args:
        limit: keep only this many rows of each split.

    Raises:
        Exception: whatever the cell raises.
    """
    data = load_dataset(cell.task, limit)
    kind = KINDS[cell.task.spec.kind]
    model = LOADERS[cell.model.spec.loader].load(cell.model)
    context = context_of(suite, cell, data, main_metrics(cell)[0], device, lambda step: None, time.monotonic)
    examples = Examples(
        kind, data.labels, data.train, data.validation, data.score_range, data.side, cell.task.options, cell.task.name
    )
    fitted = ADAPTATIONS[cell.adaptation].fit(model, examples, cell.settings, context)
    return fitted.predictor.predict, model_inputs(kind, data.test)
