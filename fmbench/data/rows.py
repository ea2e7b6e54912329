"""Rows as they come from a source, before a task kind has looked at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fmbench.errors import Place

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, and for each row the line of the file that it came from.

    Args:
        columns: field name -> values, one for each row.
        file: for messages.
        lines: line number of each row, counted from 1, or None where lines mean nothing (parquet, hub).
    """

    columns: dict[str, list[Any]]
    file: str
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def place(self, row: int) -> Place:
        return Place(self.file, self.lines[row] if self.lines is not None else None)


@dataclass(frozen=True)
class RawData:
    """What a source read: for each split the pieces it was read from, and what to say about their origin.

    With `expected_sha256`, rows of any other fingerprint are refused.
    """

    splits: dict[str, list[Rows]]
    source: str
    revision: str | None = None
    notes: tuple[str, ...] = field(default=())
    expected_sha256: str | None = None

    def column(self, split: str, name: str) -> Iterator[Any]:
        for piece in self.splits[split]:
            yield from piece.columns[name]
