"""Out of domain: the fitted predictor on the test rows of another task with the same labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import Field

from fmbench.measure.measurement import measured
from fmbench.measure.metric import Metric, Sample
from fmbench.measure.scene import Judged, Scene, Stored, fact, with_fact, with_rows
from fmbench.registry import METRICS
from fmbench.suite.schema import Spec, Task
from fmbench.tasks.kind import of_pass, passed

TASKS = "transfer"
"""Name of the fact: task -> the column that groups its dependent rows, or None."""


class Transfer:
    """The task's metrics on the test rows of other tasks of the suite that have its kind and its labels."""

    version = 1
    listed = "tasks"

    class Settings(Spec):
        """Which tasks; each task's predictors are tried on all others of them that fit."""

        tasks: list[str] = Field(min_length=1, description="names of tasks of the suite")

    @staticmethod
    def reads(settings: Transfer.Settings) -> list[str]:
        """The tasks whose test rows it needs."""
        return settings.tasks

    @staticmethod
    def depends(settings: Transfer.Settings, task: Task, fingerprints: Mapping[str, str]) -> list[Any]:
        """What decides the numbers beside the settings and the cell."""
        return [dict(sorted(fingerprints.items()))]

    @staticmethod
    def collect(scene: Scene, settings: Transfer.Settings, predictions: pa.Table) -> pa.Table:
        found: dict[str, str | None] = {}
        tables = []
        for name, other in scene.elsewhere.items():
            if other.kind != scene.kind.name or set(other.labels) != set(scene.labels):
                scene.notes[f"{TASKS}:{name}"] = "another kind" if other.kind != scene.kind.name else "other labels"
                continue
            table = scene.predictions(scene.read(other.test), other.test)
            tables.append(passed(table, f"{TASKS}:{name}", 0))
            found[name] = other.cluster_key
        return with_fact(with_rows(predictions, tables), TASKS, found)

    @staticmethod
    def judge(stored: Stored, settings: Transfer.Settings) -> Judged:
        rows = []
        for name, cluster_key in (fact(stored.predictions, TASKS) or {}).items():
            table = of_pass(stored.predictions, f"{TASKS}:{name}", 0)
            clusters = table[cluster_key].to_pylist() if cluster_key else None
            for metric_name in stored.metrics:
                metric: Metric = METRICS[metric_name]
                value, interval, n = metric.measure(Sample(table, stored.labels, clusters))
                direction = {"unit": metric.unit, "higher_is_better": metric.higher_is_better}
                rows.append(measured(metric.name, value, interval, n, perturbation=f"{TASKS}:{name}", **direction))
        return Judged(rows, {})
