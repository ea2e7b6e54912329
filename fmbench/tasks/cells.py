"""Cells of tables as they come from files: what is missing, what is a number, what is a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem, nearest

MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
MAX_PROBLEMS = 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class PlacedCells(dict[str, Any]):
    """The cells of one raw row by column, and where in which file the row stands."""

    place: Place


def cell(value: Any) -> Any:
    """A string, a number or None, whatever a file gave: text is stripped, markers of missing values become None.

    Raises:
        ValueError: it is a list, a mapping, or infinite.
    """
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError("is infinite")
        return value
    if isinstance(value, list | dict | bytes):
        raise ValueError("is neither a number nor a text")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = str(value).strip()
    return None if text.lower() in MISSING else text


def placed_cells(rows: Rows, field: str) -> tuple[list[PlacedCells], list[Problem]]:
    """The gathered cells of every row, and a problem for each cell that cannot be in a table."""
    found, problems = [], []
    for i, raw in enumerate(rows.columns[field]):
        cells = PlacedCells()
        cells.place = rows.place(i)
        if not isinstance(raw, dict):
            problems.append(Problem(f"{field} is not a mapping of columns: {str(raw)[:40]!r}", cells.place))
            raw = {}
        for name, value in raw.items():
            try:
                cells[name] = cell(value)
            except ValueError as error:
                problems.append(Problem(f"column {name!r} {error}: {str(value)[:40]!r}", cells.place))
        found.append(cells)
    return found, problems


def as_number(value: Any) -> float | None:
    """The finite number that `value` is or says, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def as_time(value: Any) -> datetime | float | None:
    """A number, or a date in ISO form (2016-05-01 13:00:00), without its time zone; None if it is neither."""
    number = as_number(value)
    if number is not None:
        return number
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None


def times(values: Sequence[Any], places: Sequence[Place | None], column: str) -> list[Any]:
    """All values as dates or all as numbers. Raises InputError for those that are neither, or a mixture."""
    found = [as_time(value) for value in values]
    bad = [i for i, time in enumerate(found) if time is None]
    dates = [isinstance(time, datetime) for time in found]
    if not bad and any(dates) and not all(dates):
        bad = [dates.index(False)]
    if bad:
        raise InputError(
            [
                Problem(f"column {column!r} is not a time (a number, or 2016-05-01 13:00): {values[i]!r}", places[i])
                for i in bad[:MAX_PROBLEMS]
            ]
        )
    return found


def calendar(time: datetime) -> dict[str, str]:
    """Hour, weekday and month as categories, in words that no one takes for numbers."""
    return {"hour": f"{time.hour:02d}:00", "weekday": DAYS[time.weekday()], "month": MONTHS[time.month - 1]}


def known_columns(asked: Sequence[str], columns: Sequence[str], option: str) -> None:
    """Raises InputError for names in an option that are no columns of the data."""
    unknown = [name for name in asked if name not in columns]
    if unknown:
        have = ", ".join(columns)
        raise InputError(
            [
                Problem(f"options.{option}: no column {n!r} (there are {have})", None, nearest(n, columns))
                for n in unknown
            ]
        )


def column_names(splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """All columns, in the order in which they first appear."""
    return list(dict.fromkeys(name for rows in splits.values() for row in rows for name in row))
