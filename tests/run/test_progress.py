"""The displays: one line a finished cell, or one bar for every cell in work."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fmbench.engine.context import Step
from fmbench.run.progress import Lines, Live, display
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan


@pytest.fixture
def finished(bench: Any) -> list[Any]:
    """Cells with their results."""
    return list(bench.run().results)


def test_a_bar_for_every_cell_in_work(finished: list[Any]) -> None:
    live = Live(Console(file=io.StringIO(), force_terminal=True, width=160))
    (one, result), (other, _), *_ = finished
    live.start(4, 1)
    live.cell_started(one)
    live.cell_started(other)
    live.step(other, Step(1, 3, 2, 30, 0.5))
    live.step(one, Step(2, 2, 9, 10, 0.25))
    bars = {task.description: task for task in live.bars.tasks}
    assert (bars[one.name].completed, bars[one.name].total) == (9, 10)
    assert (bars[other.name].completed, bars[other.name].total) == (2, 30)
    assert bars[other.name].fields["note"] == "epoch 1/3  loss 0.500"
    live.cell_finished(one, result)
    live.step(other, Step(1, 3, 3, 30, 0.5))
    live.stop()
    bars = {task.description: task for task in live.bars.tasks}
    assert set(bars) == {"cells", other.name}
    assert (bars["cells"].completed, bars["cells"].total, bars[other.name].completed) == (2, 4, 3)
    assert f"{one.name}: accuracy " in live.console.file.getvalue()


def test_lines_are_told_as_cells_finish(finished: list[Any]) -> None:
    lines = Lines(Console(file=io.StringIO(), width=40))
    lines.start(4, 2)
    for cell, _ in finished[2:]:
        lines.cell_started(cell)
        lines.step(cell, Step(1, 1, 1, 1, 0.5))
    for cell, result in reversed(finished[2:]):
        lines.cell_finished(cell, result)
    lines.stop()
    told = lines.console.file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in told] == [f"[3/4] {finished[3][0].name}", f"[4/4] {finished[2][0].name}"]


@pytest.mark.parametrize(("terminal", "kind"), [(True, Live), (False, Lines)])
def test_the_display_suits_where_the_output_goes(terminal: bool, kind: type) -> None:
    assert type(display(Console(file=io.StringIO(), force_terminal=terminal))) is kind


def test_names_with_brackets_are_shown_as_they_are(tiny_suite: Path) -> None:
    text = tiny_suite.read_text().replace("majority,", "{name: 'a[red]b', loader: majority},")
    tiny_suite.write_text(text)
    cell = plan(load_suite(tiny_suite))[0]
    live = Live(Console(file=io.StringIO(), force_terminal=True, width=160))
    live.start(1, 0)
    live.cell_started(cell)
    live.bars.refresh()
    live.stop()
    assert "a[red]b" in live.console.file.getvalue()
