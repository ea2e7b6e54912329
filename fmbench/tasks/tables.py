"""What the kinds of tables have in common: typed columns, missing values, rows as mappings and as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
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

FEATURES = "features"
NEARLY_NUMERIC = 0.9
"""Share of numbers from which on a column with other cells too is named as a doubt."""
Value = float | str | None


class Row(str):
    """A row of a table: as a string it is the text that encoders read, `features` is the mapping that others read."""

    features: Mapping[str, Value]

    @staticmethod
    def of(features: Mapping[str, Value]) -> Row:
        row = Row(serialised(features))
        row.features = features
        return row


def serialised(features: Mapping[str, Value]) -> str:
    """`age: 39; job: clerk`: one part a column that has a value, numbers in their shortest form."""
    parts = [f"{name}: {_shortest(value)}" for name, value in features.items() if value is not None]
    return "; ".join(parts) or "no values"


def _shortest(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


class TableOptions(Spec):
    """Settings of the kinds of tables."""

    categorical: list[str] = Field(default=[], description="columns of categories, though they look like numbers")
    numeric: list[str] = Field(default=[], description="columns that must be numbers")
    missing: Literal["refuse", "allow"] = Field(default="refuse", description="whether cells may be empty")
    rename: dict[str, str] = Field(default={}, description="column -> what to call it from here on")
    time: str | None = Field(
        default=None, description="column by which splits are cut, the last rows for the test; dates become features"
    )
    duplicates: Literal["keep", "drop", "time"] = Field(
        default="keep", description="drop: leave out rows that equal an earlier one; time: rows at the time of another"
    )


class Tabular:
    """Fields of a table: everything that is not the target, an id, a cluster or a slice is a feature."""

    input_fields: ClassVar[tuple[str, ...]] = (FEATURES,)
    gather: ClassVar[str | None] = FEATURES
    modality: ClassVar[str | None] = "row"
    row = staticmethod(Row.of)
    label_field: ClassVar[str]
    Options: ClassVar[type[Spec]] = TableOptions

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Row]:
        return [Row.of(features) for features in table[FEATURES].to_pylist()]

    @staticmethod
    def cells(rows: Rows) -> tuple[list[PlacedCells], list[Problem]]:
        return placed_cells(rows, FEATURES)

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: Mapping[str, Mapping[str, list[Any]]], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        """Splits by time where there is a time column, and every feature a number, a category or None."""
        columns, notes = dict(splits), []
        names = column_names({part: rows[FEATURES] for part, rows in columns.items()})
        known_columns(list(options.rename), names, "rename")
        if options.rename:
            columns = {part: _renamed(rows, options.rename) for part, rows in columns.items()}
            names = [options.rename.get(name, name) for name in names]
        for option in ("categorical", "numeric", "time"):
            asked = getattr(options, option)
            known_columns([asked] if isinstance(asked, str) else asked or [], names, option)
        if options.duplicates != "keep":
            if options.duplicates == "time" and options.time is None:
                raise InputError(Problem("options: `duplicates: time` needs a column `time`"))
            by = options.time if options.duplicates == "time" else None
            kept = {name: _distinct(rows, by) for name, rows in columns.items()}
            dropped = sum(len(columns[name][FEATURES]) - len(index) for name, index in kept.items())
            columns = {name: taken(rows, kept[name]) for name, rows in columns.items()}
            notes.append(f"{dropped} rows that equal an earlier one{' in ' + by if by else ''} were left out")
        if options.time is not None:
            columns, said = split_by_time(columns, options.time, split)
            notes += said
        notes += _type_features(columns, options)
        return columns, notes


def taken(rows: Columns, index: Sequence[int] | np.ndarray) -> Columns:
    """The rows at `index`."""
    return {name: [values[int(i)] for i in index] for name, values in rows.items()}


def _renamed(rows: Columns, names: Mapping[str, str]) -> Columns:
    fresh = []
    for cells in rows[FEATURES]:
        row = PlacedCells({names.get(name, name): value for name, value in cells.items()})
        row.place = cells.place
        fresh.append(row)
    return {**rows, FEATURES: fresh}


def _distinct(rows: Columns, by: str | None) -> list[int]:
    """The first of the rows that are equal, or that are so in the feature `by`."""
    names = [name for name in rows if name != "id"]
    keys = [repr(row.get(by)) for row in rows[FEATURES]] if by else []
    first: dict[str, int] = {}
    for i, key in enumerate(keys or map(repr, zip(*(rows[name] for name in names), strict=True))):
        first.setdefault(key, i)
    return list(first.values())


def split_by_time(columns: dict[str, Columns], name: str, split: Split) -> tuple[dict[str, Columns], list[str]]:
    """Missing splits cut from the end of train in the order of the column `name`, which dates leave as features."""
    notes = []
    found = dict(columns)
    for part, rows in columns.items():
        cells = rows[FEATURES]
        moments = times([row.get(name) for row in cells], [row.place for row in cells], name)
        order = sorted(range(len(moments)), key=moments.__getitem__)
        for row, moment in zip(cells, moments, strict=True):
            row.pop(name)
            if isinstance(moment, datetime):
                row.update(calendar(moment))
        found[part] = taken(rows, order)
    for part, share in (("test", split.test), ("validation", split.validation)):
        if part not in found:
            n = len(found["train"][FEATURES])
            cut = int(n * (1 - share))
            found[part] = taken(found["train"], range(cut, n))
            found["train"] = taken(found["train"], range(cut))
            notes.append(f"{part} cut from train: the last {share:.0%} of the rows by {name}")
    return found, notes


def _type_features(columns: dict[str, Columns], options: Any) -> list[str]:
    """Make every feature a float, a string or None, in place, with the same columns in every row; and note doubts."""
    rows = [row for part in columns.values() for row in part[FEATURES]]
    names = column_names({"all": rows})
    problems: list[Problem] = []
    notes: list[str] = []
    for name in names:
        values = [row.get(name) for row in rows]
        if options.missing == "refuse":
            problems += [
                Problem(f"column {name!r} has no value here (options: {{missing: allow}} permits that)", row.place)
                for row, value in zip(rows, values, strict=True)
                if value is None
            ]
        numbers = [as_number(value) for value in values]
        wrong = [i for i, value in enumerate(values) if value is not None and numbers[i] is None]
        if name in options.numeric:
            problems += [Problem(f"column {name!r} is not a number: {values[i]!r}", rows[i].place) for i in wrong]
        given = sum(value is not None for value in values)
        if 0 < len(wrong) <= (1 - NEARLY_NUMERIC) * given and name not in options.categorical:
            what = (
                f"warning: {len(wrong)} of {given} cells of column {name!r} are not numbers, {values[wrong[0]]!r} first"
            )
            notes.append(f"{what}: it is a category now; options: {{numeric: [{name}]}} would refuse them")
        numeric = not wrong and name not in options.categorical
        for row, value, number in zip(rows, values, numbers, strict=True):
            row[name] = number if numeric else None if value is None else _category(value)
    if problems:
        more = len(problems) - MAX_PROBLEMS
        raise InputError(problems[:MAX_PROBLEMS] + ([Problem(f"and {more} more cells")] if more > 0 else []))
    for part in columns.values():
        part[FEATURES] = [{name: row[name] for name in names} for row in part[FEATURES]]
    return notes


def _category(value: Any) -> str:
    return value if isinstance(value, str) else _shortest(float(value))
