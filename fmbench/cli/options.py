"""Options that several verbs share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fmbench.errors import InputError

SuiteArgument = Annotated[Path, typer.Argument(metavar="SUITE", help="Suite file (YAML).", show_default=False)]
ReportArgument = Annotated[Path, typer.Argument(metavar="REPORT", help="Folder reports/<suite>.", show_default=False)]
Models = Annotated[str | None, typer.Option("--models", metavar="A,B", help="Only these models.")]
Tasks = Annotated[str | None, typer.Option("--tasks", metavar="A,B", help="Only these tasks.")]
Adaptations = Annotated[str | None, typer.Option("--adaptations", metavar="A,B", help="Only these adaptations.")]
Seeds = Annotated[str | None, typer.Option("--seeds", metavar="0,1", help="These seeds instead of the suite's.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value of the suite.")
]
Workers = Annotated[
    str, typer.Option("--workers", metavar="N|auto", help="Cells at a time, each in a process of its own; CPU only.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def names(text: str | None) -> list[str] | None:
    """ "a, b" -> ["a", "b"]; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str | None) -> list[int] | None:
    """ "0,1" -> [0, 1]. Raises InputError for anything else."""
    found = names(text)
    if found is None:
        return None
    bad = [part for part in found if not part.isdecimal() or int(part) >= 2**31]
    if bad:
        raise InputError(f"--seeds: {bad[0]!r} is not a seed (a whole number from 0)")
    return [int(part) for part in dict.fromkeys(found)]


def console(stderr: bool = False) -> Any:
    """A Rich console on the output that is in force now; wide when it is not a terminal."""
    from rich.console import Console

    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=160)
