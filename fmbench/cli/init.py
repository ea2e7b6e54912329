"""fmbench init: a commented suite for one's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[
        Path, typer.Argument(metavar="DATA.csv", help="csv, tsv, jsonl or conll file.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="Suite file to write; default DATA.yaml beside the data.")] = None,
    text: Annotated[str | None, typer.Option(help="Column with the text; guessed if not given.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the label; guessed if not given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing suite file.")] = False,
) -> None:
    """Write a commented suite file for one's own data."""
    from fmbench.errors import InputError, Place, Problem
    from fmbench.files import write_atomic
    from fmbench.run.starter import starter_suite

    target = out or data.with_name(data.name.removesuffix(".gz").rsplit(".", 1)[0] + ".yaml")
    if target.exists() and not force:
        raise InputError(Problem("exists already; --force replaces it", Place(str(target))))
    write_atomic(target, starter_suite(data, target, text, label).encode())
    typer.echo(f"wrote {target}; next: fmbench check {target} && fmbench run {target}")
