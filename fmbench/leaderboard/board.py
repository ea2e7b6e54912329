"""build_board: results to ranked rows. Pure: the same entries give the same board, whatever their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from fmbench.measure.metric import Metric
from fmbench.measure.report import of_labels
from fmbench.run.result import Result


@dataclass(frozen=True)
class Entry:
    """One cell's result with what its interval needs.

    Args:
        statistics: [n_items, ...] of the main metric, see Metric.statistics; or None without stored predictions.
        clusters: a label for each item, or None.
    """

    result: Result
    statistics: np.ndarray | None = None
    clusters: Sequence[str] | None = None


@dataclass(frozen=True)
class Row:
    """One model and adaptation on one task, over its seeds; where a number is None, `problem` says why."""

    rank: int | None
    model: str
    adaptation: str
    value: float | None
    low: float | None
    high: float | None
    interval: str
    seeds: tuple[int, ...]
    examples_per_s: float | None
    parameters: int | None
    trainable_parameters: int | None
    machine: str
    by_label: tuple[tuple[str, float | None], ...]
    problem: str | None = None


@dataclass(frozen=True)
class Section:
    """One task at one version on one set of rows: what may share a table."""

    task: str
    task_version: int
    kind: str
    domain: str
    metric: str
    metric_range: tuple[float, float]
    n: int
    rows_in_split: tuple[tuple[str, int], ...]
    source: str
    license: str | None
    fingerprint: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Board:
    """What a page shows; `notes` say what is missing from it."""

    title: str
    description: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def build_board(title: str, description: str, entries: Iterable[Entry], metrics: dict[str, Metric]) -> Board:
    """Rank models on every task.

    Results of different suites, task versions, data fingerprints or main metrics never share a table. A row's score
    is the mean over its seeds; adding or removing a model changes no other row's score or interval.

    Args:
        metrics: main metric name -> Metric, for intervals and direction.
    """
    known = sorted(entries, key=lambda entry: (_section_key(entry.result), _row_key(entry.result), entry.result.seed))
    sections = []
    for _, group in groupby((entry for entry in known if entry.result.data), key=lambda e: _section_key(e.result)):
        sections.append(_section(list(group), metrics))
    return Board(title, description, tuple(sections))


def _section_key(result: Result) -> tuple[Any, ...]:
    fingerprint = result.data.fingerprint if result.data else ""
    return (result.task, result.task_version, result.suite, result.suite_version, result.main_metric, fingerprint)


def _row_key(result: Result) -> tuple[str, str]:
    return (result.model, result.adaptation)


def _section(entries: list[Entry], metrics: dict[str, Metric]) -> Section:
    first = entries[0].result
    assert first.data is not None
    metric = metrics[first.main_metric]
    rows = [_row(list(group), metric) for _, group in groupby(entries, key=lambda entry: _row_key(entry.result))]
    sign = -1 if metric.higher_is_better else 1
    rows.sort(key=lambda row: (row.value is None, sign * (row.value or 0.0), row.model, row.adaptation))
    measured = next((main for entry in entries if (main := entry.result.main())), None)
    return Section(
        first.task,
        first.task_version,
        first.kind,
        first.domain,
        first.main_metric,
        metric.range,
        measured.n if measured else 0,
        tuple(first.data.rows.items()),
        first.data.source,
        first.data.license,
        first.data.fingerprint,
        tuple(_ranked(rows)),
    )


def _ranked(rows: list[Row]) -> Iterable[Row]:
    """Ranks from 1; equal scores share one."""
    rank, before = 0, object()
    for position, row in enumerate(rows, 1):
        if row.value is None:
            yield row
            continue
        if row.value != before:
            rank, before = position, row.value
        yield Row(**{**row.__dict__, "rank": rank})


def _row(entries: list[Entry], metric: Metric) -> Row:
    good = [entry for entry in entries if (main := entry.result.main()) and main.value is not None]
    first = (good or entries)[0].result
    info = first.model_info
    errors = sorted({entry.result.error.message for entry in entries if entry.result.error})
    values = [main.value for entry in good if (main := entry.result.main()) and main.value is not None]
    low, high, interval = _interval(good, metric)
    return Row(
        None,
        first.model,
        first.adaptation,
        float(np.mean(values)) if values else None,
        low,
        high,
        interval,
        tuple(entry.result.seed for entry in good),
        _mean([row.value for entry in good if (row := entry.result.find("examples_per_s"))]),
        info.parameters if info else None,
        info.trainable_parameters if info else None,
        _machine(first),
        _by_label([entry.result for entry in good]),
        f"failed: {errors[0]}" if errors else (None if good else "no score"),
    )


def _interval(entries: list[Entry], metric: Metric) -> tuple[float | None, float | None, str]:
    runs = [entry.statistics for entry in entries if entry.statistics is not None]
    if not runs or len(runs) < len(entries):
        return None, None, "no stored predictions"
    found = metric.over_seeds(runs, entries[0].clusters)
    return found.low, found.high, found.method


def _by_label(results: list[Result]) -> tuple[tuple[str, float | None], ...]:
    found: dict[str, list[float | None]] = {}
    for result in results:
        for row in of_labels(result.measurements):
            if row.slice is not None and row.metric.removeprefix("entity_") == "f1":
                found.setdefault(row.slice, []).append(row.value)
    return tuple((label, _mean(values)) for label, values in found.items())


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _machine(result: Result) -> str:
    environment = result.environment
    device = environment.get("gpu") or environment.get("cpu") or "unknown machine"
    threads = environment.get("threads") or environment.get("cores", "?")
    return f"{device}, {environment.get('device', '?')}, {threads} threads"
