"""The source `files`: rows from one's own files."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from fmbench.data.formats import Wanted
from fmbench.data.rows import SPLITS, Asked, RawData, Rows
from fmbench.errors import InputError, Place, Problem, nearest
from fmbench.registry import FORMATS
from fmbench.suite.schema import Spec

SplitName = Literal["train", "validation", "test"]
SUFFIXES = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "conll": "conll",
    "bio": "conll",
    "iob": "conll",
    "parquet": "parquet",
}


class Layout(Spec):
    """How the rows stand in the files."""

    format: str | None = Field(default=None, description="csv, tsv, jsonl, conll, parquet ...; else by file name")
    columns: dict[str, str | int] = Field(default={}, description="field -> column name or number")
    values: dict[str, dict[str, str]] = Field(default={}, description="field -> raw value -> value")
    encoding: str = "utf-8"
    header: bool = Field(default=True, description="whether csv and tsv files start with column names")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    drop: list[str] = Field(default=[], description="columns that kinds which gather all the others leave out")
    pattern: str | None = Field(
        default=None, description="image-folder, wav-folder: regular expression of paths; its named groups are columns"
    )
    table: str | None = Field(
        default=None, description="image-folder, wav-folder: csv or tsv file inside, * allowed, that names the files"
    )

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
        return RawData(read_layout(spec, paths, asked), f"files: {', '.join(names)}", side=side)


def located(name: str, base: Path) -> Path:
    """The path that a suite means: relative to `base`, or under `$FMBENCH_DATA`. Raises InputError if that is unset."""
    if not name.startswith("$FMBENCH_DATA/"):
        return base / Path(name).expanduser()
    root = os.environ.get("FMBENCH_DATA")
    if not root:
        folder = name.split("/")[1]
        raise InputError(Problem(f"{name}: $FMBENCH_DATA is not set; it must name a folder that holds {folder}/"))
    return Path(root) / name.removeprefix("$FMBENCH_DATA/")


def read_layout(layout: Layout, paths: dict[str, list[Path]], asked: Asked) -> dict[str, list[Rows]]:
    """Read `paths` (split -> files) as `layout` says; the problems of all files come together."""
    problems = unknown_fields(layout, asked)
    wanted = Wanted(
        asked.fields,
        asked.optional,
        layout.columns,
        layout.encoding,
        layout.header,
        layout.delimiter,
        asked.gather,
        tuple(layout.drop),
        layout.pattern,
        layout.table,
    )
    splits: dict[str, list[Rows]] = {}
    for split in SPLITS:
        for path in paths.get(split, []):
            try:
                rows = _read(path, layout.format, wanted)
                splits.setdefault(split, []).append(_rename(rows, layout.values))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return splits


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
        found[name] = dict(pieces["train"][0].columns)
    return found


def unknown_fields(layout: Layout, asked: Asked) -> list[Problem]:
    """A problem for each key of `columns` and `values` that is no field of the task."""
    fields, optional = asked.fields, asked.optional
    return [
        Problem(
            f"{key}: this task has no field {field!r} (it has {', '.join(fields)})",
            None,
            nearest(field, [*fields, *optional]),
        )
        for key, named in (("columns", layout.columns), ("values", layout.values))
        for field in named
        if field not in (*fields, *optional)
    ]


def _read(path: Path, format: str | None, wanted: Wanted) -> Rows:
    if path.is_dir() and not (format and getattr(FORMATS[format], "folders", False)):
        raise InputError(Problem("is a folder, not a file", Place(str(path))))
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        what = "no such file" if path.parent.is_dir() else f"no such folder as {path.parent}"
        raise InputError(Problem(what, Place(str(path)), nearest(path.name, siblings)))
    if format is None:
        suffix = path.name.removesuffix(".gz").rpartition(".")[2].lower()
        format = SUFFIXES.get(suffix)
    if format is None:
        what = f"the name does not tell the format; set `format` to one of {', '.join(FORMATS)}"
        raise InputError(Problem(what, Place(str(path))))
    try:
        rows: Rows = FORMATS[format](path, wanted)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(str(path)))) from None
    missing = [field for field in wanted.fields if field not in rows.columns]
    if missing:
        have = ", ".join(rows.columns)
        raise InputError(Problem(f"the format {format} has no {missing[0]!r} (it gives {have})", Place(str(path))))
    if not len(rows):
        raise InputError(Problem("no rows", Place(str(path))))
    return rows


def _rename(rows: Rows, values: dict[str, dict[str, str]]) -> Rows:
    if not values:
        return rows
    columns: dict[str, list[Any]] = dict(rows.columns)
    for field, names in values.items():
        if field in columns:
            columns[field] = [renamed(value, names) for value in columns[field]]
    return replace(rows, columns=columns)


def renamed(value: Any, names: dict[str, str]) -> Any:
    """`value` under its new name, and each item of a list under its own."""
    if isinstance(value, list):
        return [names.get(str(item), item) for item in value]
    return names.get(str(value), value)
