"""Readers of the files in which recommendation and question-answering sets come: path -> Rows."""

from __future__ import annotations

import re
import tarfile
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fmbench.data.formats import MAX_PROBLEMS, Wanted, numbered_lines
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem

_PAIR = re.compile(r"\((?P<user>[^,()]+),(?P<item>[^,()]+)\)\Z")


def read_sequences(path: Path, wanted: Wanted) -> Rows:
    """`user item item ...` a line, oldest first (SASRec, S3-Rec): a row for each item, its place as `time`."""
    columns: dict[str, list[Any]] = {"user": [], "item": [], "time": []}
    numbers: list[int] = []
    problems: list[Problem] = []
    for number, line in numbered_lines(path, wanted):
        parts = line.split()
        if len(parts) == 1:
            problems.append(Problem("a user without items", Place(str(path), number)))
        for place, item in enumerate(parts[1:]):
            columns["user"].append(parts[0])
            columns["item"].append(item)
            columns["time"].append(place)
            numbers.append(number)
    _raise(problems)
    return Rows(columns, str(path), lines=numbers)


def read_candidates(path: Path, wanted: Wanted) -> Rows:
    """`(user,item)<TAB>other<TAB>other ...` a line (NCF): the item to find and those it is ranked among."""
    columns: dict[str, list[Any]] = {"user": [], "item": [], "candidates": []}
    numbers: list[int] = []
    problems: list[Problem] = []
    for number, line in numbered_lines(path, wanted):
        if not line.strip():
            continue
        first, *others = line.rstrip("\r\n").split("\t")
        pair = _PAIR.match(first.strip())
        if pair is None or not others or not all(other.strip() for other in others):
            problems.append(
                Problem("expected (user,item), a tab, and items with tabs between", Place(str(path), number))
            )
            continue
        columns["user"].append(pair["user"].strip())
        columns["item"].append(pair["item"].strip())
        columns["candidates"].append([other.strip() for other in others])
        numbers.append(number)
    _raise(problems)
    return Rows(columns, str(path), lines=numbers)


def read_medquad(path: Path, wanted: Wanted) -> Rows:
    """A tar of MedQuAD's XML pages: the question as `query`, the answer as `text`, its number as `document`.

    Answers of the same words are one document, under the number of the first.
    """
    columns: dict[str, list[Any]] = {"query": [], "document": [], "text": []}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    try:
        with tarfile.open(path) as archive:
            for member in sorted(archive.getmembers(), key=lambda one: one.name):
                stream = archive.extractfile(member) if member.name.endswith(".xml") else None
                if stream is None:
                    continue
                place = f"{path}/{member.name}"
                try:
                    root = ElementTree.fromstring(stream.read())
                except (ElementTree.ParseError, ValueError, LookupError) as error:
                    problems.append(Problem(f"not valid XML: {error}", Place(place)))
                    continue
                for pair in root.iter("QAPair"):
                    query, answer = (" ".join((pair.findtext(tag) or "").split()) for tag in ("Question", "Answer"))
                    if not query or not answer:
                        problems.append(Problem("a QAPair without question or answer", Place(place)))
                        continue
                    number = f"{member.name.removesuffix('.xml')}-{pair.get('pid')}"
                    columns["query"].append(query)
                    columns["text"].append(answer)
                    columns["document"].append(names.setdefault(answer, number))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(Problem(f"not a readable tar file: {error}", Place(str(path)))) from None
    _raise(problems)
    return Rows(columns, str(path))


def _raise(problems: list[Problem]) -> None:
    if len(problems) > MAX_PROBLEMS:
        more = Problem(f"and {len(problems) - MAX_PROBLEMS} more problems in this file", problems[MAX_PROBLEMS].place)
        problems = [*problems[:MAX_PROBLEMS], more]
    if problems:
        raise InputError(problems)
