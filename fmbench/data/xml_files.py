"""Reader of XML: one element a row, its attributes and the texts of its children as columns."""

from __future__ import annotations

import math
from pathlib import Path
from xml.parsers import expat

from fmbench.data.formats import Wanted
from fmbench.data.json_files import Records
from fmbench.data.opening import open_bytes
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem


class _Elements:
    """Records of all elements of one tag. Entities that a document declares itself are refused."""

    def __init__(self, path: Path, wanted: Wanted, tag: str) -> None:
        self.records, self.tag, self.path = Records(path, wanted, math.inf), tag, path
        self.record: dict[str, str] | None = None
        self.line, self.depth, self.inner = 0, 0, ""
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.EntityDeclHandler = self.refuse

    def refuse(self, *declared: object) -> None:
        place = Place(str(self.path), self.parser.CurrentLineNumber)
        raise InputError(Problem("the document declares entities of its own, which are not read", place))

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.record is None and tag == self.tag:
            self.record, self.line, self.depth = dict(attributes), self.parser.CurrentLineNumber, 0
        elif self.record is not None:
            self.depth += 1
            if self.depth == 1:
                self.inner = tag
                self.record[tag] = ""

    def text(self, data: str) -> None:
        if self.record is not None and self.depth:
            self.record[self.inner] += data

    def end(self, tag: str) -> None:
        if self.record is None:
            return
        if self.depth:
            self.depth -= 1
            return
        self.records.add({name: value.strip() for name, value in self.record.items()}, self.line, 0)
        self.record = None


def read_xml(path: Path, wanted: Wanted) -> Rows:
    """Every element with the tag `within`, wherever it stands. Raises InputError."""
    if wanted.within is None:
        raise InputError(Problem("set `within` to the tag of a row", Place(str(path))))
    elements = _Elements(path, wanted, wanted.within)
    with open_bytes(path) as stream:
        try:
            elements.parser.ParseFile(stream)
        except expat.ExpatError as error:
            place = Place(str(path), error.lineno, error.offset + 1)
            raise InputError(Problem(f"not valid XML: {expat.ErrorString(error.code)}", place)) from None
    elements.records.found.raise_any()
    return elements.records.rows.take()
