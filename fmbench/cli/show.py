"""fmbench show: the results of a report, and the report by label of every task."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from fmbench.cli.options import Adaptations, Json, Models, ReportArgument, Seeds, Tasks, console, names, numbers
from fmbench.errors import NothingMeasured

if TYPE_CHECKING:
    from rich.table import Table

    from fmbench.measure.report import ReportLine
    from fmbench.run.result import Result


def show(
    report: ReportArgument,
    models: Models = None,
    tasks: Tasks = None,
    adaptations: Adaptations = None,
    seeds: Seeds = None,
    json: Json = False,
) -> None:
    """Show results: every cell, and precision, recall and F1 by entity type or class."""
    from fmbench.cli.tables import result_table
    from fmbench.measure.report import read_report
    from fmbench.run.store import open_report

    wanted = {"model": names(models), "task": names(tasks), "adaptation": names(adaptations), "seed": numbers(seeds)}
    results = [
        result
        for _, result in open_report(report).all()
        if all(only is None or getattr(result, name) in only for name, only in wanted.items())
    ]
    if not results:
        raise NothingMeasured(f"{report}: no results match")
    if json:
        typer.echo(json_module.dumps([json_module.loads(result.to_json()) for result in results], ensure_ascii=False))
        return
    out = console()
    out.print(result_table(results))
    for result in results:
        found = read_report(result.measurements)
        if found:
            out.print(_report_table(result, found))


def _report_table(result: Result, rows: Sequence[ReportLine]) -> Table:
    from rich import box
    from rich.table import Table

    from fmbench.cli.tables import clip
    from fmbench.measure.measurement import percent

    sort = "entities" if result.kind == "token-classification" else "classes"
    title = f"{clip(result.task)} · {clip(result.model)} · {clip(result.adaptation)} · seed {result.seed}: {sort}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("type")
    for name in ("precision", "recall", "F1", "support"):
        table.add_column(name, justify="right")
    for row in rows:
        if row.label == "micro":
            table.add_section()
        scores = (percent(row.precision), percent(row.recall), percent(row.f1))
        table.add_row(clip(row.label), *scores, f"{row.support:,}")
    return table
