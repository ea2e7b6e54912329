"""The fingerprint of a data set: what its rows are, in one sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fmbench.data.mapped import MappedRows, batches
from fmbench.data.rows import SPLITS

Columns = Mapping[str, Sequence[Any]]
"""Columns of equal length: lists, or those of an Arrow file on disk."""


def fingerprint(splits: dict[str, pa.Table], fields: list[str], side: Mapping[str, pa.Table] | None = None) -> str:
    """sha256 over the rows: one JSON line `[split, field values ...]` each, splits in the order of `SPLITS`.

    Bytes stand as their own sha256. Tables beside the rows come after them, by name, as `[name, column values ...]`.
    """
    return fingerprint_of({split: _listed(splits[split], fields) for split in SPLITS}, fields, side or {})


def fingerprint_of(columns: Mapping[str, Columns], fields: Sequence[str], side: Mapping[str, pa.Table]) -> str:
    """As `fingerprint`, of the columns of each split, in memory or on disk."""
    digest = hashlib.sha256()
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_bytes_sha256).encode
    beside = [(name, _listed(table, table.column_names), table.column_names) for name, table in sorted(side.items())]
    for name, rows, names in [*((split, columns[split], fields) for split in SPLITS), *beside]:
        for values in _in_rows(rows, names):
            digest.update(encode([name, *values]).encode() + b"\n")
    return digest.hexdigest()


def _listed(table: pa.Table, names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: table[name].to_pylist() for name in names}


def _in_rows(rows: Columns, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of the columns `names`, row by row, read in one pass where they stand on disk."""
    if isinstance(rows, MappedRows):
        for batch in batches(rows.file, names):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    else:
        yield from zip(*(rows[name] for name in names), strict=True)


def _bytes_sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
