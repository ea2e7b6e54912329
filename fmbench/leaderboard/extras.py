"""Measures beside the scores: whatever results hold, found by what it is and never by a name of ours."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fmbench.leaderboard.board import Curve, Estimate, Extra
from fmbench.leaderboard.entry import Entry, Number, Task, TaskKey
from fmbench.leaderboard.spec import BoardFile
from fmbench.measure.report import AVERAGES, SCORES, average_name
from fmbench.registry import METRICS

DROP = Extra("robust_drop", "", None, False)
"""Clean minus perturbed rescaled score, averaged over perturbations, severities and tasks."""
_REPORT = frozenset(average_name(prefix, a, s) for prefix in ("", "entity_") for a in AVERAGES for s in SCORES)


def find_extras(spec: BoardFile, tasks: Sequence[Task], entries: Iterable[Entry]) -> list[Extra]:
    """The columns beside the scores. What has a unit depends on the machine and has one column for each."""
    keys = {task.key for task in tasks if task.current}
    found: set[Extra] = set()
    for entry in entries:
        if entry.task not in keys:
            continue
        for metric, number in entry.numbers.items():
            if spec.columns is None and (metric in METRICS or metric in _REPORT):
                continue
            machine = _machine(entry, metric, number)
            if machine is None or spec.hardware is None or spec.hardware.lower() in machine.lower():
                found.add(Extra(metric, number.unit, machine, number.higher_is_better))
        if entry.perturbed:
            found.add(DROP)
    ordered = sorted(found, key=lambda extra: (extra.machine is not None, extra.metric, extra.machine or ""))
    if spec.columns is None:
        return ordered
    return [extra for name in spec.columns for extra in ordered if extra.metric == name]


def extras_of(extras: Sequence[Extra], tasks: Sequence[Task], entries: Sequence[Entry]) -> tuple[Estimate | str, ...]:
    """A row's values: means over tasks of means over seeds, geometric where there is a unit; a reason where missing."""
    current = {task.key: task for task in tasks if task.current}
    by_extra: dict[tuple[str, str | None], dict[TaskKey, list[Number]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        if entry.task in current:
            for metric, number in entry.numbers.items():
                by_extra[metric, _machine(entry, metric, number)][entry.task].append(number)
            for drop in _drops(entry, current[entry.task]):
                by_extra[DROP.metric, None][entry.task].append(drop)
    return tuple(_aggregate(extra, by_extra.get((extra.metric, extra.machine), {}), len(current)) for extra in extras)


def curves_of(tasks: Sequence[Task], entries: Sequence[Entry]) -> tuple[Curve, ...]:
    """Rescaled scores by severity of each perturbation, averaged over seeds and tasks."""
    spans = {task.key: task for task in tasks if task.current and task.span is not None}
    points: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        if entry.task not in spans or entry.value is None:
            continue
        task = spans[entry.task]
        for name in sorted({one.perturbation for one in entry.perturbed}):
            points[name][0].append(_rescale(entry.value, task))
        for one in entry.perturbed:
            points[one.perturbation][one.severity].append(_rescale(one.value, task))
    return tuple(
        Curve(name, tuple((severity, math.fsum(v) / len(v)) for severity, v in sorted(found.items())))
        for name, found in sorted(points.items())
    )


def few_shot_of(tasks: Sequence[Task], entries: Sequence[Entry]) -> tuple[tuple[int, float], ...]:
    """Rescaled validation scores by the number of examples of each class, at the numbers that all of them have."""
    spans = {task.key: task for task in tasks if task.current and task.span is not None}
    found = [
        {shots: _rescale(value, spans[entry.task]) for shots, value in entry.few_shot}
        for entry in entries
        if entry.few_shot and entry.task in spans
    ]
    shared = sorted(set.intersection(*map(set, found))) if found else []
    return tuple((shots, math.fsum(one[shots] for one in found) / len(found)) for shots in shared)


def _machine(entry: Entry, metric: str, number: Number) -> str | None:
    return entry.machine if number.unit and metric not in METRICS else None


def _drops(entry: Entry, task: Task) -> list[Number]:
    if entry.value is None or not entry.perturbed or task.span is None:
        return []
    clean = _rescale(entry.value, task)
    drops = [clean - _rescale(one.value, task) for one in entry.perturbed]
    return [Number(math.fsum(drops) / len(drops), None, None, "", False)]


def _rescale(value: float, task: Task) -> float:
    span = task.span
    assert span is not None and task.chance is not None
    return (value - task.chance) / span


def _aggregate(extra: Extra, found: dict[TaskKey, list[Number]], tasks: int) -> Estimate | str:
    if not found:
        return "not measured"
    if len(found) < tasks:
        return f"on {len(found)} of {tasks} tasks"
    per_task = [found[key] for key in sorted(found)]
    values = [math.fsum(one.value for one in numbers) / len(numbers) for numbers in per_task]
    if not extra.unit or min(values) <= 0:
        return Estimate(math.fsum(values) / tasks)
    value = math.exp(math.fsum(map(math.log, values)) / tasks)
    half = _log_half_width(per_task)
    if half is None:
        return Estimate(value)
    return Estimate(value, value * math.exp(-half), value * math.exp(half))


def _log_half_width(per_task: Sequence[Sequence[Number]]) -> float | None:
    """Half the width of the geometric mean's interval in logarithms; None where an interval is missing.

    Repeats of one cell share their machine's state, so the mean width over seeds is taken, not a smaller one.
    """
    squares = []
    for numbers in per_task:
        widths = [
            math.log(n.high / n.low) / 2 for n in numbers if n.low is not None and n.high is not None and n.low > 0
        ]
        if len(widths) < len(numbers):
            return None
        squares.append((math.fsum(widths) / len(widths)) ** 2)
    return math.sqrt(math.fsum(squares)) / len(per_task)
