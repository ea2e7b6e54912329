"""Tables for the terminal, made from plain values."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from fmbench.data.dataset import Dataset
from fmbench.errors import one_line
from fmbench.run.progress import percent
from fmbench.run.result import Result
from fmbench.suite.plan import Cell
from fmbench.suite.schema import Suite

CLIP = 60


def clip(text: str) -> str:
    """Names can be of any length and hold any character; a table's column cannot."""
    text = one_line(text)
    return escape(text if len(text) <= CLIP else text[: CLIP - 1] + "…")


def plan_table(suite: Suite, cells: Sequence[Cell], datasets: dict[str, Dataset]) -> Table:
    """What is going to be run: one row a task."""
    table = Table(title=f"{suite.name} v{suite.version}: {len(cells)} cells", title_justify="left")
    for name in ("task", "kind", "train / validation / test", "models × adaptations", "cells"):
        table.add_column(name, justify="right" if name == "cells" else "left")
    for task in suite.tasks:
        mine = [cell for cell in cells if cell.task.name == task.name]
        if not mine:
            continue
        data = datasets.get(task.name)
        rows = " / ".join(f"{n:,}" for n in data.rows.values()) if data else "from the hub"
        pairs = dict.fromkeys(f"{clip(cell.model.name)} {cell.adaptation}" for cell in mine)
        table.add_row(clip(task.name), task.spec.kind, rows, ", ".join(pairs), str(len(mine)))
    return table


def result_table(results: Sequence[Result]) -> Table:
    """One row a cell: main metric with its interval, speed, and why a cell failed."""
    table = Table(title_justify="left")
    for name in ("task", "model", "adaptation", "seed", "metric"):
        table.add_column(name)
    for name in ("score %", "95 % interval", "n", "examples/s", "seconds"):
        table.add_column(name, justify="right")
    for result in results:
        main, speed = result.main(), result.find("examples_per_s")
        names = (clip(result.task), clip(result.model), clip(result.adaptation), str(result.seed))
        if result.error is not None or main is None:
            reason = escape(one_line(result.error.message)) if result.error else "no score"
            table.add_row(*names, f"[red]failed: {reason}[/red]", "", "", "", "", f"{result.seconds:.1f}")
            continue
        interval = f"{percent(main.low)} – {percent(main.high)}"
        rate = f"{speed.value:,.0f}" if speed and speed.value is not None else ""
        table.add_row(*names, main.metric, percent(main.value), interval, f"{main.n:,}", rate, f"{result.seconds:.1f}")
    return table
