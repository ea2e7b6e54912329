"""fmbench list: what is registered, without importing anything heavy."""

from __future__ import annotations

import json as json_module
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fmbench.cli.options import Json, console


class What(StrEnum):
    models = "models"
    tasks = "tasks"
    kinds = "kinds"
    adaptations = "adaptations"
    metrics = "metrics"
    measures = "measures"
    perturbations = "perturbations"
    sources = "sources"
    suites = "suites"


def list_names(
    what: Annotated[What, typer.Argument(help="What to list.", show_default=False)],
    json: Json = False,
) -> None:
    """List what suites can name."""
    rows = _rows(what)
    if json:
        typer.echo(json_module.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(*(rows[0] if rows else ["name"]), box=box.SIMPLE)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console().print(table)


def _rows(what: What) -> list[dict[str, Any]]:
    from fmbench import registry

    match what:
        case What.models | What.tasks:
            return _catalog(what.value)
        case What.suites:
            return _suites(Path("suites"))
        case What.metrics:
            return [
                {
                    "name": name,
                    "kinds": ", ".join(sorted(metric.kinds)),
                    "range": f"{metric.range[0]:g} to {metric.range[1]:g}",
                    "better": "higher" if metric.higher_is_better else "lower",
                }
                for name, metric in registry.METRICS.items()
            ]
        case What.adaptations:
            return [
                {
                    "name": name,
                    "for models of sort": ", ".join(sorted(owner.needs)),
                    "settings": ", ".join(_settings(owner)),
                    "description": _first_sentence(owner),
                }
                for name, owner in registry.ADAPTATIONS.items()
            ]
        case What.perturbations:
            return [
                {
                    "name": name,
                    "for": ", ".join(sorted(one.inputs)),
                    "languages": ", ".join(sorted(one.languages)) if one.languages else "",
                    "label": one.label,
                    "description": one.description,
                }
                for name, one in registry.PERTURBATIONS.items()
            ]
    found = {What.kinds: registry.KINDS, What.measures: registry.MEASURES, What.sources: registry.SOURCES}[what]
    return [{"name": name, "description": _first_sentence(owner)} for name, owner in found.items()]


def _catalog(what: str) -> list[dict[str, Any]]:
    from fmbench import catalog
    from fmbench.suite.marks import read_yaml

    rows = []
    for name, path in catalog.files(what).items():
        value = read_yaml(path).value
        sort = value.get("kind" if what == "tasks" else "loader", "")
        rows.append(
            {
                "name": name,
                "kind" if what == "tasks" else "loader": sort,
                "license": value.get("license", ""),
                "description": value.get("description", ""),
            }
        )
    return rows


def _suites(folder: Path) -> list[dict[str, Any]]:
    from fmbench.errors import InputError
    from fmbench.suite.marks import read_yaml

    rows = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            value = read_yaml(path).value
        except InputError as error:
            rows.append({"file": str(path), "suite": "", "description": f"unreadable: {error.problems[0].message}"})
            continue
        if isinstance(value, dict) and "suite" in value:
            rows.append(
                {"file": str(path), "suite": str(value["suite"]), "description": str(value.get("description", ""))}
            )
    return rows


def _settings(owner: Any) -> list[str]:
    return [f"{name}={field.default}" for name, field in owner.Settings.model_fields.items()]


def _first_sentence(owner: Any) -> str:
    return " ".join((owner.__doc__ or "").split("\n\n")[0].split())
