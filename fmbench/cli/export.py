"""fmbench export: results in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fmbench.cli.options import ReportArgument

app = typer.Typer(help="Results in the formats of other tools.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Results in the formats of other tools."""


@app.command("pytest-benchmark")
def pytest_benchmark(
    report: ReportArgument,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Default: the screen.", show_default=False)] = None,
) -> None:
    """Timings of a report as JSON that `pytest-benchmark compare` and github-action-benchmark read."""
    from fmbench.files import write_atomic
    from fmbench.gate.side import side_of_report
    from fmbench.interop.pytest_benchmark import pytest_benchmark_json
    from fmbench.run.store import open_report

    content = pytest_benchmark_json(side_of_report(open_report(report)))
    if out is None:
        typer.echo(content, nl=False)
        return
    write_atomic(out, content.encode())
    typer.echo(f"pytest-benchmark: {out}")
