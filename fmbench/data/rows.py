"""Rows as they come from a source, before a task kind has looked at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fmbench.errors import Place

SPLITS = ("train", "validation", "test")


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
        lines: line number of each row, counted from 1, or None where lines mean nothing (parquet, hub).
        names: of the file inside the folder or archive `file` that each row came from, where it is one.
    """

    columns: dict[str, list[Any]]
    file: str
    lines: Sequence[int] | None = None
    names: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def place(self, row: int) -> Place:
        if self.names is not None:
            return Place(f"{self.file}/{self.names[row]}")
        return Place(self.file, self.lines[row] if self.lines is not None else None)


@dataclass(frozen=True)
class RawData:
    """What a source read: for each split the pieces it was read from, and what to say about their origin.

    With `expected_sha256`, rows of any other fingerprint are refused.

    Args:
        side: tables beside the rows: name -> columns of equal length.
        ceiling: metric -> the best score that anything can reach, where the source knows it.
    """

    splits: dict[str, list[Rows]]
    source: str
    revision: str | None = None
    notes: tuple[str, ...] = field(default=())
    expected_sha256: str | None = None
    side: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)

    def column(self, split: str, name: str) -> Iterator[Any]:
        for piece in self.splits[split]:
            yield from piece.columns[name]
