"""The table of a verdict for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fmbench.cli.tables import clip
from fmbench.errors import one_line
from fmbench.gate import text
from fmbench.gate.verdict import Check, Verdict, worst_first

COLORS = {"inconclusive": "yellow", "pass": "green"}
MOST_FLIPS = 5


def show(verdict: Verdict, out: Console) -> None:
    """What changed, by how much, with intervals; then why it is not a pass, the examples that flipped, and remarks."""
    if verdict.checks:
        out.print(_table(verdict))
    for check in worst_first(verdict.checks):
        if check.outcome == "pass":
            continue
        what = f"{_colored(verdict, check)} {escape(one_line(check.name))}"
        out.print(f"{what}: {escape(text.sentence(check))}", soft_wrap=True)
        for flip in check.flips[:MOST_FLIPS]:
            out.print(f"  {escape(text.flip(flip))}", soft_wrap=True)
    for line in text.remarks(verdict):
        out.print(escape(line), soft_wrap=True)
    out.print(escape(text.summary(verdict)), soft_wrap=True)


def _colored(verdict: Verdict, check: Check) -> str:
    return f"[{'red' if verdict.fails(check) else COLORS[check.outcome]}]{check.outcome}[/]"


def _table(verdict: Verdict) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("verdict", "task", "model", "metric"):
        table.add_column(name)
    for name in ("base", "new", "change [interval]", "margin", "p", "n", "lost/gained"):
        table.add_column(name, justify="right")
    for check in worst_first(verdict.checks):
        table.add_row(
            _colored(verdict, check),
            clip(check.cells.task),
            f"{clip(check.cells.model)} {clip(check.cells.adaptation)}",
            check.metric,
            text.score(check, check.base),
            text.score(check, check.new),
            escape(f"{text.change(check, check.change)} {text.interval(check)}".strip()),
            text.change(check, check.margin, signed=False),
            text.p_value(check.adjusted),
            f"{check.n:,}" + (f" × {check.seeds}" if check.seeds > 1 else ""),
            "" if check.lost is None else f"{check.lost}/{check.gained}",
        )
    return table
