"""What a board needs to know of tasks and of cells: small values, so that hundreds of thousands fit in memory."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fmbench.measure.measurement import Measurement
from fmbench.measure.summed import mean_of_items
from fmbench.registry import METRICS
from fmbench.run.result import DataInfo, Result, few_shot


class TaskKey(NamedTuple):
    """What may share a column: results of one suite, on the same rows, at one version, scored by one metric."""

    suite: str
    task: str
    version: int
    fingerprint: str
    metric: str


@dataclass(frozen=True)
class Task:
    """A column of scores.

    Args:
        key: None-valued fingerprint "" where nothing was run yet.
        chance, ceiling: scores that rescale to 0 and 1; None where the task has none.
        ceiling_stated: whether the data state a bound; if not, the ceiling is the best of the metric.
        current: False for an older version or other rows than the newest; it is shown, and not in the headline.
        item_scores: whether the score is a mean of item scores, so that items can be won and lost.
        rows: (split, number of rows).
    """

    key: TaskKey
    domain: str
    kind: str = ""
    higher_is_better: bool = True
    range: tuple[float, float] = (0.0, 1.0)
    chance: float | None = None
    ceiling: float | None = None
    ceiling_stated: bool = False
    current: bool = True
    item_scores: bool = False
    rows: tuple[tuple[str, int], ...] = ()
    source: str = ""
    license: str | None = None

    @property
    def name(self) -> str:
        return self.key.task

    @property
    def span(self) -> float | None:
        """Ceiling minus chance, None where scores cannot be rescaled: a level is missing, or chance is no worse."""
        if self.chance is None or self.ceiling is None:
            return None
        span = self.ceiling - self.chance
        return span if (span > 0 if self.higher_is_better else span < 0) else None


class Perturbed(NamedTuple):
    """The main metric on perturbed input."""

    perturbation: str
    severity: int
    value: float


class Number(NamedTuple):
    """A measure beside the score, with its interval where there is one."""

    value: float
    low: float | None
    high: float | None
    unit: str
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell as a board needs it.

    Args:
        value: of the main metric on clean input; None where it failed or is undefined.
        contributions: of `measure.contributions`, float [units]; None without stored predictions.
        numbers: other measures over all clean examples, by metric name.
        problem: why there is no value.
        machine: where it was computed, in words.
        folder: of the cell, relative to the reports folder.
        few_shot: (examples of each class, main metric on validation rows).
    """

    task: TaskKey
    model: str
    adaptation: str
    seed: int
    value: float | None
    contributions: np.ndarray | None = None
    n: int = 0
    numbers: dict[str, Number] = field(default_factory=dict)
    perturbed: tuple[Perturbed, ...] = ()
    problem: str | None = None
    machine: str = ""
    parameters: int | None = None
    trainable_parameters: int | None = None
    started_at: str = ""
    folder: str = ""
    few_shot: tuple[tuple[int, float], ...] = ()

    @property
    def row(self) -> tuple[str, str]:
        return (self.model, self.adaptation)


def entry_of(result: Result, contributions: np.ndarray | None, folder: str = "") -> Entry:
    """A result as an entry."""
    main, info = result.main(), result.model_info
    value = main.value if main else None
    problem = f"failed: {result.error.message}" if result.error else None
    if value is None and problem is None:
        problem = f"{result.main_metric} is undefined here" if main else "not measured"
    clean = [row for row in result.measurements if row.perturbation is None and row.slice is None]
    return Entry(
        key_of(result),
        result.model,
        result.adaptation,
        result.seed,
        value,
        contributions if value is not None else None,
        main.n if main else 0,
        {row.metric: _number(row) for row in clean if row.value is not None and row.metric != result.main_metric},
        tuple(_perturbed(result)),
        problem,
        machine_of(result),
        info.parameters if info else None,
        info.trainable_parameters if info else None,
        result.started_at,
        folder,
        tuple(few_shot(result)),
    )


def key_of(result: Result) -> TaskKey:
    fingerprint = result.data.fingerprint if result.data else ""
    return TaskKey(result.suite, result.task, result.task_version, fingerprint, result.main_metric)


def tasks_of(results: Sequence[Result]) -> list[Task]:
    """The columns that results fall into, the newest variant of each task current, in the order of their keys."""
    newest: dict[tuple[str, str], tuple[int, str, TaskKey]] = {}
    first: dict[TaskKey, Result] = {}
    for result in results:
        if result.data is None:
            continue
        key = key_of(result)
        held = first.get(key)
        if held is None or held.data is None or _levels(result.data) > _levels(held.data):
            first[key] = result
        mark = (result.task_version, result.started_at, key)
        newest[result.suite, result.task] = max(newest.get((result.suite, result.task), mark), mark)
    return [_task(first[key], newest[key.suite, key.task][2] == key) for key in sorted(first)]


def _levels(data: DataInfo) -> int:
    """How many of its levels a result knows: those of older versions may lack some."""
    return (data.chance is not None) + (data.ceiling is not None)


def _task(result: Result, current: bool) -> Task:
    data, metric = result.data, METRICS[result.main_metric]
    assert data is not None
    chance = data.chance if data.chance is not None else metric.chance(len(data.labels))
    best = metric.range[1] if metric.higher_is_better else metric.range[0]
    stated = data.ceiling or {}
    return Task(
        key_of(result),
        result.domain,
        result.kind,
        metric.higher_is_better,
        metric.range,
        _finite(chance),
        _finite(stated.get(result.main_metric, best)),
        result.main_metric in stated,
        current,
        getattr(metric, "proportion", False) or getattr(metric, "value", None) is mean_of_items,
        tuple(data.rows.items()),
        data.source,
        data.license,
    )


def _number(row: Measurement) -> Number:
    assert row.value is not None
    return Number(row.value, row.low, row.high, row.unit, row.higher_is_better)


def _perturbed(result: Result) -> list[Perturbed]:
    return [
        Perturbed(row.perturbation, row.severity or 0, row.value)
        for row in result.measurements
        if row.perturbation is not None
        and row.metric == result.main_metric
        and row.slice is None
        and row.value is not None
    ]


def machine_of(result: Result) -> str:
    """Device, and how many threads of it were used, in words."""
    environment = result.environment
    device = environment.get("gpu") or environment.get("cpu") or "unknown machine"
    pools = [int(found[1]) for pool in environment.get("blas") or () if (found := re.search(r"(\d+) threads", pool))]
    threads = environment.get("threads") or max(pools, default=None) or environment.get("cores", "?")
    return f"{device}, {environment.get('device', '?')}, {threads} threads"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
