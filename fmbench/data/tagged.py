"""Readers of tagged text: tokens in columns, entities in brackets, spans of characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fmbench.data.formats import Gathered, Reader, Wanted, numbered_lines
from fmbench.data.json_files import json_lines
from fmbench.data.rows import Findings, Rows
from fmbench.errors import InputError, Place, Problem, nearest


def _conll(path: Path, wanted: Wanted, most: float) -> Iterator[Rows]:
    at = {"tokens": 0, "tags": -1}
    for field, column in (wanted.columns or {}).items():
        if not isinstance(column, int):
            raise InputError(Problem(f"column {column!r} for the field {field!r}: conll columns are numbers, from 0",
                                     Place(str(path), 1)))  # fmt: skip
        if field in at:
            at[field] = column
    rows, found = Gathered(path, wanted, most), Findings()
    rows.open(("tokens", "tags", "document"))
    width, document, open_sentence = 0, 0, False
    for number, ended in numbered_lines(path, wanted):
        line = ended.rstrip("\r\n")
        parts = line.split("\t") if "\t" in line else [part for part in line.split(" ") if part]
        if not line.strip() or parts[0] == "-DOCSTART-":
            open_sentence = False
            document += bool(line.strip())
            if rows.full:
                yield rows.take()
            continue
        if not width:
            width = len(parts)
            outside = [column for column in at.values() if not -width <= column < width]
            if width > 1 and outside:
                raise InputError(Problem(f"no column {outside[0]}: there are {width}", Place(str(path), number)))
        if len(parts) != width or width < 2:
            what = f"{len(parts)} columns where the first token has {width}" if width > 1 else "only one column"
            found.add(Problem(what, Place(str(path), number)))
            continue
        if not open_sentence:
            open_sentence = True
            rows.columns["tokens"].append([])
            rows.columns["tags"].append([])
            rows.columns["document"].append(f"{path.name}:{document}")
            rows.numbers.append(number)
        rows.size += len(line)
        rows.columns["tokens"][-1].append(parts[at["tokens"]])
        rows.columns["tags"][-1].append(parts[at["tags"]])
    found.raise_any()
    yield rows.take()


read_conll = Reader(_conll)
"""One token a line, columns separated by spaces (or tabs), a blank line between sentences.

`-DOCSTART-` lines open a document; file name and number become the column `document`.
"""

_INLINE = re.compile(r"\[(?P<type>[^\s\[\]]+) (?P<entity>[^\[\]]+)\]|(?P<token>[^\s\[\]]+)|(?P<bad>[\[\]])")


def read_inline_entities(path: Path, wanted: Wanted) -> Rows:
    """One tokenised sentence a line, entities as `[ORG Siemens]`; `# doc ID TOPIC` opens a document."""
    columns: dict[str, list[Any]] = {"tokens": [], "tags": [], "document": [], "topic": []}
    numbers, found = [], Findings()
    document, topic = "", ""
    for number, line in numbered_lines(path, wanted):
        if not line.strip():
            continue
        if line.startswith("# doc "):
            document, _, topic = line.removeprefix("# doc ").strip().partition(" ")
            continue
        tokens: list[str] = []
        tags: list[str] = []
        for match in _INLINE.finditer(line):
            if match["bad"]:
                found.add(Problem("unbalanced bracket", Place(str(path), number, match.start() + 1)))
                break
            words = (match["entity"] or match["token"]).split()
            tokens += words
            entity = match["type"]
            tags += [f"B-{entity}", *[f"I-{entity}"] * (len(words) - 1)] if entity else ["O"]
        for name, value in (("tokens", tokens), ("tags", tags), ("document", document), ("topic", topic)):
            columns[name].append(value)
        numbers.append(number)
    found.raise_any()
    return Rows(columns, str(path), lines=numbers)


_WIDE = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that are written without spaces: a token is one character there."""
_WORD = re.compile(rf"[{_WIDE}]|[^\W{_WIDE}]+|[^\w\s]")
_CHARACTER = re.compile(r"\S")
_SPAN_KEYS = ("label", "labels", "entities", "spans")
CharacterSpan = tuple[int, int, str]


def _span_jsonl(path: Path, wanted: Wanted, most: float) -> Iterator[Rows]:
    rows, found = Gathered(path, wanted, most), Findings()
    pattern = _CHARACTER if wanted.characters else _WORD
    keys: dict[str, str] = {}
    overlapping: list[int] = []
    for number, record, size in json_lines(path, wanted, found):
        place = Place(str(path), number)
        if not isinstance(record, dict):
            found.add(Problem("not a JSON object", place))
            continue
        if not keys:
            keys = _span_keys(wanted, record)
            rows.open(keys)
        missing = [key for key in keys.values() if key not in record]
        if missing:
            what = f"no key {missing[0]!r}: the keys are {', '.join(record)}"
            found.add(Problem(what, place, nearest(missing[0], record)))
            continue
        try:
            text, given = record[keys["tokens"]], record[keys["tags"]]
            spans, left_out = _apart(_spans(text, given))
            pieces = [match.span() for match in pattern.finditer(text)]
            tags = _tags(text, pieces, spans)
        except ValueError as error:
            found.add(Problem(str(error), place))
            continue
        overlapping += [number] * left_out
        rows.columns["tokens"].append([text[start:end] for start, end in pieces])
        rows.columns["tags"].append(tags)
        for field in keys.keys() - {"tokens", "tags"}:
            rows.columns[field].append(record[keys[field]])
        rows.numbers.append(number)
        rows.size += size
        if rows.full:
            yield rows.take()
    found.raise_any()
    last = rows.take()
    noted = _overlap_note(path, overlapping)
    yield Rows(last.columns, last.file, lines=last.lines, notes=(noted,) if noted else ())


