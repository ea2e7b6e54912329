"""The score that anyone reaches who has seen only the gold of the training rows: where a rescaled score is 0."""

from __future__ import annotations

import math

from fmbench.data.dataset import Dataset
from fmbench.errors import FmbenchError
from fmbench.registry import KINDS, LOADERS, METRICS
from fmbench.suite.schema import Task
from fmbench.tasks.examples import Examples, model_inputs

_KNOWN: dict[tuple[str, str, str, str], float | None] = {}
"""Trivial scores of this process, by kind, its settings, rows and metric: every cell of a task asks for the same."""


def chance_level(task: Task, data: Dataset, metric_name: str) -> float | None:
    """The better of uniform guessing and of the trivial answer (majority class, mean score) on the test rows.

    It comes from the data alone, so it is the same for every model. None where neither is defined.
    """
    metric = METRICS[metric_name]
    known = [metric.chance(len(data.labels)), _trivial_score_once(task, data, metric_name)]
    levels = [float(level) for level in known if level is not None and math.isfinite(level)]
    return (max(levels) if metric.higher_is_better else min(levels)) if levels else None


def _trivial_score_once(task: Task, data: Dataset, metric_name: str) -> float | None:
    key = (task.spec.kind, repr((task.options, data.labels, data.score_range)), data.fingerprint, metric_name)
    if key not in _KNOWN:
        _KNOWN[key] = _trivial_score(task, data, metric_name)
    return _KNOWN[key]


def _trivial_score(task: Task, data: Dataset, metric_name: str) -> float | None:
    kind, trivial, metric = KINDS[task.spec.kind], LOADERS["majority"], METRICS[metric_name]
    if kind.name not in trivial.kinds:
        return None
    examples = Examples(
        kind, data.labels, data.train, data.validation, data.score_range, data.side, task.options, task.name
    )
    try:
        fitted = trivial().fit(examples, seed=0)
        inputs = model_inputs(kind, data.test, task.options)
        predictions = kind.predictions(fitted.predict, inputs, data.test, data.labels, task.options)
        return float(metric.score(metric.statistics(predictions, data.labels)))
    except (FmbenchError, ValueError, ZeroDivisionError):
        return None
