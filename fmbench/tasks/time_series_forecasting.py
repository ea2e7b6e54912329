"""time-series-forecasting: the next values of a series from its past; test windows come after all that is learned."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.cells import (
    MAX_PROBLEMS,
    PlacedCells,
    as_number,
    calendar,
    column_names,
    known_columns,
    placed_cells,
    times,
)
from fmbench.tasks.defaults import Columns
from fmbench.tasks.vectors import Vectors

OTHERS = "others"
Edges = Mapping[str, tuple[Any, Any]]


class SeriesOptions(Spec):
    """How windows are cut."""

    context: int = Field(default=24, ge=1, description="known steps before each forecast")
    horizon: int = Field(default=12, ge=1, description="steps to forecast")
    stride: int | None = Field(default=None, ge=1, description="steps between forecasts; else the horizon")
    train_stride: int | None = Field(default=None, ge=1, description="the same for training windows; else `stride`")
    known: list[str] = Field(default=[], description="other columns that are known for the steps to forecast")
    values: list[str] = Field(default=[], description="without a field `value`: the columns that are series; else all")
    missing: Literal["refuse", "last"] = Field(default="refuse", description="`last` repeats the value before")
    duplicates: Literal["refuse", "first"] = Field(default="refuse", description="of several rows at one time")


@dataclass(frozen=True)
class Window:
    """What is known when a forecast is made.

    Args:
        past: float64 [context], the last value last.
        known: of each step to forecast: name -> [horizon] categories or numbers, such as its hour and weekday.
        series: name of the series.
        start: time or number of the first step to forecast, as text.
    """

    past: np.ndarray
    known: Mapping[str, Sequence[Any]]
    series: str
    start: str


@dataclass(frozen=True)
class Series:
    """One series in the order of time: `values` float64 [n], and what is known of each step."""

    name: str
    moments: Sequence[Any]
    values: np.ndarray
    known: Mapping[str, Sequence[Any]]


class TimeSeriesForecasting(Vectors):
    """Fields `value`, `time` and `series`; without `value`, every other column is a series of its own.

    Without `time` the rows are in order and equally far apart. Windows never reach over a gap in time.
    """

    name: ClassVar[str] = "time-series-forecasting"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("past", "known", "future")
    input_fields: ClassVar[tuple[str, ...]] = ("past", "known")
    raw_fields: ClassVar[tuple[str, ...] | None] = (OTHERS,)
    optional_fields: ClassVar[tuple[str, ...]] = ("time", "series", "value")
    gather: ClassVar[str | None] = OTHERS
    modality: ClassVar[str | None] = "series"
    label_field: ClassVar[str] = "future"
    metrics: ClassVar[tuple[str, ...]] = ("mae", "rmse", "relative_mae")
    Options: ClassVar[type[Spec]] = SeriesOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        others, problems = placed_cells(rows, OTHERS)
        given: Columns = {name: rows.columns[name] for name in ("time", "series", "value") if name in rows.columns}
        return {**given, OTHERS: list(others)}, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: Mapping[str, Mapping[str, list[Any]]], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        """Windows of every split; of one table of rows, those for the test come last."""
        notes: list[str] = []
        read = {part: _read(rows, options, notes) for part, rows in splits.items()}
        windows: dict[str, Columns] = {}
        if set(read) == {"train"}:
            edges = _edges(read["train"], split, notes)
            for part in ("train", "validation", "test"):
                windows[part] = _windows(read["train"], options, part, edges[part], notes)
        else:
            for part, series in read.items():
                windows[part] = _windows(series, options, part, (None, None), notes)
        return windows, notes

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(f"step {i + 1}" for i in range(len(train["future"][0])))

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Window]:
        names = ("past", "known", "window_of", "window_start")
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        return [Window(np.asarray(past), known or {}, series, start) for past, known, series, start in rows]

    @staticmethod
    def part(item: Window) -> np.ndarray:
        return item.past[:, None]

    @staticmethod
    def with_part(item: Window, part: np.ndarray) -> Window:
        return replace(item, past=part[:, 0])

    @classmethod
    def predictions(
        cls, predict: Any, inputs: Sequence[Any], table: pa.Table, labels: Sequence[str], options: Any
    ) -> pa.Table:
        """Beside it `last_value`, that of the table: inputs may be perturbed, what forecasts are judged by is not."""
        last = pa.array([float(past[-1]) for past in table["past"].to_pylist()])
        found = super().predictions(predict, inputs, table, labels, options)
        return found.append_column("last_value", last)


def _read(rows: Columns, options: SeriesOptions, notes: list[str]) -> list[Series]:
    """The series of one table of rows. Raises InputError with the rows that are wrong."""
    cells: list[PlacedCells] = rows[OTHERS]
    places = [row.place for row in cells]
    others = column_names({"all": cells})
    known_columns(options.known, others, "known")
    known_columns(options.values, others, "values")
    moments: list[Any] = times(rows["time"], places, "time") if "time" in rows else list(range(len(cells)))
    names = [str(name) for name in rows["series"]] if "series" in rows else None
    if "value" in rows:
        measured = {"value": [as_number(value) for value in rows["value"]]}
    else:
        chosen = options.values or [name for name in others if name not in options.known]
        if not chosen:
            raise InputError(Problem("no series: no column `value`, and no other column (columns: {value: NAME})"))
        measured = {name: [as_number(row.get(name)) for row in cells] for name in chosen}
    groups: dict[str, list[int]] = {}
    for i in range(len(cells)):
        groups.setdefault(names[i] if names else "", []).append(i)
    problems: list[Problem] = []
    found = []
    for group, members in groups.items():
        index = sorted(members, key=moments.__getitem__)
        index = _one_each(index, moments, places, options, problems, notes, group)
        known = {name: _alike([cells[i].get(name) for i in index]) for name in options.known}
        if isinstance(moments[index[0]], datetime):
            known = {**_calendars([moments[i] for i in index]), **known}
        for column, values in measured.items():
            name = column if not group else group if len(measured) == 1 else f"{group}/{column}"
            kept = _filled([values[i] for i in index], [places[i] for i in index], column, options, problems)
            found.append(Series(name, [moments[i] for i in index], kept, known))
    if problems:
        raise InputError(problems[:MAX_PROBLEMS])
    return found


def _alike(values: list[Any]) -> list[Any]:
    """All numbers if all are, else all texts; None stays."""
    numbers = [as_number(value) for value in values]
    if all(number is not None or value is None for number, value in zip(numbers, values, strict=True)):
        return numbers
    return [value if value is None else str(value) for value in values]


def _calendars(moments: Sequence[datetime]) -> dict[str, list[str]]:
    days = [calendar(moment) for moment in moments]
    return {name: [day[name] for day in days] for name in days[0]}


def _one_each(
    index: list[int],
    moments: Sequence[Any],
    places: Sequence[Any],
    options: SeriesOptions,
    problems: list[Problem],
    notes: list[str],
    group: str,
) -> list[int]:
    """`index` without the rows at a time that has come before; they are problems unless the options allow them."""
    again = [i for before, i in itertools.pairwise(index) if moments[before] == moments[i]]
    if not again:
        return index
    if options.duplicates == "refuse":
        what = "a second row at the same time (options: {duplicates: first} keeps the first)"
        problems += [Problem(what, places[i]) for i in again[:MAX_PROBLEMS]]
    else:
        notes.append(
            f"{len(again)} rows at a time that has one already were left out" + (f" ({group})" if group else "")
        )
    left_out = set(again)
    return [i for i in index if i not in left_out]


def _filled(
    values: list[float | None],
    places: Sequence[Any],
    column: str,
    options: SeriesOptions,
    problems: list[Problem],
) -> np.ndarray:
    gaps = [i for i, value in enumerate(values) if value is None]
    if gaps and options.missing == "refuse":
        what = f"column {column!r} has no number here (options: {{missing: last}} repeats the one before)"
        problems += [Problem(what, places[i]) for i in gaps[:MAX_PROBLEMS]]
        return np.zeros(len(values))
    if gaps and gaps[0] == 0:
        problems.append(Problem(f"column {column!r} begins without a number", places[0]))
        return np.zeros(len(values))
    filled = list(values)
    for i in gaps:
        filled[i] = filled[i - 1]
    return np.asarray(filled, dtype=np.float64)


def _edges(series: Sequence[Series], split: Split, notes: list[str]) -> Edges:
    """For each split the first moment of its targets and the first one after them, the same for all series."""
    moments = sorted({moment for one in series for moment in one.moments})
    test = moments[int(len(moments) * (1 - split.test))]
    before = [moment for moment in moments if moment < test]
    if not before:
        raise InputError(Problem("too few steps to cut test and validation windows from the end"))
    validation = before[int(len(before) * (1 - split.validation))]
    notes.append(
        f"split by time: test from {_text(test)} on (the last {split.test:.0%} of the steps), validation from "
        f"{_text(validation)} on ({split.validation:.0%} of the steps before)"
    )
    return {"train": (None, validation), "validation": (validation, test), "test": (test, None)}


def _step(moments: Sequence[Any]) -> Any:
    """The most common distance of neighbouring moments."""
    return Counter(b - a for a, b in itertools.pairwise(moments)).most_common(1)[0][0]


def _starts(one: Series, options: SeriesOptions, stride: int, low: Any, high: Any) -> Iterator[int]:
    """Positions of first targets, such that context and targets are whole, without gaps, and inside the edges."""
    context, horizon = options.context, options.horizon
    n = len(one.moments)
    if n < context + horizon:
        return
    step = _step(one.moments)
    steps = np.array([b - a == step for a, b in zip(one.moments, one.moments[1:], strict=False)])
    whole = np.concatenate([[0], np.cumsum(steps)])
    length = context + horizon - 1
    at = context
    while at + horizon <= n:
        first, last = at - context, at + horizon - 1
        if (low is not None and one.moments[at] < low) or whole[last] - whole[first] < length:
            at += 1
            continue
        if high is not None and one.moments[last] >= high:
            return
        yield at
        at += stride


def _windows(
    series: Sequence[Series], options: SeriesOptions, part: str, edges: tuple[Any, Any], notes: list[str]
) -> Columns:
    stride = options.stride or options.horizon
    if part == "train":
        stride = options.train_stride or stride
    found: Columns = {name: [] for name in ("id", "past", "known", "future", "window_of", "window_start")}
    for one in series:
        for at in _starts(one, options, stride, *edges):
            start = _text(one.moments[at])
            future = slice(at, at + options.horizon)
            found["id"].append(f"{one.name}@{start}")
            found["past"].append(one.values[at - options.context : at].tolist())
            found["known"].append({name: list(values[future]) for name, values in one.known.items()})
            found["future"].append(one.values[future].tolist())
            found["window_of"].append(one.name)
            found["window_start"].append(start)
    if not found["id"]:
        size = f"{options.context} known and {options.horizon} further steps"
        raise InputError(Problem(f"the {part} split has no windows of {size} without a gap"))
    notes.append(f"{part}: {len(found['id'])} windows of {len(series)} series")
    return found


def _text(moment: Any) -> str:
    if isinstance(moment, datetime | timedelta):
        return str(moment)
    return str(int(moment)) if moment == int(moment) else repr(moment)
