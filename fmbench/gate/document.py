"""A verdict as JSON (schema fmbench.gate/1); undefined numbers are null."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from fmbench.errors import InputError, Place, Problem, one_line
from fmbench.gate.text import remarks, summary
from fmbench.gate.verdict import Check, Part, Refused, Verdict

SCHEMA = "fmbench.gate/1"


def document(verdict: Verdict, exit_code: int) -> dict[str, Any]:
    """Everything in the verdict, and the code that the command ends with."""
    checks = [asdict(check) | {"name": check.name} for check in verdict.checks]
    found: dict[str, Any] = _without_nan(
        {
            "schema": SCHEMA,
            "verdict": verdict.word(),
            "summary": summary(verdict),
            "exit_code": exit_code,
            "policy": asdict(verdict.policy),
            "suite": verdict.suite,
            "base": verdict.base,
            "new": verdict.new,
            "checks": checks,
            "refused": [asdict(one) for one in verdict.refused],
            "absent": [_part(one) for one in verdict.absent],
            "base_failed": [_part(one) for one in verdict.base_failed],
            "only_new": [_part(one) for one in verdict.only_new],
            "notes": list(verdict.notes),
            "remarks": remarks(verdict),
            "started_at": verdict.started_at,
            "environment": verdict.environment,
        }
    )
    return found


def _part(part: Part) -> dict[str, Any]:
    content = asdict(part)
    return content.pop("cells") | content


def to_json(verdict: Verdict, exit_code: int) -> str:
    return json.dumps(document(verdict, exit_code), indent=1, ensure_ascii=False, default=str) + "\n"


def read_checks(verdict: Verdict, path: Path) -> Verdict:
    """The verdict with the speed and memory checks, and the refusals, of a file that `fmbench bench --json` wrote.

    Raises:
        InputError: there is no such file, or it is something else, or of another suite.
    """
    found = read_bench(path)
    if found.suite != verdict.suite:
        raise InputError(Problem(f"of the suite {found.suite!r}, not {verdict.suite!r}", Place(str(path))))
    notes = [note for note in verdict.notes if not note.startswith("speed not compared")]
    return replace(
        verdict,
        checks=(*verdict.checks, *found.checks),
        refused=(*verdict.refused, *found.refused),
        notes=(*notes, *found.notes),
        started_at=found.started_at,
        environment=found.environment,
    )


def read_bench(path: Path) -> Verdict:
    """The speed and memory checks, and the refusals, of a file that `fmbench bench --json` wrote.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    place = Place(str(path))
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"not readable as JSON: {one_line(str(error))}", place)) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(Problem(f"not a verdict of fmbench bench (schema {SCHEMA})", place))
    try:
        found = _Document.model_validate(content)
        every = [_CHECK.validate_python(_with_nan(one)) for one in found.checks]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(Problem(f"not a whole verdict: {where}: {first['msg']}", place)) from None
    checks = tuple(one for one in every if one.sort != "quality")
    if not checks and (every or not found.refused):
        raise InputError(Problem("no speed or memory in it", place))
    return Verdict(
        found.suite,
        found.base,
        found.new,
        checks,
        tuple(found.refused),
        notes=tuple(found.notes),
        started_at=found.started_at,
        environment=found.environment,
    )


class _Document(BaseModel):
    """What is read of a verdict."""

    suite: str
    base: str = ""
    new: str = ""
    checks: list[dict[str, Any]]
    refused: list[Refused]
    notes: list[str]
    started_at: str | None = None
    environment: dict[str, Any] | None = None


_CHECK = TypeAdapter(Check)


def _with_nan(content: dict[str, Any]) -> dict[str, Any]:
    """A check as it was before undefined numbers became null, without its flips."""
    found = {name: math.nan if value is None and name in _FLOATS else value for name, value in content.items()}
    return found | {"flips": ()}


_FLOATS = {field.name for field in fields(Check) if field.type == "float"}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
