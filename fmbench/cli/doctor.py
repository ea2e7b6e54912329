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
    import torch

    from fmbench.engine.devices import pick
    from fmbench.files import cache_folder
    from fmbench.run.environment import environment

    machine = environment(pick("auto"))
    packages = machine.pop("packages")
    data = os.environ.get("FMBENCH_DATA")
    sets = len([p for p in Path(data).iterdir() if p.is_dir()]) if data and Path(data).is_dir() else None
    return {
        **{name: value for name, value in machine.items() if name != "load_average"},
        "bf16 in hardware": _bf16(torch),
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


def _bf16(torch: Any) -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capability = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))


def _optional(names: tuple[str, ...]) -> str:
    from fmbench.run.environment import package_version

    return ", ".join(f"{name} {package_version(name) or 'not installed'}" for name in names)
