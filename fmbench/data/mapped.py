"""Rows that are larger than memory: columns in an Arrow file of the cache folder, read in batches or mapped.

The file holds what a source gave, made to conform. It is kept under the hash of what it was made from, so that the next
run finds it; the longest unused go when there is more than the cache may hold.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa

from fmbench.errors import InputError, Problem
from fmbench.files import atomic_writer, cache_folder, cache_limit

VERSION = 1
"""Raise it when readers or kinds would make other rows of the same file."""
SHARED = 65_536
SHORT = 64

Batch = tuple[pa.RecordBatch, tuple[str, ...]]
"""Rows, and notes on how they were read."""


class MappedColumn(Sequence[Any]):
    """A column of an Arrow file; iterating reads batch by batch, so that little of it is in memory at a time."""

    def __init__(self, file: Path, name: str, table: pa.Table) -> None:
        self.file, self.name, self._table = file, name, table

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Any]:
        same: dict[str, str] = {}
        for batch in batches(self.file, [self.name]):
            for value in batch.column(0).to_pylist():
                if isinstance(value, str) and len(value) <= SHORT and len(same) < SHARED:
                    value = same.setdefault(value, value)
                yield value

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        column = self._table[self.name]
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            return column.slice(start, max(stop - start, 0)).to_pylist()[::step] if step > 0 else list(self)[at]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return column[at % len(self)].as_py()


@dataclass(frozen=True)
class MappedRows(Mapping[str, Sequence[Any]]):
    """Columns of an Arrow file, by name; lists could stand in their place."""

    file: Path
    table: pa.Table
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> MappedColumn:
        if name not in self.table.column_names:
            raise KeyError(name)
        return MappedColumn(self.file, name, self.table)

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return len(self.table.column_names)

    def subset(self, chosen: np.ndarray) -> MappedRows:
        """The rows where `chosen` [n] is true, as a file of its own."""
        what = hashlib.sha256(self.file.name.encode() + np.packbits(chosen).tobytes()).hexdigest()

        def parts() -> Iterator[Batch]:
            before = 0
            for batch in batches(self.file):
                yield batch.filter(pa.array(chosen[before : before + len(batch)])), ()
                before += len(batch)

        return kept(what, parts)


def batches(file: Path, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The record batches of an Arrow file with the columns `names`, read and not mapped."""
    with pa.OSFile(str(file)) as source:
        schema = pa.ipc.open_file(source).schema
        fields = None if names is None else [schema.get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        reader = pa.ipc.open_file(source, options=options)
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def kept(key: str, make: Callable[[], Iterator[Batch]]) -> MappedRows:
    """The rows stored under `key`; where there are none, those that `make` gives are stored first.

    Nothing is stored if `make` raises.
    """
    path = cache_folder() / "rows" / key[:2] / f"{key}.arrow"
    found = _open(path)
    if found is not None:
        return found
    try:
        _write(path, make())
    except OSError as error:
        what = f"the cache folder {cache_folder()} cannot be written: {error.strerror or error}; set $FMBENCH_CACHE"
        raise InputError(Problem(what)) from None
    _make_room(path)
    found = _open(path)
    if found is None:
        raise InputError(Problem(f"the rows in {path} cannot be read back"))
    return found


def record_batch(columns: Mapping[str, Sequence[Any]], schema: pa.Schema | None) -> pa.RecordBatch:
    """Lists as Arrow arrays, of the types of `schema` if one is given."""
    arrays = {
        name: pa.array(values, schema.field(name).type if schema is not None else None)
        for name, values in columns.items()
    }
    return pa.RecordBatch.from_pydict(arrays)


def numbered_ids(split: str, n: int) -> MappedRows:
    """The column `id` of `n` rows without ids: "test-0", "test-1" ..."""

    def parts() -> Iterator[Batch]:
        for start in range(0, n, SHARED):
            yield record_batch({"id": [f"{split}-{i}" for i in range(start, min(start + SHARED, n))]}, None), ()

    return kept(hashlib.sha256(f"{VERSION} ids {split} {n}".encode()).hexdigest(), parts)


def _write(path: Path, parts: Iterator[Batch]) -> None:
    first = next(parts)
    with atomic_writer(path) as stream, pa.ipc.new_file(stream, first[0].schema) as writer:
        for part, notes in chain([first], parts):
            writer.write_batch(part, {"notes": "\n".join(notes)} if notes else None)


def _open(path: Path) -> MappedRows | None:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        read = [reader.get_batch_with_custom_metadata(i) for i in range(reader.num_record_batches)]
        table = pa.Table.from_batches([one.batch for one in read], reader.schema)
        notes = [one.custom_metadata[b"notes"].decode() for one in read if one.custom_metadata]
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    except (OSError, pa.ArrowException):
        return None
    return MappedRows(path, table, tuple(dict.fromkeys(line for text in notes for line in text.splitlines())))


def _make_room(newest: Path) -> None:
    """Remove the longest unused files until the others are within the limit."""
    found = []
    for path in (cache_folder() / "rows").glob("*/*.arrow"):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((status.st_atime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= cache_limit():
            return
        if path != newest:
            path.unlink(missing_ok=True)
            total -= size
