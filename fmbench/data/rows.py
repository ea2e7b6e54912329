"""Rows as they come from a source, before a task kind has looked at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from fmbench.errors import InputError, Place, Problem

SPLITS = ("train", "validation", "test")
MAX_PROBLEMS = 20
"""So many problems of a file are shown; the others are counted."""


@dataclass(frozen=True)
class Asked:
    """What a task wants of a source.

    Args:
        fields: columns that must be there.
        optional: columns that are taken where they are there (id, cluster and slice columns).
        gather: a field that collects every other column of a row as a mapping, or None.
        side: tables beside the rows (items, documents): name -> columns that they must have.
    """

    fields: tuple[str, ...]
    optional: tuple[str, ...] = ("id",)
    gather: str | None = None
    side: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, and for each row the line of the file that it came from.

    Args:
        columns: field name -> values, one for each row.
        file: for messages.
        lines: line number of each row, counted from 1; in what has no lines (parquet, hub) the number of the row. None
            where neither means anything.
        names: of the file inside the folder or archive `file` that each row came from, where it is one.
        notes: what a reader of the result should know of how these rows were read.
    """

    columns: dict[str, list[Any]]
    file: str
    _: KW_ONLY
    lines: Sequence[int] | None = None
    names: Sequence[str] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def place(self, row: int) -> Place:
        if self.names is not None:
            return Place(f"{self.file}/{self.names[row]}")
        return Place(self.file, self.lines[row] if self.lines is not None else None)


@dataclass(frozen=True)
class Stream:
    """Rows that are too many to hold at once, in chunks; each call of `chunks` reads them anew.

    Args:
        file: for messages.
        key: changes with the content of the file and with what is asked of it.
    """

    chunks: Callable[[], Iterator[Rows]]
    file: str
    key: str

    def whole(self) -> Rows:
        """All rows as one piece."""
        return joined(list(self.chunks()))


def joined(pieces: Sequence[Rows]) -> Rows:
    """The rows of chunks of one file, one after the other."""
    first = pieces[0]
    columns = {name: [value for piece in pieces for value in piece.columns[name]] for name in first.columns}
    lines = None if first.lines is None else [line for piece in pieces for line in piece.lines or ()]
    names = None if first.names is None else [name for piece in pieces for name in piece.names or ()]
    notes = tuple(dict.fromkeys(note for piece in pieces for note in piece.notes))
    return Rows(columns, first.file, lines=lines, names=names, notes=notes)


class Findings:
    """Problems of one file: the first MAX_PROBLEMS are kept, the others counted."""

    def __init__(self) -> None:
        self.shown: list[Problem] = []
        self.more = 0
        self.after: Place | None = None

    def add(self, *problems: Problem) -> None:
        for problem in problems:
            if len(self.shown) < MAX_PROBLEMS:
                self.shown.append(problem)
            else:
                self.after = self.after or problem.place
                self.more += 1

    def __bool__(self) -> bool:
        return bool(self.shown)

    @property
    def problems(self) -> list[Problem]:
        if not self.more:
            return list(self.shown)
        what = "1 more problem" if self.more == 1 else f"{self.more} more problems"
        return [*self.shown, Problem(f"and {what} in this file", self.after)]

    def raise_any(self) -> None:
        """Raise InputError if there are any."""
        if self.shown:
            raise InputError(self.problems)


def within_limit(problems: Iterable[Problem]) -> list[Problem]:
    """The first MAX_PROBLEMS of a file, and one that counts the others."""
    found = Findings()
    found.add(*problems)
    return found.problems


@dataclass(frozen=True)
class RawData:
    """What a source read: for each split the pieces it was read from, and what to say about their origin.

    With `expected_sha256`, rows of any other fingerprint are refused.

    Args:
        side: tables beside the rows: name -> columns of equal length.
        ceiling: metric -> the best score that anything can reach, where the source knows it.
    """

    splits: Mapping[str, Sequence[Rows | Stream]]
    source: str
    revision: str | None = None
    notes: tuple[str, ...] = field(default=())
    expected_sha256: str | None = None
    side: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)
