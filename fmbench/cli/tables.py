"""Tables for the terminal, made from plain values."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from fmbench.data.dataset import Dataset
from fmbench.errors import one_line
from fmbench.measure.measurement import score
from fmbench.run.result import Result
from fmbench.suite.plan import Cell
from fmbench.suite.schema import Suite

CLIP = 60


def clip(text: str) -> str:
    """Names can be of any length and hold any character; a table's column cannot."""
    text = one_line(text)
    return escape(text if len(text) <= CLIP else text[: CLIP - 1] + "…")


def plan_table(suite: Suite, cells: Sequence[Cell], datasets: dict[str, Dataset]) -> Table:
    """What is going to be run: one row a task, with the examples that all its cells together read."""
    table = Table(title=f"{suite.name} v{suite.version}: {len(cells)} cells", title_justify="left", box=box.SIMPLE)
    for name in ("task", "train / val / test", "models × adaptations"):
        table.add_column(name)
    for name in ("cells", "examples"):
        table.add_column(name, justify="right")
    for task in suite.tasks:
        mine = [cell for cell in cells if cell.task.name == task.name]
        if not mine:
            continue
        data = datasets.get(task.name)
        rows = " / ".join(f"{n:,}" for n in data.rows.values()) if data else "from the hub"
        pairs = dict.fromkeys(f"{clip(cell.model.name)} {cell.adaptation}" for cell in mine)
        size = f"{sum(examples_read(cell, data) for cell in mine):,}" if data else "?"
        table.add_row(clip(task.name), rows, ", ".join(pairs), str(len(mine)), size)
    return table


def examples_read(cell: Cell, data: Dataset) -> int:
    """Examples that go through the model in one cell: train and validation once an epoch, test once."""
    owner = cell.settings if hasattr(cell.settings, "epochs") else cell.model.settings
    return int(getattr(owner, "epochs", 1)) * (data.rows["train"] + data.rows["validation"]) + data.rows["test"]


def result_table(results: Sequence[Result]) -> Table:
    """One row a cell: main metric with its interval, speed, and why a cell failed."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("task", "model", "adaptation"):
        table.add_column(name)
    table.add_column("seed", justify="right")
    table.add_column("metric  [95 % interval]")
    for name in ("n", "ex/s"):
        table.add_column(name, justify="right")
    for result in results:
        main, speed = result.main(), result.find("examples_per_s")
        names = (clip(result.task), clip(result.model), clip(result.adaptation), str(result.seed))
        if result.error is not None or main is None:
            reason = escape(one_line(result.error.message)) if result.error else "no score"
            table.add_row(*names, f"[red]failed: {reason}[/red]", "", "")
            continue
        rate = f"{speed.value:,.0f}" if speed and speed.value is not None else ""
        table.add_row(*names, escape(score(main)), f"{main.n:,}", rate)
    return table


def view_table(names: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]) -> Table:
    """What a view of a board shows; numbers stand to the right."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name, is_text in zip(names, left, strict=True):
        table.add_column(clip(name), justify="left" if is_text else "right")
    for row in rows:
        table.add_row(*map(clip, row))
    return table
