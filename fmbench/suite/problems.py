"""Collects what is wrong with a document, so that all of it is told at once, each with its place."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from fmbench.errors import InputError, Problem, nearest
from fmbench.registry import Registry, UnknownName
from fmbench.suite.marks import Document, YamlPath

M = TypeVar("M", bound=BaseModel)


class Problems:
    """A growing list of problems of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[Problem] = []

    def add(self, message: str, path: YamlPath = (), *, key: bool = False, hint: str | None = None) -> None:
        self.found.append(Problem(message, self.document.place(path, key), hint))

    def extend(self, error: InputError, path: YamlPath = ()) -> None:
        """Take over another's problems; those without a place get the one of `path`."""
        for problem in error.problems:
            self.found.append(Problem(problem.message, problem.place or self.document.place(path), problem.hint))

    def raise_any(self) -> None:
        if self.found:
            raise InputError(sorted(dict.fromkeys(self.found), key=_order))

    def lookup(self, registry: Registry, name: str, path: YamlPath, *, key: bool = False) -> Any:
        """`registry[name]`, or None with a problem noted."""
        try:
            return registry[name]
        except UnknownName as error:
            self.add(error.message, path, key=key, hint=error.hint)
        except InputError as error:
            self.extend(error, path)
        return None

    def validate(self, model: type[M], value: Any, path: YamlPath = ()) -> M | None:
        """`value` as `model`, or None with every violation noted at its place."""
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self.add(f"expected a mapping of keys to values, got {short(value)}", path)
            return None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            for item in _one_for_each_union(error.errors(include_url=False)):
                self._note(model, item, path)
            return None

    def _note(self, model: type[BaseModel], item: Any, base: YamlPath) -> None:
        loc = _without_branches(item["loc"])
        path = (*base, *loc)
        name = str(loc[-1]) if loc else "value"
        if item["type"] == "extra_forbidden":
            known = _fields(model, loc[:-1])
            self.add(f"unknown key {name!r}", path, key=True, hint=nearest(name, known))
        elif item["type"] == "missing":
            self.add(f"missing key {name!r}", path[:-1])
        elif item["loc"][-1:] == ("[key]",):
            known = re.findall(r"'([^']*)'", item.get("ctx", {}).get("expected", ""))
            self.add(f"{_dotted(loc)}: {_sentence(item)}", path, key=True, hint=nearest(name, known))
        elif item["type"] == "value_error":
            self.add(f"{_dotted(loc)}: {_sentence(item)}" if loc else _sentence(item), path)
        else:
            self.add(f"{_dotted(loc)}: {_sentence(item)}, got {short(item['input'])}", path)


def short(value: Any, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line or 0, place.column or 0) if place else ("", 0, 0)


def _one_for_each_union(items: list[Any]) -> list[Any]:
    """The branches of a union that one value violates, told as one; left out where something inside is told."""
    found: dict[tuple[Any, ...], Any] = {}
    for item in items:
        loc = _without_branches(item["loc"])
        if loc == tuple(item["loc"]):
            found[(loc, len(found))] = item
        elif (loc,) not in found:
            found[(loc,)] = item
        elif _sentence(item) not in _sentence(found[(loc,)]):
            before = found[(loc,)]
            found[(loc,)] = {**before, "msg": f"{before['msg']} or {_sentence(item).removeprefix('should be ')}"}
    deeper = {key[0][:i] for key in found for i in range(len(key[0]))}
    return [item for key, item in found.items() if len(key) > 1 or key[0] not in deeper]


def _sentence(item: Any) -> str:
    text: str = item["msg"].removeprefix("Value error, ").replace("Input should", "should").replace("String ", "")
    return re.sub(r"^(List|Dictionary) (.*) after validation, not \d+$", r"\2", text)


def _dotted(loc: YamlPath) -> str:
    return ".".join(map(str, loc)) or "value"


def _without_branches(loc: tuple[str | int, ...]) -> YamlPath:
    return tuple(part for part in loc if not _is_union_branch(part))


def _is_union_branch(part: str | int) -> bool:
    return isinstance(part, str) and (part in ("str", "int", "float", "bool") or "[" in part)


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    for part in loc:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        nested = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)
