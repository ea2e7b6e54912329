"""JSON Schemas of the suite file (for editors) and of result.json, made from the typed schemas and the registries.

`python -m fmbench.run.schemas` writes both into the package; a test holds that they are up to date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fmbench.suite
from fmbench.files import write_atomic
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, MEASURES, METRICS, SOURCES
from fmbench.run.result import Result
from fmbench.suite.schema import ModelFile, SuiteFile, TaskFile

SUITE_SCHEMA = Path(fmbench.suite.__file__).parent / "suite.schema.json"
RESULT_SCHEMA = Path(__file__).parent / "result.schema.json"


def suite_schema() -> dict[str, Any]:
    """The JSON Schema of a suite file, with the registered names and their settings."""
    definitions: dict[str, Any] = {}
    schema = _of(SuiteFile, definitions)
    task, model = _of(TaskFile, definitions), _of(ModelFile, definitions)
    task["properties"]["data"] = {"anyOf": [_of(source.Spec, definitions) for source in SOURCES.values()]}
    task["properties"]["kind"] = {"enum": list(KINDS)}
    task["properties"]["metrics"] = {"type": "array", "items": _metric(), "minItems": 1}
    model["properties"]["loader"] = {"enum": list(LOADERS)}
    properties = schema["properties"]
    properties["tasks"]["items"] = {"anyOf": [{"type": "string"}, task]}
    properties["models"]["items"] = {"anyOf": [{"type": "string"}, model]}
    properties["adaptations"] = _named(ADAPTATIONS, definitions, [{"type": "null"}])
    properties["measure"] = _named(MEASURES, definitions, [{"type": "boolean"}])
    definitions["Gate"]["properties"]["margins"]["propertyNames"] = {"enum": list(METRICS)}
    for name, owner in MEASURES.items():
        if hasattr(owner, "names"):
            properties["measure"]["properties"][name] = _by_name(owner, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fmbench suite"}
    return head | schema | {"$defs": definitions}


def result_schema() -> dict[str, Any]:
    """The JSON Schema of result.json."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | Result.model_json_schema(by_alias=True, mode="serialization")


def text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _of(model: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = model.model_json_schema()
    definitions.update(schema.pop("$defs", {}))
    return schema


def _named(registry: Any, definitions: dict[str, Any], also: list[dict[str, Any]]) -> dict[str, Any]:
    owners = {name: {"anyOf": [_of(owner.Settings, definitions), *also]} for name, owner in registry.items()}
    return {"type": "object", "properties": owners, "additionalProperties": False}


def _metric() -> dict[str, Any]:
    families = "|".join(METRICS.families)
    return {"anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": f"^({families}):."}]}


def _by_name(owner: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Registered names, some with settings, as a list or as a mapping; the mapping may have the measure's own keys."""
    entry = {"anyOf": [_of(owner.Entry, definitions), {"type": "boolean"}, {"type": "null"}]}
    parts: dict[str, Any] = dict.fromkeys(owner.names, entry)
    one = {"type": "object", "properties": parts, "additionalProperties": False}
    own = {key: field for key, field in _of(owner.Settings, definitions)["properties"].items() if key != owner.parts}
    listed = {"type": "array", "items": {"anyOf": [{"enum": list(owner.names)}, one]}, "minItems": 1}
    return {"anyOf": [listed, {**one, "properties": parts | own}, {"const": False}]}


if __name__ == "__main__":
    write_atomic(SUITE_SCHEMA, text(suite_schema()).encode())
    write_atomic(RESULT_SCHEMA, text(result_schema()).encode())
