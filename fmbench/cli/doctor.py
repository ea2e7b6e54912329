"""fmbench doctor: what this machine has."""

from __future__ import annotations

import json as json_module
import os
from pathlib import Path
from typing import Any

import typer

from fmbench.cli.options import Json, console


def doctor(json: Json = False) -> None:
    """Tell what this machine has: devices, packages, caches, data folder, offline or not."""
    facts = _facts()
    if json:
        typer.echo(json_module.dumps(facts, indent=1))
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table("what", "found", title="fmbench doctor", title_justify="left", box=box.SIMPLE)
    for name, value in facts.items():
        table.add_row(name, escape(str(value)))
    console().print(table)


def _facts() -> dict[str, Any]:
    import torch  # noqa: F401 - the environment tells of torch once it is imported

    from fmbench.engine.devices import pick
    from fmbench.files import cache_folder
    from fmbench.measure.energy import find_counter
    from fmbench.run.environment import environment

    machine = environment(pick("auto"))
    packages = machine.pop("packages")
    data = os.environ.get("FMBENCH_DATA")
    sets = len([p for p in Path(data).iterdir() if p.is_dir()]) if data and Path(data).is_dir() else None
    return {
        **{name.replace("_", " "): _plain(value) for name, value in machine.items()},
        "energy counter": find_counter(machine["device"])[1],
        **{name: found or "not installed" for name, found in packages.items()},
        "optional: peft, evaluate, lm-eval": _optional(("peft", "evaluate", "lm-eval")),
        "cache": str(cache_folder()),
        "FMBENCH_DATA": f"{data} ({sets} data sets)"
        if sets is not None
        else (f"{data} (no such folder)" if data else "not set"),
        "hub": "offline (HF_HUB_OFFLINE)"
        if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
        else "online allowed",
    }


def _plain(value: Any) -> Any:
    """Lists and mappings on one line, what is unknown as such."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {found}" for name, found in value.items() if found is not None)
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "not told by this system" if value is None else value


def _optional(names: tuple[str, ...]) -> str:
    from fmbench.run.environment import package_version

    return ", ".join(f"{name} {package_version(name) or 'not installed'}" for name in names)
