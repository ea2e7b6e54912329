"""fmbench score: metrics again, from stored predictions, without a model."""

from __future__ import annotations

import typer

from fmbench.cli.options import ReportArgument, console


def score(report: ReportArgument) -> None:
    """Recompute, in place, everything of a report that its stored predictions and explanations tell."""
    from fmbench.cli.tables import result_table
    from fmbench.run.rescore import rescore
    from fmbench.run.store import open_report

    results, without = rescore(open_report(report))
    console().print(result_table(results))
    typer.echo(
        f"{len(results)} cells scored again" + (f", {without} without predictions left alone" if without else "")
    )
