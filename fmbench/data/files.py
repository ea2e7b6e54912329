"""The source `files`: rows from one's own files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from fmbench.data.formats import Reader, Wanted
from fmbench.data.json_files import json_value
from fmbench.data.opening import missing, packed_bytes
from fmbench.data.rows import SPLITS, Asked, RawData, Rows, Stream
from fmbench.errors import InputError, Place, Problem, nearest
from fmbench.registry import FORMATS
from fmbench.suite.schema import Spec

SplitName = Literal["train", "validation", "test"]
SUFFIXES = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "conll": "conll",
    "bio": "conll",
    "iob": "conll",
    "parquet": "parquet",
}
STREAMED_BYTES = 64 << 20
"""If one file of a task is larger, its rows go through the disk in chunks and are never all in memory."""
PACKED = 4
"""What a byte of a packed file is taken to unpack to."""
CHUNK_CHARACTERS = 4 << 20


class Layout(Spec):
    """How the rows stand in the files."""

    format: str | None = Field(default=None, description="csv, tsv, jsonl, conll, parquet ...; else by file name")
    columns: dict[str, str | int] = Field(default={}, description="field -> column name or number")
    split_columns: dict[SplitName, dict[str, str | int]] = Field(
        default={}, description="split -> field -> column, where a split names it otherwise"
    )
    values: dict[str, dict[str, str]] = Field(default={}, description="field -> raw value -> value")
    encoding: str = "utf-8"
    header: bool = Field(default=True, description="whether csv and tsv files start with column names")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    within: str | dict[SplitName, str] | None = Field(
        default=None,
        description="json: the key under which rows stand, of each split or all; xml: the tag of a row",
    )
    join: dict[str, str] = Field(default={}, description="field -> what to put between the parts of a list of texts")
    drop: list[str] = Field(default=[], description="columns that are not read, though a kind would take them if there")
    pattern: str | None = Field(
        default=None, description="image-folder, wav-folder: regular expression of paths; its named groups are columns"
    )
    table: str | None = Field(
        default=None, description="image-folder, wav-folder: csv or tsv file inside, * allowed, that names the files"
    )
    characters: bool = Field(default=False, description="span-jsonl: whether every character is a token")
    tile: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, min_length=2, max_length=2, description="sprite: height and width of one image, in pixels"
    )
    label_rows: int = Field(default=1, ge=1, description="sprite: how many rows of the grid have the same label")

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str | None) -> str | None:
        if name is not None and name not in FORMATS:
            hint = nearest(name, FORMATS)
            raise ValueError(
                f"unknown format {name!r}; " + (f"did you mean {hint!r}?" if hint else f"known: {', '.join(FORMATS)}")
            )
        return name

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern


class SideTable(Layout):
    """A table beside the rows (items, documents), in a file of its own."""

    file: str = Field(min_length=1)


class Files:
    """Files named in the suite: relative to it, or below `$FMBENCH_DATA/`."""

    class Spec(Layout):
        files: dict[SplitName, str | list[str]] = Field(min_length=1, description="split -> file or files")
        ids: dict[Literal["validation", "test"], str] = Field(
            default={}, description="split -> JSON file of the ids (a list or keys) of the train file that are its rows"
        )
        side: dict[str, SideTable] = Field(default={}, description="tables beside the rows: items, documents")

    @staticmethod
    def at_hand(spec: Files.Spec, base: Path) -> bool:
        return True

    @staticmethod
    def read(spec: Files.Spec, base: Path, asked: Asked) -> RawData:
        """Rows of every split. Raises InputError with what is wrong in each file."""
        named = {split: [value] if isinstance(value, str) else value for split, value in spec.files.items()}
        paths: dict[str, list[Path]] = {
            split: [located(name, base) for name in names] for split, names in named.items()
        }
        names = [name for group in named.values() for name in group]
        side = read_side({name: (table, located(table.file, base)) for name, table in spec.side.items()}, asked)
        names += [table.file for table in spec.side.values()]
        splits = read_layout(spec, paths, asked)
        for split, name in spec.ids.items():
            names.append(name)
            splits["train"], splits[split] = by_ids(splits["train"], located(name, base))
        return RawData(splits, f"files: {', '.join(names)}", side=side)


def by_ids(pieces: Sequence[Rows | Stream], path: Path) -> tuple[list[Rows | Stream], list[Rows | Stream]]:
    """The rows whose `id` a JSON file does not name, and those that it names. Raises InputError if one is missing."""
    wanted = {str(name) for name in json_value(path)}
    rest: list[Rows | Stream] = []
    chosen: list[Rows | Stream] = []
    for piece in pieces:
        whole = piece.whole() if isinstance(piece, Stream) else piece
        if "id" not in whole.columns:
            raise InputError(Problem("no column for the field 'id' that `ids` speaks of", whole.place(0)))
        inside = np.array([str(name) in wanted for name in whole.columns["id"]])
        rest.append(_part(whole, np.flatnonzero(~inside)))
        chosen.append(_part(whole, np.flatnonzero(inside)))
    found = {str(name) for piece in chosen for name in piece.columns["id"]}  # type: ignore[union-attr]
    absent = sorted(wanted - found)
    if absent:
        raise InputError(Problem(f"{len(absent)} ids are in no row, such as {absent[0]!r}", Place(str(path))))
    return rest, chosen


def _part(rows: Rows, index: np.ndarray) -> Rows:
    columns = {name: [values[i] for i in index] for name, values in rows.columns.items()}
    lines = None if rows.lines is None else [rows.lines[i] for i in index]
    names = None if rows.names is None else [rows.names[i] for i in index]
    return Rows(columns, rows.file, lines=lines, names=names, notes=rows.notes)


def located(name: str, base: Path) -> Path:
    """The path that a suite means: relative to `base`, or under `$FMBENCH_DATA`. Raises InputError if that is unset."""
    if not name.startswith("$FMBENCH_DATA/"):
        return base / Path(name).expanduser()
    root = os.environ.get("FMBENCH_DATA")
    if not root:
        folder = name.split("/")[1]
        raise InputError(Problem(f"{name}: $FMBENCH_DATA is not set; it must name a folder that holds {folder}/"))
    return Path(root) / name.removeprefix("$FMBENCH_DATA/")


def read_layout(layout: Layout, paths: dict[str, list[Path]], asked: Asked) -> dict[str, list[Rows | Stream]]:
    """Read `paths` (split -> files) as `layout` says; the problems of all files come together.

    If one file is large, those whose format has chunks are left as streams, whose problems show as they are read.
    """
    problems = unknown_fields(layout, asked)
    wanted = wanted_of(layout, asked)
    every = [path for split in SPLITS for path in paths.get(split, [])]
    large = any(_unpacked_bytes(path) > STREAMED_BYTES for path in every)
    splits: dict[str, list[Rows | Stream]] = {}
    for split in SPLITS:
        for path in paths.get(split, []):
            try:
                here = replace(wanted, within=_within(layout.within, split), columns=_columns(layout, split))
                splits.setdefault(split, []).append(_read(path, layout, here, large))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return splits


def _columns(layout: Layout, split: str) -> dict[str, str | int]:
    own: Mapping[Any, dict[str, str | int]] = layout.split_columns
    return {**layout.columns, **own.get(split, {})}


def _within(named: str | Mapping[Any, str] | None, split: str) -> str | None:
    return named.get(split) if isinstance(named, Mapping) else named


def wanted_of(layout: Layout, asked: Asked) -> Wanted:
    """What a reader needs to know of both."""
    return Wanted(
        asked.fields,
        tuple(name for name in asked.optional if name not in layout.drop),
        layout.columns,
        layout.encoding,
        layout.header,
        layout.delimiter,
        asked.gather,
        tuple(layout.drop),
        pattern=layout.pattern,
        table=layout.table,
        characters=layout.characters,
        tile=None if layout.tile is None else (layout.tile[0], layout.tile[1]),
        label_rows=layout.label_rows,
    )


def _unpacked_bytes(path: Path) -> int:
    try:
        size = packed_bytes(path)
    except (OSError, ValueError):
        return 0
    return size if path.is_file() and path.suffix.lower() not in (".gz", ".parquet") else PACKED * size


def read_side(tables: dict[str, tuple[Layout, Path]], asked: Asked) -> dict[str, dict[str, list[Any]]]:
    """Tables beside the rows: name -> columns. Raises InputError, also for one that the task does not know."""
    found: dict[str, dict[str, list[Any]]] = {}
    for name, (layout, path) in tables.items():
        if name not in asked.side:
            what = f"side: this task knows no table {name!r}" + (
                f" (it knows {', '.join(asked.side)})" if asked.side else ""
            )
            raise InputError(Problem(what, None, nearest(name, asked.side)))
        pieces = read_layout(layout, {"train": [path]}, Asked(asked.side[name], ()))
        (piece,) = pieces["train"]
        found[name] = dict((piece.whole() if isinstance(piece, Stream) else piece).columns)
    return found


def unknown_fields(layout: Layout, asked: Asked) -> list[Problem]:
    """A problem for each key of `columns` and `values` that is no field of the task."""
    fields, optional = asked.fields, asked.optional
    keys: list[tuple[str, Iterable[str]]] = [
        *(("columns", layout.columns), ("values", layout.values), ("join", layout.join)),
        *(("split_columns", columns) for columns in layout.split_columns.values()),
    ]
    return [
        Problem(
            f"{key}: this task has no field {field!r} (it has {', '.join(fields)})",
            None,
            nearest(field, [*fields, *optional]),
        )
        for key, named in keys
        for field in named
        if field not in (*fields, *optional)
    ]


def _read(path: Path, layout: Layout, wanted: Wanted, large: bool) -> Rows | Stream:
    format = layout.format
    named = FORMATS[format] if format is not None else None
    own = getattr(named, "finds", False) or (getattr(named, "folders", False) and os.path.isdir(path))
    absent = None if own else missing(path)
    if absent is not None:
        raise InputError(_how_to_get(absent, path))
    if format is None:
        suffix = path.name.removesuffix(".gz").rpartition(".")[2].lower()
        format = SUFFIXES.get(suffix)
    if format is None:
        what = f"the name does not tell the format; set `format` to one of {', '.join(FORMATS)}"
        raise InputError(Problem(what, Place(str(path))))
    reader = FORMATS[format]
    if large and isinstance(reader, Reader):
        return Stream(
            lambda: _checked(reader, path, layout, wanted, format), str(path), _key(path, layout, wanted, format)
        )
    try:
        rows: Rows = reader(path, wanted)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(str(path)))) from None
    _all_there(rows, wanted, format)
    if not len(rows):
        raise InputError(Problem("no rows", Place(str(path))))
    return _rename(rows, layout)


def _how_to_get(absent: Problem, path: Path) -> Problem:
    """The problem, and where a file is out of a public data set that is not there, which folder lacks it."""
    root = os.environ.get("FMBENCH_DATA")
    if not root or not path.is_relative_to(root) or path.parent.exists():
        return absent
    folder = path.relative_to(root).parts[0]
    return Problem(f"no such folder: $FMBENCH_DATA ({root}) must hold {folder}/", absent.place)


def _checked(reader: Reader, path: Path, layout: Layout, wanted: Wanted, format: str) -> Iterator[Rows]:
    """The rows of a large file in chunks, renamed. Raises InputError as `_read` does."""
    n = 0
    try:
        for rows in reader.chunks(path, wanted, CHUNK_CHARACTERS):
            _all_there(rows, wanted, format)
            n += len(rows)
            if len(rows) or rows.notes:
                yield _rename(rows, layout)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(str(path)))) from None
    if not n:
        raise InputError(Problem("no rows", Place(str(path))))


def _key(path: Path, layout: Layout, wanted: Wanted, format: str) -> str:
    """Hash of the state of a file and of how it is read."""
    file = path if path.is_file() else next(parent for parent in path.parents if parent.is_file())
    status = file.stat()
    state = (str(path.resolve()), status.st_size, status.st_mtime_ns, format, wanted, layout.values, layout.join)
    return hashlib.sha256(repr(state).encode()).hexdigest()


def _all_there(rows: Rows, wanted: Wanted, format: str) -> None:
    missing = [field for field in wanted.fields if field not in rows.columns]
    if missing:
        have = ", ".join(rows.columns)
        raise InputError(Problem(f"the format {format} has no {missing[0]!r} (it gives {have})", Place(rows.file)))


def _rename(rows: Rows, layout: Layout) -> Rows:
    values = layout.values
    if not values and not layout.join:
        return rows
    columns: dict[str, list[Any]] = dict(rows.columns)
    for field, between in layout.join.items():
        if field in columns:
            columns[field] = [_joined(value, between) for value in columns[field]]
    for field, names in values.items():
        if field in columns:
            columns[field] = [renamed(value, names) for value in columns[field]]
    return replace(rows, columns=columns)


def _joined(value: Any, between: str) -> Any:
    return between.join(map(str, value)) if isinstance(value, list) else value


def renamed(value: Any, names: dict[str, str]) -> Any:
    """`value` under its new name, and each item of a list under its own."""
    if isinstance(value, list):
        return [names.get(str(item), item) for item in value]
    return names.get(str(value), value)
