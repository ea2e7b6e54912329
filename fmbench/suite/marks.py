"""YAML read safely, with the place of every key and value.

Scalars follow the YAML 1.2 core schema (`5e-4` is a number, `no` and `2024-01-01` are strings). Tags, duplicate keys,
endless nesting and alias bombs are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fmbench.errors import InputError, Place, Problem, one_line

MAX_BYTES, MAX_NODES, MAX_DEPTH = 1_000_000, 50_000, 40
YamlPath = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
          "null": None, "Null": None, "NULL": None, "~": None, "": None}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9]+\Z")
_INT_IN_OTHER_BASE = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")


@dataclass(frozen=True)
class Document:
    """A YAML document as plain values, with the place (line, column) of every key and every value."""

    file: str
    value: Any
    keys: Mapping[YamlPath, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[YamlPath, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: YamlPath = (), key: bool = False) -> Place:
        """The place of the value at `path` (or of its key); of its nearest known parent when it has none."""
        if key and path in self.keys:
            return Place(self.file, *self.keys[path])
        while path and path not in self.values:
            path = path[:-1]
        return Place(self.file, *self.values.get(path, (1, 1)))


def read_yaml(path: Path) -> Document:
    """Read one YAML file. Raises InputError with every problem that the text itself has."""
    file = str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(Problem("no such file", Place(file))) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", Place(file))) from None
    if len(raw) > MAX_BYTES:
        raise InputError(Problem(f"{len(raw):,} bytes, more than the {MAX_BYTES:,} allowed", Place(file)))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(Problem(f"not UTF-8 (byte 0x{raw[error.start]:02x})", Place(file, line, 1))) from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """Parse YAML text; `file` is only for messages."""
    try:
        _refuse_deep(text, file)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        what = one_line(", ".join(part for part in (error.problem, error.context) if part))
        raise InputError(Problem(f"not valid YAML: {what}", place)) from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="ignore")
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise InputError(Problem(f"not valid YAML: {error.reason} (U+{error.character:04X})", place)) from None
    except yaml.YAMLError as error:
        raise InputError(Problem(f"not valid YAML: {one_line(str(error))}", Place(file))) from None
    if node is None:
        raise InputError(Problem("the file is empty", Place(file, 1, 1)))
    return _Converter(file).document(node)


def _refuse_deep(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                place = Place(file, mark.line + 1, mark.column + 1)
                raise InputError(Problem(f"nested more than {MAX_DEPTH} levels deep", place))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Converter:
    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[YamlPath, tuple[int, int]] = {}
        self.values: dict[YamlPath, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def document(self, node: yaml.Node) -> Document:
        value = self.convert(node, (), ())
        if self.problems:
            raise InputError(self.problems)
        return Document(self.file, value, self.keys, self.values)

    def problem(self, message: str, node: yaml.Node) -> None:
        self.problems.append(Problem(message, Place(self.file, *_mark(node))))

    def convert(self, node: yaml.Node, path: YamlPath, parents: tuple[int, ...]) -> Any:
        self.nodes += 1
        if len(parents) > MAX_DEPTH:
            raise InputError(Problem(f"nested more than {MAX_DEPTH} levels deep", Place(self.file, *_mark(node))))
        if self.nodes > MAX_NODES or id(node) in parents:
            what = f"more than {MAX_NODES:,} values" if self.nodes > MAX_NODES else "an alias to its own parent"
            raise InputError(Problem(f"{what}; aliases may not be used to blow up a file",
                                     Place(self.file, *_mark(node))))  # fmt: skip
        self.values[path] = _mark(node)
        parents = (*parents, id(node))
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            self.problem(f"the tag {node.tag!r} is not allowed", node)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*path, i), parents) for i, item in enumerate(node.value)]
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem("a key must be a plain word", key_node)
                continue
            key = key_node.value
            if key in result:
                first = self.keys[(*path, key)]
                self.problem(f"duplicate key {key!r} (first on line {first[0]})", key_node)
                continue
            self.keys[(*path, key)] = _mark(key_node)
            result[key] = self.convert(value_node, (*path, key), parents)
        return result

    def scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag not in ("tag:yaml.org,2002:str", "!"):
            self.problem(f"the tag {node.tag!r} is not allowed", node)
        if node.style:
            return node.value
        return plain_scalar(node.value)


def plain_scalar(text: str) -> Any:
    """An unquoted YAML 1.2 scalar as None, bool, int, float or str."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 20:
        return int(text)
    if _INT_IN_OTHER_BASE.match(text) and len(text) < 20:
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    if _NOT_FINITE.match(text):
        return float(text.replace(".", ""))
    return text


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