read_span_jsonl = Reader(_span_jsonl)
"""One JSON object a line: a text (field `tokens`) and spans of its characters (field `tags`), which become tags.

Spans are `{type: {surface: [[first, last], ...]}}` as in CLUENER (Xu et al. 2020), the last character included; or a
list of `[start, end, type]` or of `{"start", "end", "label"}`, the end excluded. A token is a run of letters and
digits, or one other character that is no blank, or one character of a script without spaces; with `characters: true`
every character that is no blank. Of spans that overlap the longer stays, and the result says how many went.
"""


def _span_keys(wanted: Wanted, record: dict[str, Any]) -> dict[str, str]:
    """Field -> key of the record."""
    named = wanted.columns or {}
    spans = next((key for key in _SPAN_KEYS if key in record), _SPAN_KEYS[0])
    keys = {"tokens": str(named.get("tokens", "text")), "tags": str(named.get("tags", spans))}
    others = (field for field in wanted.optional if field not in keys)
    return keys | {f: str(wanted.column(f)) for f in others if wanted.names(f) or str(wanted.column(f)) in record}


def _spans(text: Any, given: Any) -> list[CharacterSpan]:
    """(start, end, type) with the end excluded. Raises ValueError for what is no span of `text`."""
    if not isinstance(text, str):
        raise ValueError(f"the text is not a string: {text!r:.60}")
    found: list[CharacterSpan] = []
    if isinstance(given, dict):
        for kind, surfaces in given.items():
            for surface, places in surfaces.items() if isinstance(surfaces, dict) else [("", surfaces)]:
                for ends in places if isinstance(places, list) else [places]:
                    start, last = _ends(ends)
                    if text[start : last + 1] != surface and isinstance(surfaces, dict):
                        raise ValueError(
                            f"characters {start} to {last} are {text[start : last + 1]!r}, not {surface!r}"
                        )
                    found.append((start, last + 1, kind))
    elif isinstance(given, list):
        for one in given:
            place = [one.get("start"), one.get("end")] if isinstance(one, dict) else one
            type_: Any = one.get("label", one.get("type")) if isinstance(one, dict) else _third(one)
            found.append((*_ends(place[:2] if isinstance(place, list) else place), type_))
    else:
        raise ValueError(f"the spans are neither a list nor an object: {given!r:.60}")
    for start, end, type_ in found:
        if not isinstance(type_, str) or not type_.strip():
            raise ValueError(f"the span {start}-{end} has no type")
        if not 0 <= start < end <= len(text):
            raise ValueError(
                f"the span {start}-{end} ({type_}) is outside of the text, which has {len(text)} characters"
            )
    return found


def _ends(place: Any) -> tuple[int, int]:
    match place:
        case [int() as start, int() as end] if not isinstance(start, bool) and not isinstance(end, bool):
            return start, end
    raise ValueError(f"not a span: {place!r:.60}")


def _third(one: Any) -> Any:
    return one[2] if isinstance(one, list) and len(one) == 3 else None


def _apart(spans: list[CharacterSpan]) -> tuple[list[CharacterSpan], int]:
    """Spans that do not overlap, longer ones first choice, and how many were left out; equal ones count once."""
    kept: list[CharacterSpan] = []
    unique = sorted(set(spans), key=lambda span: (span[0] - span[1], span))
    for span in unique:
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept), len(unique) - len(kept)


def _tags(text: str, pieces: list[tuple[int, int]], spans: list[CharacterSpan]) -> list[str]:
    """IOB2 tags of the tokens. Raises ValueError where a span cuts one."""
    starts = {start: i for i, (start, _) in enumerate(pieces)}
    ends = {end: i for i, (_, end) in enumerate(pieces)}
    tags = ["O"] * len(pieces)
    for start, end, type_ in spans:
        inside = text[start:end]
        first = starts.get(start + len(inside) - len(inside.lstrip()))
        last = ends.get(end - len(inside) + len(inside.rstrip()))
        if first is None or last is None or not inside.strip():
            raise ValueError(f"the span {inside!r} ({type_}) ends inside of a token; set `characters: true`")
        tags[first : last + 1] = [f"B-{type_}", *[f"I-{type_}"] * (last - first)]
    return tags


def _overlap_note(path: Path, numbers: list[int]) -> str | None:
    if not numbers:
        return None
    spans = "1 span" if len(numbers) == 1 else f"{len(numbers)} spans"
    return f"{path.name}: {spans} left out that overlap a longer one (first in line {numbers[0]})"
