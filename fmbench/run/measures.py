"""What is measured on a cell, and how a result remembers it so that `fmbench score` can do it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.data.dataset import Dataset
from fmbench.measure.measurement import Measurement
from fmbench.measure.scene import Elsewhere, JudgesTables, Predict, Stored
from fmbench.registry import MEASURES, METRICS
from fmbench.run.identity import main_metrics
from fmbench.run.result import Result
from fmbench.suite.plan import Cell
from fmbench.suite.schema import Suite


def measures_of(suite: Suite, cell: Cell) -> dict[str, Any]:
    """What the suite asks for, and slices where the cell's task declares columns."""
    if not cell.task.spec.slices or "slices" in suite.measures:
        return suite.measures
    return suite.measures | {"slices": MEASURES["slices"].Settings(length=False, entities=False)}


def other_tasks(suite: Suite) -> set[str]:
    """Tasks whose test rows the suite's measures read beside those of a cell."""
    readers = [(MEASURES[name], settings) for name, settings in suite.measures.items()]
    return {task for owner, settings in readers if hasattr(owner, "reads") for task in owner.reads(settings)}


def elsewhere(suite: Suite, cell: Cell, datasets: Mapping[str, Dataset]) -> dict[str, Elsewhere]:
    """The test rows of the tasks to which the suite's measures carry this cell's predictor."""
    wanted = other_tasks(suite) - {cell.task.name}
    found = {}
    for task in suite.tasks:
        if task.name in wanted:
            data, spec = datasets[task.name], task.spec
            found[task.name] = Elsewhere(spec.kind, data.labels, data.test, spec.cluster_key, data.fingerprint)
    return found


def stored_of(predictions: pa.Table, cell: Cell, labels: tuple[str, ...]) -> Stored:
    """Predictions of a cell with what they are judged by."""
    spec = cell.task.spec
    return Stored(predictions, tuple(main_metrics(cell)), labels, spec.kind, spec.cluster_key, tuple(spec.slices))


def measured_by(cell: Cell, measures: Mapping[str, Any]) -> dict[str, Any]:
    """What a result remembers of how it was judged."""
    return {
        "metrics": main_metrics(cell),
        "slices": list(cell.task.spec.slices),
        "measures": {name: settings.model_dump(mode="json") for name, settings in measures.items()},
    }


def remembered(result: Result, predictions: pa.Table) -> tuple[Stored, dict[str, Any]]:
    """`stored_of` and the measures with their settings, from a result; measures unknown here are left out."""
    assert result.data is not None
    how = result.settings.get("measured", {})
    overall = [row.metric for row in result.measurements if row.slice is None and row.perturbation is None]
    metrics = how.get("metrics") or dict.fromkeys([result.main_metric, *(name for name in overall if name in METRICS)])
    measures = how.get("measures", {})
    stored = Stored(
        predictions,
        tuple(metrics),
        tuple(result.data.labels),
        result.kind,
        result.settings.get("cluster_key"),
        tuple(how.get("slices", ())),
    )
    return stored, {
        name: MEASURES[name].Settings.model_validate(measures[name]) for name in measures if name in MEASURES
    }


def judged_tables(measures: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> list[Measurement]:
    """What the tables that measures stored beside the predictions tell."""
    owners = [MEASURES[name] for name in measures]
    return [row for one in owners if isinstance(one, JudgesTables) for row in one.judge_tables(tables)]


class Answers:
    """A model's predictions, passed on and remembered."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict
        self._given: list[np.ndarray] = []

    def __call__(self, inputs: Sequence[Any]) -> np.ndarray:
        self._given.append(self._predict(inputs))
        return self._given[-1]

    def only(self) -> np.ndarray | None:
        """What it was asked for, if that was once."""
        return self._given[0] if len(self._given) == 1 else None
