"""fmbench export: results in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    Path, typer.Argument(metavar="REPORT|FILE", help="Report, or JSON of fmbench bench.", show_default=False)
]
app = typer.Typer(help="Results in the formats of other tools.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Results in the formats of other tools."""


@app.command("pytest-benchmark")
def pytest_benchmark(
    source: Source,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Default: the screen.", show_default=False)] = None,
) -> None:
    """Timings of a report or a bench as JSON that `pytest-benchmark compare` and github-action-benchmark read."""
    from fmbench.files import write_atomic
    from fmbench.interop.pytest_benchmark import of_bench, of_report

    content = of_bench(source) if source.is_file() else of_report(source)
    if out is None:
        typer.echo(content, nl=False)
        return
    write_atomic(out, content.encode())
    typer.echo(f"pytest-benchmark: {out}")
