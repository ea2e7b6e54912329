"""Readers of JSON: one object a line, or one list of them, or id -> object."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fmbench.data.formats import Gathered, Others, Reader, Wanted, numbered_lines, others_of
from fmbench.data.opening import text
from fmbench.data.rows import Findings, Rows
from fmbench.errors import InputError, Place, Problem, nearest


class Records:
    """Rows out of JSON objects; the first one tells which optional keys there are."""

    def __init__(self, path: Path, wanted: Wanted, most: float) -> None:
        self.rows, self.found = Gathered(path, wanted, most), Findings()
        self.file, self.wanted = str(path), wanted
        self.picks: dict[str, str] = {}
        self.others = Others(None, {})
        self.known: set[str] = set()

    def add(self, record: Any, number: int, size: int) -> None:
        """Take one object from line `number`, or note what is wrong with it."""
        place = Place(self.file, number)
        if not isinstance(record, dict):
            self.found.add(Problem("not a JSON object", place))
            return
        if not self.known:
            self._open(record)
        missing = [key for key in (*self.picks.values(), *self.others.at) if key not in record]
        if missing:
            what = f"no key {missing[0]!r}: the keys are {', '.join(record)}"
            self.found.add(Problem(what, place, nearest(missing[0], record)))
            return
        if self.others.field is not None and not self.known.issuperset(record):
            new = next(key for key in record if key not in self.known)
            self.found.add(Problem(f"a key {new!r} that the first row lacks", place))
            return
        rows = self.rows
        rows.numbers.append(number)
        rows.size += size
        for field, key in self.picks.items():
            rows.columns[field].append(record[key])
        self.others.collect(rows.columns, record)

    def _open(self, record: dict[str, Any]) -> None:
        wanted = self.wanted
        present = [f for f in wanted.optional if wanted.names(f) or str(wanted.column(f)) in record]
        self.picks = {field: str(wanted.column(field)) for field in (*wanted.plain, *present)}
        taken = [i for i, key in enumerate(record) if key in self.picks.values()]
        self.others = others_of(wanted, list(record), taken, keyed=True)
        self.known = {*record, *self.picks.values(), *wanted.drop}
        self.rows.open((*self.picks, *self.others.fields))


def json_lines(path: Path, wanted: Wanted, found: Findings) -> Iterator[tuple[int, Any, int]]:
    """(line, value, characters) of every line that is JSON; the others go to `found`."""
    for number, line in numbered_lines(path, wanted):
        if not line.strip():
            continue
        try:
            value = STRICT.decode(line)
            if "\\u" in line:
                json.dumps(value, ensure_ascii=False).encode()
        except KeyTwice as error:
            found.add(Problem(_stands_twice(error.key), Place(str(path), number)))
            continue
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else None
            found.add(Problem(f"not valid JSON: {_reason(error)}", Place(str(path), number, column)))
            continue
        yield number, value, len(line)


class KeyTwice(Exception):
    """A key stands twice in one object, the second time at the position `at` where that is known."""

    def __init__(self, key: str, at: int = 0) -> None:
        super().__init__(key)
        self.key, self.at = key, at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise KeyTwice(name)
            seen.add(name)
    return found


STRICT = json.JSONDecoder(object_pairs_hook=_once)
"""Raises KeyTwice where json.loads would keep the last of two values in silence."""


def _stands_twice(key: str) -> str:
    return f"the key {key!r} stands twice in one object"


def _jsonl(path: Path, wanted: Wanted, most: float) -> Iterator[Rows]:
    records = Records(path, wanted, most)
    for number, value, size in json_lines(path, wanted, records.found):
        records.add(value, number, size)
        if records.rows.full:
            yield records.rows.take()
    records.found.raise_any()
    yield records.rows.take()


read_jsonl = Reader(_jsonl)
"""One JSON object a line."""


def read_json(path: Path, wanted: Wanted) -> Rows:
    """A JSON list of objects or lists, or a mapping from ids to objects, at the top or `within` a key."""
    content = text(path, wanted.encoding)
    records = Records(path, wanted, math.inf)
    place = _Lines(content)
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
        items = list(_items(content, wanted.within))
    except KeyTwice as error:
        raise InputError(Problem(_stands_twice(error.key), Place(str(path), place.line(error.at)))) from None
    except (ValueError, RecursionError) as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (None, None)
        raise InputError(Problem(f"not valid JSON: {_reason(error)}", Place(str(path), line, column))) from None
    names = [key for _, key, _, _ in items if key is not None]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    for at, key, value, repeats in items:
        if key is not None and not isinstance(value, dict):
            what = f"the value of {key!r} is no object: a list of objects, or id -> object, is expected"
            records.found.add(Problem(what, Place(str(path), place.line(at))))
        elif key in twice:
            records.found.add(Problem(f"the key {key!r} stands twice", Place(str(path), place.line(at))))
        elif repeats is not None:
            records.found.add(Problem(_stands_twice(repeats), Place(str(path), place.line(at))))
        else:
            records.add({"id": key, **value} if key is not None else _record(value), place.line(at), 0)
    records.found.raise_any()
    return records.rows.take()


class _Lines:
    """Line numbers of rising positions in a text."""

    def __init__(self, content: str) -> None:
        self.content, self.at, self.number = content, 0, 1

    def line(self, at: int) -> int:
        self.number += self.content.count("\n", self.at, at)
        self.at = at
        return self.number


def json_value(path: Path) -> Any:
    """The value of a JSON file. Raises InputError if it is none."""
    try:
        return STRICT.decode(text(path, "utf-8"))
    except KeyTwice as error:
        raise InputError(Problem(_stands_twice(error.key), Place(str(path)))) from None
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(f"not valid JSON: {_reason(error)}", Place(str(path)))) from None


def _record(value: Any) -> Any:
    """A list is a record whose keys are its places, as text."""
    return {str(i): item for i, item in enumerate(value)} if isinstance(value, list) else value


def _opened(content: str, key: str) -> int:
    """Where the value of `key` begins in the outermost object. Raises JSONDecodeError if there is none, KeyTwice."""
    decode = json.JSONDecoder().raw_decode
    at = _past_blanks(content, 0)
    places: dict[str, int] = {}
    if content[at] == "{":
        at = _past_blanks(content, at + 1)
        while content[at] != "}":
            name, after = decode(content, at)
            if name in places:
                raise KeyTwice(name, at)
            places[name] = _past_blanks(content, _past_blanks(content, after) + 1)
            _, at = decode(content, places[name])
            at = _past_blanks(content, at)
            at = _past_blanks(content, at + 1) if content[at] == "," else at
    if key in places:
        return places[key]
    known = f" (the keys are {', '.join(list(places)[:20])})" if places else ""
    raise json.JSONDecodeError(f"no key {key!r} to look within{known}", content, 0)


def _items(content: str, within: str | None = None) -> Iterator[tuple[int, str | None, Any, str | None]]:
    """(position, key, value, key that stands twice in it) of what is in the outermost list or object of a valid JSON
    text; keys of a list are None. Raises JSONDecodeError if it is neither, KeyTwice."""
    decode = json.JSONDecoder().raw_decode
    at = _opened(content, within) if within is not None else _past_blanks(content, 0)
    keyed = content[at] == "{"
    if content[at] not in "[{":
        raise json.JSONDecodeError("a list of objects, or id -> object, is expected", content, at)
    at = _past_blanks(content, at + 1)
    while content[at] not in "]}":
        start, key = at, None
        if keyed:
            key, at = decode(content, at)
            at = _past_blanks(content, _past_blanks(content, at) + 1)
        repeats = None
        try:
            value, at = STRICT.raw_decode(content, at)
        except KeyTwice as error:
            repeats = error.key
            value, at = decode(content, at)
        yield start, key, value, repeats
        at = _past_blanks(content, at)
        at = _past_blanks(content, at + 1) if content[at] == "," else at


def _past_blanks(content: str, at: int) -> int:
    while content[at] in " \t\r\n":
        at += 1
    return at


def _reason(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError():
            return error.msg
        case UnicodeEncodeError():
            return "half of a surrogate pair"
        case RecursionError():
            return "nested too deep"
    return "a number of too many digits"
