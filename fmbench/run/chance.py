"""The score that anyone reaches who has seen only the gold of the training rows: where a rescaled score is 0."""

from __future__ import annotations

import math

from fmbench.data.dataset import Dataset
from fmbench.errors import FmbenchError
from fmbench.registry import KINDS, LOADERS, METRICS
from fmbench.suite.schema import Task
from fmbench.tasks.examples import Examples, model_inputs

TRIVIAL = ("majority", "popularity")
"""Loaders of what is no more than a count of the training rows."""


def chance_level(task: Task, data: Dataset, metric_name: str) -> float | None:
    """The better of uniform guessing and of the trivial answer (majority class, mean, popularity) on the test rows.

    It comes from the data alone, so it is the same for every model. None where neither is defined.
    """
    metric = METRICS[metric_name]
    known = [metric.chance(len(data.labels)), _trivial_score(task, data, metric_name)]
    levels = [float(level) for level in known if level is not None and math.isfinite(level)]
    return (max(levels) if metric.higher_is_better else min(levels)) if levels else None


class ChanceLevels:
    """The chance levels that a process has found: all cells of a task ask for the same one."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str, str], float | None] = {}

    def of(self, task: Task, data: Dataset, metric_name: str) -> float | None:
        """`chance_level`, found once for a kind, its settings, rows and metric."""
        key = (task.spec.kind, repr((task.options, data.labels, data.score_range)), data.fingerprint, metric_name)
        if key not in self.known:
            self.known[key] = chance_level(task, data, metric_name)
        return self.known[key]


def _trivial_score(task: Task, data: Dataset, metric_name: str) -> float | None:
    kind, metric = KINDS[task.spec.kind], METRICS[metric_name]
    trivial = next((LOADERS[name] for name in TRIVIAL if kind.name in LOADERS[name].kinds), None)
    if trivial is None:
        return None
    examples = Examples(
        kind, data.labels, data.train, data.validation, data.score_range, data.side, task.options, task.name
    )
    try:
        fitted = trivial(trivial.Settings()).fit(examples, seed=0)
        inputs = model_inputs(kind, data.test, task.options)
        predictions = kind.predictions(fitted.predict, inputs, data.test, data.labels, task.options)
        return float(metric.score(metric.statistics(predictions, data.labels)))
    except (FmbenchError, ValueError, ZeroDivisionError):
        return None
