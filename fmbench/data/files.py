"""The source `files`: rows from one's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from fmbench.data.formats import Wanted
from fmbench.data.rows import SPLITS, RawData, Rows
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

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str | None) -> str | None:
        if name is not None and name not in FORMATS:
            hint = nearest(name, FORMATS)
            raise ValueError(
                f"unknown format {name!r}; " + (f"did you mean {hint!r}?" if hint else f"known: {', '.join(FORMATS)}")
            )
        return name


class Files:
    """Files named in the suite, relative to it."""

    class Spec(Layout):
        files: dict[SplitName, str | list[str]] = Field(min_length=1, description="split -> file or files")

    @staticmethod
    def at_hand(spec: Files.Spec, base: Path) -> bool:
        return True

    @staticmethod
    def read(spec: Files.Spec, base: Path, fields: list[str], optional: list[str]) -> RawData:
        """Rows of every split. Raises InputError with what is wrong in each file."""
        named = {split: [value] if isinstance(value, str) else value for split, value in spec.files.items()}
        paths: dict[str, list[Path]] = {
            split: [base / Path(name).expanduser() for name in names] for split, names in named.items()
        }
        names = [name for group in named.values() for name in group]
        return RawData(read_layout(spec, paths, fields, optional), f"files: {', '.join(names)}")


def read_layout(
    layout: Layout, paths: dict[str, list[Path]], fields: list[str], optional: list[str]
) -> dict[str, list[Rows]]:
    """Read `paths` (split -> files) as `layout` says; the problems of all files come together."""
    problems = unknown_fields(layout, fields, optional)
    wanted = Wanted(fields, optional, layout.columns, layout.encoding, layout.header, layout.delimiter)
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


def unknown_fields(layout: Layout, fields: list[str], optional: list[str]) -> list[Problem]:
    """A problem for each key of `columns` and `values` that is no field of the task."""
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
    if path.is_dir():
        raise InputError(Problem("is a folder, not a file", Place(str(path))))
    if not path.is_file():
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
    return Rows(columns, rows.file, rows.lines)


def renamed(value: Any, names: dict[str, str]) -> Any:
    """`value` under its new name, and each item of a list under its own."""
    if isinstance(value, list):
        return [names.get(str(item), item) for item in value]
    return names.get(str(value), value)
