"""fmbench baseline save: a report as a small file to commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fmbench.cli.options import ReportArgument

app = typer.Typer(help="Committed references of the gate.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Committed references of the gate."""


@app.command("save")
def save(
    report: ReportArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE", help="Default: reports/baselines/<suite>.", show_default=False)
    ] = None,
) -> None:
    """Write what the gate needs of a report: scores, what each example adds to them, fingerprints, task versions."""
    from fmbench.gate.save import save_baseline
    from fmbench.run.store import open_report

    store = open_report(report)
    path, baseline = save_baseline(store, out or Path("reports/baselines") / store.folder.resolve().name)
    typer.echo(f"baseline: {path} ({len(baseline.cells)} cells, {path.stat().st_size / 1000:,.0f} kB)")
