"""Reader of texts that stand one a line: in one file, or side by side in several of equal length."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from fmbench.data.formats import Wanted, numbered_lines
from fmbench.data.opening import missing
from fmbench.data.rows import Findings, Rows
from fmbench.errors import InputError, Place, Problem


class Lines:
    """A file with one text a line, for the one field that is asked for; or one file for each field.

    In a path like `test.*.gz` the `*` stands for the column of each field: with `columns: {text: en, references: de}`
    the i-th lines of `test.en.gz` and `test.de.gz` are a row.
    """

    finds: ClassVar[bool] = True

    def __call__(self, path: Path, wanted: Wanted) -> Rows:
        """Raises InputError for files that are missing or of different length."""
        fields = [*wanted.plain, *(name for name in wanted.optional if wanted.names(name))]
        found = Findings()
        if "*" not in path.name:
            if len(fields) != 1:
                names = " and ".join(fields)
                what = f"one text a line cannot be {names}: put a * for the column into the file's name"
                raise InputError(Problem(what, Place(str(path))))
            files = {fields[0]: path}
        else:
            files = {name: path.with_name(path.name.replace("*", str(wanted.column(name)))) for name in fields}
        found.add(*(problem for file in files.values() if (problem := missing(file)) is not None))
        found.raise_any()
        columns = {name: _texts(file, wanted) for name, file in files.items()}
        first = next(iter(files))
        n = len(columns[first])
        for name, texts in columns.items():
            if len(texts) != n:
                what = f"{len(texts):,} lines, but {files[first].name} has {n:,}"
                found.add(Problem(what, Place(str(files[name]))))
        found.raise_any()
        return Rows({**columns}, str(path), lines=range(1, n + 1))


def _texts(file: Path, wanted: Wanted) -> list[str]:
    return [line.removesuffix("\n").removesuffix("\r") for _, line in numbered_lines(file, wanted)]


read_lines = Lines()
