"""Readers of file formats: path -> Rows. Each names file and line of what it cannot read.

`columns` maps a field of the task ("text") to a column of the file: its name, or its number from 0 (negative: from the
end). Fields without an entry are looked up under their own name.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem, nearest

MAX_PROBLEMS = 20
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

    @property
    def plain(self) -> list[str]:
        """The fields that are one column each."""
        return [field for field in self.fields if field != self.gather]

    def column(self, field: str) -> str | int:
        return (self.columns or {}).get(field, field)

    def names(self, field: str) -> bool:
        """Whether the column of an optional field was named, so that it must be there."""
        return field in (self.columns or {})


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """A text stream of a plain or gzipped file."""
    raw: Any = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115 - the wrapper closes it
    with_mark = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    return io.TextIOWrapper(raw, encoding="utf-8-sig" if with_mark else encoding, newline="")


def _lines(path: Path, wanted: Wanted) -> Iterator[tuple[int, str]]:
    """Numbered lines with their line ends. Raises InputError with the line where decoding or unpacking fails."""
    try:
        with open_text(path, wanted.encoding) as stream:
            yield from enumerate(stream, 1)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        what = f"not {wanted.encoding} (byte 0x{byte:02x}); set `encoding`"
        raise InputError(Problem(what, Place(str(path), _undecodable_line(path, wanted.encoding)))) from None
    except UnicodeError as error:
        raise InputError(Problem(f"not {wanted.encoding}: {error}", Place(str(path)))) from None
    except LookupError:
        raise InputError(Problem(f"unknown encoding {wanted.encoding!r}", Place(str(path)))) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(Problem(f"not a whole gzip file: {error}", Place(str(path)))) from None


def _undecodable_line(path: Path, encoding: str) -> int:
    """The line of the first byte that is not `encoding`; the stream reads in blocks, so it cannot tell."""
    with open_text(path, encoding) as stream:
        raw = bytes(stream.buffer.read())
    try:
        return raw.decode(encoding).count("\n") + 1
    except UnicodeDecodeError as error:
        return raw[: error.start].decode(encoding, "ignore").count("\n") + 1


def read_csv(path: Path, wanted: Wanted) -> Rows:
    """Comma-separated values with RFC 4180 quoting."""
    return _separated(path, wanted, wanted.delimiter or ",", csv.QUOTE_MINIMAL)


def read_tsv(path: Path, wanted: Wanted) -> Rows:
    """Tab-separated values; quotes are ordinary characters."""
    return _separated(path, wanted, wanted.delimiter or "\t", csv.QUOTE_NONE)


def _separated(path: Path, wanted: Wanted, delimiter: str, quoting: int) -> Rows:
    position = [0]

    def lines() -> Iterator[str]:
        for position[0], line in _lines(path, wanted):
            yield line

    quote = None if quoting == csv.QUOTE_NONE else '"'
    reader = csv.reader(lines(), delimiter=delimiter, quoting=quoting, quotechar=quote, strict=True)  # type: ignore[arg-type]
    header: list[str] | None = None
    columns: dict[str, list[Any]] = {}
    picks: dict[str, int] = {}
    others = Others(None, {})
    width, numbers, problems = 0, [], []
    end, field_limit = 0, csv.field_size_limit(LONGEST_FIELD)
    try:
        for record in reader:
            start, end = end + 1, position[0]
            if not record:
                continue
            if not width:
                width = len(record)
                header = record if wanted.header else None
                picks = _pick(path, wanted, header, width)
                others = _others(wanted, header or [str(i) for i in range(width)], picks.values())
                columns = {field: [] for field in (*picks, *others.fields)}
                if header is not None:
                    continue
            if len(record) != width:
                what = f"{len(record)} columns where the first line has {width}"
                problems.append(Problem(what, Place(str(path), start)))
                continue
            numbers.append(start)
            for field, index in picks.items():
                columns[field].append(record[index])
            others.collect(columns, record)
    except csv.Error as error:
        problems.append(Problem(f"not valid: {error}", Place(str(path), end + 1)))
    finally:
        csv.field_size_limit(field_limit)
    if problems:
        raise InputError(_first(problems))
    return Rows(columns or {field: [] for field in wanted.fields}, str(path), numbers)


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


def _others(wanted: Wanted, names: Sequence[str], taken: Iterable[int], keyed: bool = False) -> Others:
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
            problems.append(
                Problem(
                    f"no column {column!r} for the field {field!r}: {have}",
                    Place(str(path), 1),
                    nearest(str(column), known),
                )
            )
    if problems:
        raise InputError(problems)
    return picks


def read_jsonl(path: Path, wanted: Wanted) -> Rows:
    """One JSON object a line."""
    columns: dict[str, list[Any]] = {}
    picked: list[str] = []
    keys: list[str] = []
    others = Others(None, {})
    numbers, problems = [], []
    for number, line in _lines(path, wanted):
        if not line.strip():
            continue
        place = Place(str(path), number)
        try:
            record = json.loads(line)
            json.dumps(record, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else None
            problems.append(Problem(f"not valid JSON: {_reason(error)}", Place(str(path), number, column)))
            continue
        if not isinstance(record, dict):
            problems.append(Problem("not a JSON object", place))
            continue
        if not columns:
            present = [f for f in wanted.optional if wanted.names(f) or str(wanted.column(f)) in record]
            picked = [*wanted.plain, *present]
            keys = [str(wanted.column(field)) for field in picked]
            others = _others(wanted, list(record), [i for i, key in enumerate(record) if key in keys], keyed=True)
            columns = {field: [] for field in (*picked, *others.fields)}
        missing = [key for key in (*keys, *others.at) if key not in record]
        if missing:
            what = f"no key {missing[0]!r}: the keys are {', '.join(record)}"
            problems.append(Problem(what, place, nearest(missing[0], record)))
            continue
        numbers.append(number)
        for field, key in zip(picked, keys, strict=True):
            columns[field].append(record[key])
        others.collect(columns, record)
    if problems:
        raise InputError(_first(problems))
    return Rows(columns or {field: [] for field in wanted.fields}, str(path), numbers)


def _reason(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError():
            return error.msg
        case UnicodeEncodeError():
            return "half of a surrogate pair"
        case RecursionError():
            return "nested too deep"
    return "a number of too many digits"


def read_conll(path: Path, wanted: Wanted) -> Rows:
    """One token a line, columns separated by spaces (or tabs), a blank line between sentences.

    `-DOCSTART-` lines open a document; file name and number become the column `document`.
    """
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    numbers: list[int] = []
    documents: list[str] = []
    problems: list[Problem] = []
    width, document, open_sentence = 0, 0, False
    at = {"tokens": 0, "tags": -1}
    for field, column in (wanted.columns or {}).items():
        if not isinstance(column, int):
            raise InputError(Problem(f"column {column!r} for the field {field!r}: conll columns are numbers, from 0",
                                     Place(str(path), 1)))  # fmt: skip
        if field in at:
            at[field] = column
    for number, ended in _lines(path, wanted):
        line = ended.rstrip("\r\n")
        parts = line.split("\t") if "\t" in line else [part for part in line.split(" ") if part]
        if not line.strip() or parts[0] == "-DOCSTART-":
            open_sentence = False
            document += bool(line.strip())
            continue
        if not width:
            width = len(parts)
            outside = [column for column in at.values() if not -width <= column < width]
            if width > 1 and outside:
                raise InputError(Problem(f"no column {outside[0]}: there are {width}", Place(str(path), number)))
        if len(parts) != width or width < 2:
            what = f"{len(parts)} columns where the first token has {width}" if width > 1 else "only one column"
            problems.append(Problem(what, Place(str(path), number)))
            continue
        if not open_sentence:
            open_sentence = True
            tokens.append([])
            tags.append([])
            numbers.append(number)
            documents.append(f"{path.name}:{document}")
        tokens[-1].append(parts[at["tokens"]])
        tags[-1].append(parts[at["tags"]])
    if problems:
        raise InputError(_first(problems))
    return Rows({"tokens": tokens, "tags": tags, "document": documents}, str(path), numbers)


_INLINE = re.compile(r"\[(?P<type>[^\s\[\]]+) (?P<entity>[^\[\]]+)\]|(?P<token>[^\s\[\]]+)|(?P<bad>[\[\]])")


def read_inline_entities(path: Path, wanted: Wanted) -> Rows:
    """One tokenised sentence a line, entities as `[ORG Siemens]`; `# doc ID TOPIC` opens a document."""
    columns: dict[str, list[Any]] = {"tokens": [], "tags": [], "document": [], "topic": []}
    numbers, problems = [], []
    document, topic = "", ""
    for number, line in _lines(path, wanted):
        if not line.strip():
            continue
        if line.startswith("# doc "):
            document, _, topic = line.removeprefix("# doc ").strip().partition(" ")
            continue
        tokens: list[str] = []
        tags: list[str] = []
        for match in _INLINE.finditer(line):
            if match["bad"]:
                problems.append(Problem("unbalanced bracket", Place(str(path), number, match.start() + 1)))
                break
            words = (match["entity"] or match["token"]).split()
            tokens += words
            entity = match["type"]
            tags += [f"B-{entity}", *[f"I-{entity}"] * (len(words) - 1)] if entity else ["O"]
        for name, value in (("tokens", tokens), ("tags", tags), ("document", document), ("topic", topic)):
            columns[name].append(value)
        numbers.append(number)
    if problems:
        raise InputError(_first(problems))
    return Rows(columns, str(path), numbers)


def read_parquet(path: Path, wanted: Wanted) -> Rows:
    """Apache Parquet; only the wanted columns are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        present = [f for f in wanted.optional if wanted.names(f) or wanted.column(f) in names]
        asked = {field: wanted.column(field) for field in (*wanted.plain, *present)}
        numbered = dict(enumerate(names)) | {i - len(names): name for i, name in enumerate(names)}
        picks = {f: numbered.get(c, str(c)) if isinstance(c, int) else c for f, c in asked.items()}
        missing = [name for name in picks.values() if name not in names]
        if missing:
            what = f"no column {missing[0]!r}: the columns are {', '.join(names)}"
            raise InputError(Problem(what, Place(str(path)), nearest(missing[0], names)))
        others = [name for name in names if name not in picks.values() and name not in wanted.drop]
        table = pq.read_table(path, columns=[*picks.values(), *(others if wanted.gather else ())])
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(f"not a readable parquet file: {error}", Place(str(path)))) from None
    columns = {field: table[name].to_pylist() for field, name in picks.items()}
    if wanted.gather is not None:
        columns[wanted.gather] = table.select(others).to_pylist()
    return Rows(columns, str(path))


def _first(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    more = Problem(f"and {len(problems) - MAX_PROBLEMS} more problems in this file", problems[MAX_PROBLEMS].place)
    return [*problems[:MAX_PROBLEMS], more]
