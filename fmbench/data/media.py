"""Readers of images and recordings: folders and archives of files, and the idx files of MNIST.

A row's `image` or `audio` is the content of one file, as bytes; the task kind decodes it. What else a row has comes
from where the file lies:

- by default its `label` is the name of the folder that it is in;
- with `pattern`, a regular expression that is searched in its path below the folder, named groups are columns;
- with `table`, a csv or tsv file inside, every line names a file (below the table or below the folder) and its columns;
  a `pattern` adds its own.

`id` is the path below the folder. Hidden files are passed over.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from fmbench.data.formats import MAX_PROBLEMS, Wanted
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem, nearest

BESIDE = (".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".html", ".ini", ".db", ".pdf")
"""Files that may lie beside the data and are no rows."""
TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class MediaFolder:
    """Reader of a folder, or of a .zip or .tar archive (.gz, .bz2 and .xz too), of files of one sort.

    Args:
        field: column of the bytes.
        suffixes: of the files that are rows.
    """

    field: str
    suffixes: tuple[str, ...]
    folders: ClassVar[bool] = True

    def __call__(self, path: Path, wanted: Wanted) -> Rows:
        """Rows by path. Raises InputError with every file that is not what it should be."""
        found = dict(sorted(_contents(path, lambda name: name.endswith((*self.suffixes, *TABLES)))))
        contents = {name: content for name, content in found.items() if content is not None}
        if wanted.table is not None:
            return self._of_table(path, contents, wanted, wanted.table)
        problems, rows = [], []
        for name in found:
            if not name.lower().endswith(self.suffixes):
                if not name.lower().endswith(BESIDE):
                    what = f"not one of the files that are read here ({', '.join(self.suffixes)})"
                    problems.append(Problem(what, Place(f"{path}/{name}")))
                continue
            row, problem = self._row(path, name, wanted)
            rows.append(row | {self.field: contents[name]})
            if problem:
                problems.append(problem)
        if not rows and not problems:
            problems.append(Problem(f"no {', '.join(self.suffixes)} files in it", Place(str(path))))
        if problems:
            raise InputError(_some(problems, path))
        return _rows(path, rows, wanted, [row["file"] for row in rows])

    def _row(self, path: Path, name: str, wanted: Wanted) -> tuple[dict[str, Any], Problem | None]:
        row: dict[str, Any] = {"file": name}
        folder = PurePosixPath(name).parent.name
        if folder:
            row["label"] = folder
        elif wanted.pattern is None:
            what = "lies in no class folder: put it into one, or set `pattern` or `table`"
            return row, Problem(what, Place(f"{path}/{name}"))
        groups, problem = _groups(path, name, wanted)
        return row | groups, problem

    def _of_table(self, path: Path, contents: Mapping[str, bytes], wanted: Wanted, name: str) -> Rows:
        tables = [one for one in contents if one.lower().endswith(TABLES) and fnmatch(one, name)]
        if len(tables) != 1:
            what = f"{len(tables)} tables are called {name!r}" if tables else f"no table {name!r} in it"
            raise InputError(Problem(what, Place(str(path)), nearest(name, [n for n in contents if n not in tables])))
        place = f"{path}/{tables[0]}"
        records, lines = _records(contents[tables[0]], place, wanted, tables[0].lower().endswith(".tsv"))
        column = str(wanted.column(self.field))
        if column == self.field and column not in records[0] and "file" in records[0]:
            column = "file"
        if column not in records[0]:
            what = f"no column {column!r} with the names of the files: the columns are {', '.join(records[0])}"
            raise InputError(Problem(what, Place(place, 1), nearest(column, records[0])))
        beside = PurePosixPath(tables[0]).parent
        rows: list[dict[str, Any]] = []
        problems: list[Problem] = []
        for record, line in zip(records, lines, strict=True):
            below = str(beside / record[column])
            at = below if below in contents else record[column]
            if at not in contents:
                problems.append(Problem(f"no such file: {record[column]}", Place(place, line)))
                continue
            groups, problem = _groups(path, at, wanted)
            problems += [problem] if problem else []
            rows.append(record | groups | {column: contents[at], self.field: contents[at], "file": at})
        if problems:
            raise InputError(_some(problems, path))
        return _rows(path, rows, wanted, [row["file"] for row in rows])


def _groups(path: Path, name: str, wanted: Wanted) -> tuple[dict[str, Any], Problem | None]:
    """What the pattern finds in the path of a file."""
    match = re.search(wanted.pattern or "", name)
    if match is None:
        return {}, Problem(f"the path does not match the pattern {wanted.pattern!r}", Place(f"{path}/{name}"))
    return match.groupdict(), None


def _rows(path: Path, rows: list[dict[str, Any]], wanted: Wanted, names: list[str]) -> Rows:
    """The wanted columns of `rows`. Raises InputError for one that is not there."""
    have = [name for name in rows[0] if all(name in row for row in rows)]
    columns: dict[str, list[Any]] = {}
    problems = []
    for field in (*wanted.plain, *wanted.optional):
        column = str(wanted.column(field))
        if column in have:
            columns[field] = [row[column] for row in rows]
        elif field == "id" and not wanted.names(field):
            columns[field] = names
        elif field in wanted.fields or wanted.names(field):
            what = f"no column {column!r} for the field {field!r}: there are {', '.join(have)}"
            problems.append(Problem(what, Place(str(path)), nearest(column, have)))
    if problems:
        raise InputError(problems)
    return Rows(columns, str(path), names=names)


def _records(content: bytes, place: str, wanted: Wanted, tabs: bool) -> tuple[list[dict[str, str]], list[int]]:
    """Records of a csv or tsv file by the names in its first line, and their line numbers. Raises InputError."""
    try:
        text = content.decode("utf-8-sig" if wanted.encoding.lower() in ("utf-8", "utf8") else wanted.encoding)
    except (UnicodeError, LookupError):
        raise InputError(Problem(f"not {wanted.encoding}; set `encoding`", Place(place))) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=wanted.delimiter or ("\t" if tabs else ","))
    try:
        lines = [(record, reader.line_num) for record in reader if record]
    except csv.Error as error:
        raise InputError(Problem(f"not valid: {error}", Place(place, reader.line_num))) from None
    if len(lines) < 2:
        raise InputError(Problem("no rows", Place(place)))
    header = lines[0][0]
    problems = [
        Problem(f"{len(record)} columns where the first line has {len(header)}", Place(place, number))
        for record, number in lines[1:]
        if len(record) != len(header)
    ]
    if problems:
        raise InputError(_some(problems, Path(place)))
    return [dict(zip(header, record, strict=True)) for record, _ in lines[1:]], [number for _, number in lines[1:]]


def _contents(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes | None]]:
    """Paths below `path` and what the wanted ones hold, None for the others. Raises InputError for a broken archive."""
    try:
        for name, read in _entries(path):
            parts = PurePosixPath(name).parts
            if not any(part.startswith(".") or part == "__MACOSX" for part in parts):
                yield "/".join(parts), read() if wanted(name.lower()) else None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(Problem(f"not a whole archive: {error}", Place(str(path)))) from None
    except (RuntimeError, NotImplementedError) as error:
        raise InputError(Problem(f"the archive cannot be unpacked: {error}", Place(str(path)))) from None


def _entries(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file.read_bytes
    elif path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, lambda entry=entry: archive.read(entry)  # type: ignore[misc]
    elif re.search(r"\.(tar(\.(gz|bz2|xz))?|tgz)\Z", path.name.lower()):
        with tarfile.open(path) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield member.name.removeprefix("./"), stream.read
    else:
        raise InputError(Problem("neither a folder nor a .zip, .tar or .tar.gz archive", Place(str(path))))


def _some(problems: list[Problem], path: Path) -> list[Problem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    return [*problems[:MAX_PROBLEMS], Problem(f"and {len(problems) - MAX_PROBLEMS} more problems", Place(str(path)))]


read_image_folder = MediaFolder(
    "image", (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".gif", ".tif", ".tiff", ".webp")
)
read_wav_folder = MediaFolder("audio", (".wav",))


def read_idx(path: Path, wanted: Wanted) -> Rows:
    """Images in an idx file (LeCun's MNIST page), unsigned bytes [n, h, w] or [n, h, w, 3], .gz or not.

    Labels are in the file of the same name with "labels" for "images" and "idx1" for "idx3" or "idx4". Images become
    PGM or PPM files, which hold the same bytes. `id` is the number of the image.
    """
    name = re.sub("idx[34]", "idx1", path.name.replace("images", "labels"))
    beside = path.with_name(name)
    if name == path.name or not beside.is_file():
        raise InputError(Problem(f"no file of labels beside it (looked for {name})", Place(str(path))))
    shape, pixels = _idx(path)
    counts, labels = _idx(beside)
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3):
        raise InputError(Problem(f"not images [n, h, w] or [n, h, w, 3], but {list(shape)}", Place(str(path))))
    if counts != shape[:1]:
        raise InputError(Problem(f"{list(counts)} labels for {shape[0]} images", Place(str(beside))))
    head = f"{'P5' if len(shape) == 3 else 'P6'} {shape[2]} {shape[1]} 255\n".encode()
    size = math.prod(shape[1:])
    images = [head + pixels[i * size : (i + 1) * size] for i in range(shape[0])]
    numbers = [str(i) for i in range(shape[0])]
    columns: dict[str, list[Any]] = {"image": images, "label": [str(label) for label in labels], "id": numbers}
    return Rows({name: columns[name] for name in columns if name in (*wanted.fields, "id")}, str(path), names=numbers)


def _idx(path: Path) -> tuple[tuple[int, ...], bytes]:
    """Shape and bytes of an idx file. Raises InputError."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(Problem(f"not a whole gzip file: {error}", Place(str(path)))) from None
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise InputError(Problem("not an idx file of unsigned bytes", Place(str(path))))
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    body = content[4 + 4 * len(shape) :]
    if len(body) != math.prod(shape):
        what = f"{len(body)} bytes, but its head says {' x '.join(map(str, shape))}"
        raise InputError(Problem(what, Place(str(path))))
    return shape, body
