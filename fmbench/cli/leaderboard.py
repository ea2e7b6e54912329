"""fmbench leaderboard build: declared boards to static pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Leaderboards from results.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Leaderboards from results."""


@app.command("build")
def build(
    boards: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[BOARD.yaml ...]", help="Default: leaderboards/*.yaml.", show_default=False),
    ] = None,
    reports: Annotated[Path, typer.Option(help="Folder of reports.")] = Path("reports"),
    out: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("leaderboards/site"),
) -> None:
    """Render boards as self-contained HTML files, one a board."""
    from fmbench.errors import InputError
    from fmbench.leaderboard.build import build_site

    files = boards or sorted(Path("leaderboards").glob("*.yaml"))
    if not files:
        raise InputError("no boards: leaderboards/ has no YAML file, and none was named")
    for page in build_site(files, reports, out):
        typer.echo(f"leaderboard: {page}")
