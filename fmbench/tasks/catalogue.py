"""What the kinds that rank have in common: a numbered catalogue, histories in time, and how rankings are stored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.tasks.defaults import Columns

DEPTH = 100
"""Length of a ranking; a rank beyond it counts as not found."""


def names(rows: Rows, field: str, problems: list[Problem]) -> list[str]:
    """The values of `field` as names; a problem for each that is empty or no name."""
    found = []
    for i, value in enumerate(rows.columns[field]):
        if value is None or value != value or isinstance(value, list | dict | bytes) or not str(value).strip():
            problems.append(Problem(f"the {field} is empty or not a name", rows.place(i)))
        found.append(str(value).strip())
    return found


def times(rows: Rows, problems: list[Problem]) -> list[float] | None:
    """Seconds, or whatever numbers stand there; None without such a column."""
    values = rows.columns.get("time")
    if values is None:
        return None
    found = [_time(value) for value in values]
    problems += [
        Problem(f"the time is no number and no ISO date: {value!r}", rows.place(i))
        for i, (value, time) in enumerate(zip(values, found, strict=True))
        if time is None
    ]
    return [time or 0.0 for time in found]


def _time(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _seconds(value) if isinstance(value, datetime) else None
    try:
        number = float(value)
    except OverflowError:
        return None
    except ValueError:
        try:
            return _seconds(datetime.fromisoformat(str(value).strip()))
        except (ValueError, OverflowError):
            return None
    return number if math.isfinite(number) else None


def _seconds(moment: datetime) -> float:
    """Since 1970; without a time zone in UTC, so that the order does not depend on the machine."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def in_time(columns: Columns) -> dict[str, list[int]]:
    """User -> rows of `columns`, oldest first; rows of the same time in the order of the file."""
    at = columns.get("time")
    order = range(len(columns["user"])) if at is None else sorted(range(len(at)), key=lambda i: at[i])
    found: dict[str, list[int]] = {}
    for i in order:
        found.setdefault(columns["user"][i], []).append(i)
    return found


def natural(name: str) -> tuple[int, int, str]:
    """A key that sorts numbers as numbers, before other names."""
    return (0, int(name), name) if name.isdecimal() and len(name) < 19 else (1, 0, name)


def complete_table(table: Columns | None, key: str, used: Iterable[str], what: str) -> tuple[Columns, int]:
    """The table beside the rows with a row for every name in `used`, and how many had to be added.

    Without a table the names that are used make one, in natural order. Raises InputError for a name that has two texts.
    """
    if table is None:
        return {key: sorted(set(used), key=natural)}, 0
    texts: dict[str, str] = {}
    problems = []
    for i, (name, text) in enumerate(zip(table[key], table["text"], strict=True)):
        if name is None or not str(name).strip() or not isinstance(text, str):
            problems.append(Problem(f"{what}, row {i + 1}: the {key} is empty or its text is no text"))
            continue
        if texts.setdefault(str(name).strip(), text) != text:
            problems.append(Problem(f"{what}, row {i + 1}: {key} {name!r} has another text before"))
    if problems:
        raise InputError(problems)
    added = sorted(set(used) - texts.keys(), key=natural)
    return {key: [*texts, *added], "text": [*texts.values(), *[""] * len(added)]}, len(added)


def numbered(table: Columns, key: str) -> dict[str, int]:
    """Name -> its row in the table."""
    return {name: i for i, name in enumerate(table[key])}


def counted(sequences: Iterable[Sequence[int]], n: int) -> list[int]:
    """How often each of `n` items occurs."""
    counts = Counter(item for sequence in sequences for item in sequence)
    return [counts[i] for i in range(n)]


def stored_rankings(rankings: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """int64 [n, k], -1 where there are no more -> lists of numbers; and no scores."""
    kept = rankings >= 0
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    flat = pa.array(rankings[kept].astype(np.int32))
    return pa.ListArray.from_arrays(pa.array(offsets), flat), pa.nulls(len(rankings), pa.list_(pa.float32()))
