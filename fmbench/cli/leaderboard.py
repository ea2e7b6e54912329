"""fmbench leaderboard: declared boards to static pages, their proof, and a look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fmbench.cli.options import console

app = typer.Typer(help="Leaderboards from results.", no_args_is_help=True, rich_markup_mode=None)

SITE = Path("leaderboards/site")
Reports = Annotated[Path, typer.Option(help="Folder of reports.")]
SiteArgument = Annotated[Path, typer.Argument(metavar="SITE", help="Folder of a built site.")]


@app.callback()
def group() -> None:
    """Leaderboards from results."""


@app.command("build")
def build(
    boards: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[BOARD.yaml ...]", help="Default: leaderboards/*.yaml.", show_default=False),
    ] = None,
    reports: Reports = Path("reports"),
    out: Annotated[Path, typer.Option(help="Where the pages go.")] = SITE,
    cells: Annotated[bool, typer.Option("--cells/--no-cells", help="A page for every score.")] = True,
) -> None:
    """Render boards as self-contained pages, a folder each."""
    from fmbench.errors import InputError
    from fmbench.leaderboard.build import build_site

    files = boards or sorted(Path("leaderboards").glob("*.yaml"))
    if not files:
        raise InputError("no boards: leaderboards/ has no YAML file, and none was named")
    for page in build_site(files, reports, out, cells):
        typer.echo(f"leaderboard: {page}")


@app.command("verify")
def verify(site: SiteArgument = SITE, reports: Reports = Path("reports")) -> None:
    """Recompute every score of a site from stored predictions; exit code 1 where one differs."""
    from fmbench.errors import NothingMeasured
    from fmbench.leaderboard.verify import lines_of, verify_site

    verdict = verify_site(site, reports)
    for line in lines_of(verdict):
        typer.echo(line)
    if verdict.wrong:
        raise typer.Exit(1)
    if not verdict.scores:
        raise NothingMeasured(f"{site}: no score could be recomputed")


@app.command("serve")
def serve(
    site: SiteArgument = SITE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Show a site on localhost until interrupted."""
    from fmbench.leaderboard.serve import server

    with server(site, port) as running:
        typer.echo(f"http://127.0.0.1:{running.server_address[1]}/")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


@app.command("table")
def table(
    board: Annotated[str, typer.Argument(metavar="BOARD", help="Board file, or the name of one in leaderboards/.")],
    view: Annotated[
        str, typer.Option(help="Address of a view: the link that the page copies, or its part after #.")
    ] = "",
    reports: Reports = Path("reports"),
    format: Annotated[
        str, typer.Option(help="text, csv, json, markdown or latex; the last four as the page saves them.")
    ] = "text",
) -> None:
    """Print what a view of a board shows."""
    from fmbench.cli.tables import view_table
    from fmbench.errors import InputError, Problem, nearest
    from fmbench.leaderboard.build import build_one
    from fmbench.leaderboard.selection import select
    from fmbench.leaderboard.view_text import FORMATS, labels

    if format not in ("text", *FORMATS):
        known = ", ".join(("text", *FORMATS))
        raise InputError(Problem(f"--format {format}: not one of {known}", hint=nearest(format, FORMATS)))
    file = Path(board)
    named = Path("leaderboards") / f"{board}.yaml"
    if not file.suffix and named.is_file():
        file = named
    found = build_one(file, reports)
    shown = select(found, view)
    if format == "text":
        console().print(view_table(labels(shown), shown.texts, [column.format == "text" for column in shown.columns]))
    else:
        typer.echo(FORMATS[format](shown, found.name), nl=False)
