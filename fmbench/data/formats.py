"""Readers of tables: path -> Rows. Each names file and line of what it cannot read.

`columns` maps a field of the task ("text") to a column of the file: its name, or its number from 0 (negative: from the
end). Fields without an entry are looked up under their own name.

A format is a function (path, wanted) -> Rows. Those of files that may be larger than memory are a `Reader`, which also
hands over its rows in chunks.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fmbench.data.opening import lines, open_bytes, open_text
from fmbench.data.rows import MAX_PROBLEMS, Findings, Rows
from fmbench.errors import InputError, Place, Problem, nearest

__all__ = ["MAX_PROBLEMS", "Reader", "Wanted", "numbered_lines", "open_text"]

LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Wanted:
    """Which fields to read, and how.

    Args:
        fields: fields that must be there.
        optional: fields that are taken if they are there (id, cluster and slice columns).
        columns: field -> column name or number, where it differs.
        encoding: text encoding of the file.
        header: whether a csv or tsv file starts with a line of column names.
        delimiter: overrides the format's own.
        gather: a field that collects every column that is not asked for, as a mapping, or None.
        drop: columns that `gather` leaves out.
        pattern, table: how folders of files tell their columns, see fmbench.data.media.
        characters: whether every character is a token, where a format cuts texts into tokens.
        tile, label_rows: how a sprite is cut, see fmbench.data.sprites.
        within: where the rows stand in the file: a key of a JSON object, the tag of an XML element; or None.
    """

    fields: Sequence[str]
    optional: Sequence[str] = ("id",)
    columns: Mapping[str, str | int] | None = None
    encoding: str = "utf-8"
    header: bool = True
    delimiter: str | None = None
    gather: str | None = None
    drop: Sequence[str] = ()
    pattern: str | None = None
    table: str | None = None
    characters: bool = False
    within: str | None = None
    tile: tuple[int, int] | None = None
    label_rows: int = 1

    @property
    def plain(self) -> list[str]:
        """The fields that are one column each."""
        return [field for field in self.fields if field != self.gather]

    def column(self, field: str) -> str | int:
        return (self.columns or {}).get(field, field)

    def names(self, field: str) -> bool:
        """Whether the column of an optional field was named, so that it must be there."""
        return field in (self.columns or {})


@dataclass(frozen=True)
class Reader:
    """A format whose rows may come in chunks; called, it reads them all.

    Args:
        chunks: (path, wanted, most characters of a chunk) -> rows; with no limit there is one chunk, and an empty file
            gives one without rows. Raises InputError at the end, for all that is wrong with the file.
    """

    chunks: Callable[[Path, Wanted, float], Iterator[Rows]]

    def __call__(self, path: Path, wanted: Wanted) -> Rows:
        (rows,) = self.chunks(path, wanted, math.inf)
        return rows


def numbered_lines(path: Path, wanted: Wanted) -> Iterator[tuple[int, str]]:
    """Numbered lines with their line ends. Raises InputError with the line where decoding or unpacking fails."""
    return lines(path, wanted.encoding)


class Gathered:
    """Rows that are being read: columns grow until they are taken as a chunk."""

    def __init__(self, path: Path, wanted: Wanted, most: float) -> None:
        self.file, self.fields, self.most = str(path), wanted.fields, most
        self.names: tuple[str, ...] = ()
        self._clear()

    def _clear(self) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in self.names}
        self.numbers: list[int] = []
        self.size = 0

    def open(self, names: Iterable[str]) -> None:
        """Name the columns, before the first row."""
        self.names = tuple(names)
        self._clear()

    @property
    def full(self) -> bool:
        return self.size >= self.most

    def take(self) -> Rows:
        """What was gathered since the last chunk."""
        found = Rows(self.columns or {field: [] for field in self.fields}, self.file, lines=self.numbers)
        self._clear()
        return found


def _separated(path: Path, wanted: Wanted, most: float, separator: str, quoting: int) -> Iterator[Rows]:
    position = [0]

    def text_lines() -> Iterator[str]:
        for position[0], line in numbered_lines(path, wanted):
            yield line

    quote = None if quoting == csv.QUOTE_NONE else '"'
    delimiter = wanted.delimiter or separator
    reader = csv.reader(text_lines(), delimiter=delimiter, quoting=quoting, quotechar=quote, strict=True)  # type: ignore[arg-type]
    rows, found = Gathered(path, wanted, most), Findings()
    picks: dict[str, int] = {}
    others = Others(None, {})
    width, end = 0, 0
    try:
        while True:
            start = end + 1
            record = _next(reader)
            end = position[0]
            if record is None:
                break
            if not record:
                continue
            if not width:
                width = len(record)
                header = record if wanted.header else None
                picks = _pick(path, wanted, header, width)
                others = others_of(wanted, header or [str(i) for i in range(width)], picks.values())
                rows.open((*picks, *others.fields))
                if header is not None:
                    continue
            if len(record) != width:
                found.add(Problem(f"{len(record)} columns where the first line has {width}", Place(str(path), start)))
                continue
            rows.numbers.append(start)
            rows.size += sum(map(len, record))
            for field, index in picks.items():
                rows.columns[field].append(record[index])
            others.collect(rows.columns, record)
            if rows.full:
                yield rows.take()
    except csv.Error as error:
        found.add(Problem(f"not valid: {error}", Place(str(path), end + 1)))
    found.raise_any()
    yield rows.take()


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """The next record, whose fields may be of any length, or None after the last."""
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(limit)


read_csv = Reader(partial(_separated, separator=",", quoting=csv.QUOTE_MINIMAL))
"""Comma-separated values with RFC 4180 quoting."""
read_tsv = Reader(partial(_separated, separator="\t", quoting=csv.QUOTE_NONE))
"""Tab-separated values; quotes are ordinary characters."""


@dataclass(frozen=True)
class Others:
    """The columns that `Wanted.gather` collects: name -> position or key in a record; without a `field` none."""

    field: str | None
    at: Mapping[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,) if self.field is not None else ()

    def collect(self, columns: dict[str, list[Any]], record: Any) -> None:
        """Append the mapping of one record."""
        if self.field is not None:
            columns[self.field].append({name: record[place] for name, place in self.at.items()})


def others_of(wanted: Wanted, names: Sequence[str], taken: Iterable[int], keyed: bool = False) -> Others:
    """All columns in `names` but the `taken` positions and those to drop; `keyed` records are read by name."""
    if wanted.gather is None:
        return Others(None, {})
    left = set(range(len(names))) - set(taken)
    kept = [(i, names[i]) for i in sorted(left) if names[i] not in wanted.drop]
    return Others(wanted.gather, {name: name if keyed else i for i, name in kept})


def _pick(path: Path, wanted: Wanted, header: list[str] | None, width: int) -> dict[str, int]:
    picks: dict[str, int] = {}
    problems = []
    known = header or []
    for field in (*wanted.plain, *wanted.optional):
        column = wanted.column(field)
        if isinstance(column, int):
            if -width <= column < width:
                picks[field] = column % width
            else:
                problems.append(Problem(f"no column {column}: there are {width}", Place(str(path), 1)))
        elif column in known:
            picks[field] = known.index(column)
        elif field in wanted.fields or wanted.names(field):
            have = f"the columns are {', '.join(known)}" if known else "it has no header, so give its number"
            have += _other_delimiter(known)
            problems.append(
                Problem(
                    f"no column {column!r} for the field {field!r}: {have}",
                    Place(str(path), 1),
                    nearest(str(column), known),
                )
            )
    problems += _not_to_drop(path, wanted, known)
    if problems:
        raise InputError(problems)
    return picks


def _other_delimiter(names: Sequence[str]) -> str:
    """What to do about a header that is one column, but looks like several."""
    found = [mark for mark in ";\t|," if len(names) == 1 and mark in names[0]]
    return f"; set `delimiter: {found[0]!r}` if that stands between them" if found else ""


def _not_to_drop(path: Path, wanted: Wanted, names: Sequence[str]) -> list[Problem]:
    """Columns to leave out that are not there; only those that `gather` would have taken matter."""
    if wanted.gather is None or not names:
        return []
    what = "drop: no column {!r}: the columns are {}"
    unknown = [name for name in wanted.drop if name not in names]
    return [Problem(what.format(name, ", ".join(names)), Place(str(path), 1), nearest(name, names)) for name in unknown]


def _parquet(path: Path, wanted: Wanted, most: float) -> Iterator[Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(path) as stream:
            source = pq.ParquetFile(stream)
            names = source.schema_arrow.names
            picks, others = _parquet_columns(path, wanted, names)
            read = [*dict.fromkeys(picks.values()), *(others if wanted.gather else ())]
            before, sent = 0, False
            rows = _batch_rows(source.metadata, most)
            for batch in source.iter_batches(rows, columns=read) if math.isfinite(most) else [source.read(read)]:
                columns = {field: batch.column(name).to_pylist() for field, name in picks.items()}
                if wanted.gather is not None:
                    columns[wanted.gather] = batch.select(others).to_pylist()
                numbers = range(before + 1, before + len(batch) + 1)
                before, sent = before + len(batch), True
                yield Rows(columns, str(path), lines=numbers)
            if not sent:
                yield Rows(
                    {field: [] for field in (*picks, *((wanted.gather,) if wanted.gather else ()))}, str(path), lines=[]
                )
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(f"not a readable parquet file: {error}", Place(str(path)))) from None


read_parquet = Reader(_parquet)
"""Apache Parquet; only the wanted columns are read, and rows have their number as line."""


def _batch_rows(metadata: Any, most: float) -> int:
    """Rows of a batch that holds about `most` bytes."""
    if not math.isfinite(most) or not metadata.num_rows:
        return 65_536
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return max(1, min(65_536, int(most * metadata.num_rows / max(size, 1))))


def _parquet_columns(path: Path, wanted: Wanted, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Field -> column, and the columns that `gather` takes."""
    present = [f for f in wanted.optional if wanted.names(f) or wanted.column(f) in names]
    asked = {field: wanted.column(field) for field in (*wanted.plain, *present)}
    numbered = dict(enumerate(names)) | {i - len(names): name for i, name in enumerate(names)}
    picks = {f: numbered.get(c, str(c)) if isinstance(c, int) else c for f, c in asked.items()}
    missing = [name for name in picks.values() if name not in names]
    if missing:
        what = f"no column {missing[0]!r}: the columns are {', '.join(names)}"
        raise InputError(Problem(what, Place(str(path)), nearest(missing[0], names)))
    unknown = _not_to_drop(path, wanted, names)
    if unknown:
        raise InputError(unknown)
    return picks, [name for name in names if name not in picks.values() and name not in wanted.drop]
