"""A verdict as JSON (schema fmbench.gate/1); undefined numbers are null."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from fmbench.errors import InputError, Place, Problem, one_line
from fmbench.gate.text import summary
from fmbench.gate.verdict import Cells, Check, Refused, Verdict

SCHEMA = "fmbench.gate/1"


def document(verdict: Verdict, exit_code: int) -> dict[str, Any]:
    """Everything in the verdict, and the exit code."""
    checks = [asdict(check) | {"name": check.name} for check in verdict.checks]
    found: dict[str, Any] = _without_nan(
        {
            "schema": SCHEMA,
            "verdict": verdict.word(),
            "summary": summary(verdict),
            "exit_code": exit_code,
            "suite": verdict.suite,
            "base": verdict.base,
            "new": verdict.new,
            "checks": checks,
            "refused": [asdict(one) for one in verdict.refused],
            "absent": [asdict(one) for one in verdict.absent],
            "notes": list(verdict.notes),
        }
    )
    return found


def to_json(verdict: Verdict, exit_code: int) -> str:
    return json.dumps(document(verdict, exit_code), indent=1, ensure_ascii=False, default=str) + "\n"


def read_checks(verdict: Verdict, path: Path) -> Verdict:
    """The verdict with the speed and memory checks of a file that `fmbench bench --json` wrote.

    Raises:
        InputError: there is no such file, or it is something else, or of another suite.
    """
    place = Place(str(path))
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"not readable as JSON: {one_line(str(error))}", place)) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(Problem(f"not a verdict of fmbench bench (schema {SCHEMA})", place))
    if content["suite"] != verdict.suite:
        raise InputError(Problem(f"of the suite {content['suite']!r}, not {verdict.suite!r}", place))
    checks = [_check(one) for one in content["checks"] if one["sort"] != "quality"]
    if not checks:
        raise InputError(Problem("no speed or memory in it", place))
    refused = [Refused(**one) for one in content["refused"]]
    notes = [note for note in verdict.notes if not note.startswith("speed not compared")]
    return replace(
        verdict,
        checks=(*verdict.checks, *checks),
        refused=(*verdict.refused, *refused),
        notes=(*notes, *content["notes"]),
    )


def _check(content: dict[str, Any]) -> Check:
    content = {name: math.nan if value is None and name in _FLOATS else value for name, value in content.items()}
    content["cells"] = Cells(**content["cells"])
    content["flips"] = ()
    del content["name"]
    return Check(**content)


_FLOATS = {field.name for field in fields(Check) if field.type == "float"}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
