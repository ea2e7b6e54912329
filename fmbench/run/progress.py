"""What a run tells while it works: one live display on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

from typing import Any, Protocol

from fmbench.engine.context import Step
from fmbench.errors import one_line
from fmbench.measure.measurement import score
from fmbench.run.result import Result
from fmbench.suite.plan import Cell


class Progress(Protocol):
    """Listens to a run."""

    def start(self, cells: int, done: int) -> None: ...
    def cell_started(self, cell: Cell) -> None: ...
    def step(self, cell: Cell, step: Step) -> None: ...
    def cell_finished(self, cell: Cell, result: Result) -> None: ...
    def stop(self) -> None: ...


class Silent:
    """Says nothing."""

    def start(self, cells: int, done: int) -> None: ...
    def cell_started(self, cell: Cell) -> None: ...
    def step(self, cell: Cell, step: Step) -> None: ...
    def cell_finished(self, cell: Cell, result: Result) -> None: ...
    def stop(self) -> None: ...


def headline(result: Result) -> str:
    """The score of a cell, or why it has none, in a few words."""
    main = result.main()
    if result.error is not None or main is None:
        return f"FAILED: {result.error.message if result.error else 'no score'}"
    return score(main)


class Lines:
    """One line a cell, for logs and pipes."""

    def __init__(self, console: Any) -> None:
        self.console = console
        self.cells = self.done = 0

    def start(self, cells: int, done: int) -> None:
        self.cells, self.done = cells, done

    def cell_started(self, cell: Cell) -> None: ...
    def step(self, cell: Cell, step: Step) -> None: ...

    def cell_finished(self, cell: Cell, result: Result) -> None:
        self.done += 1
        text = f"[{self.done}/{self.cells}] {cell.name}: {headline(result)} ({result.seconds:.1f} s)"
        self.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None: ...


class Live:
    """A bar for the whole run and one for every cell in work, with loss and time to go."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.console = console
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            transient=True,
            refresh_per_second=5,
        )
        self.run: Any = None
        self.cells: dict[str, Any] = {}

    def start(self, cells: int, done: int) -> None:
        self.run = self.bars.add_task("cells", total=cells, completed=done, note="")
        self.bars.start()

    def cell_started(self, cell: Cell) -> None:
        self.cells[cell.folder] = self.bars.add_task(_plain(cell.name), total=None, note="")

    def step(self, cell: Cell, step: Step) -> None:
        note = f"epoch {step.epoch}/{step.epochs}  loss {step.loss:.3f}"
        self.bars.update(self.cells[cell.folder], total=step.steps, completed=step.step, note=note)

    def cell_finished(self, cell: Cell, result: Result) -> None:
        self.bars.remove_task(self.cells.pop(cell.folder))
        self.bars.advance(self.run)
        style = "red" if result.error else ""
        text = f"{cell.name}: {headline(result)} ({result.seconds:.1f} s)"
        self.console.print(one_line(text), style=style, markup=False, highlight=False)

    def stop(self) -> None:
        self.bars.stop()


def _plain(text: str) -> str:
    return one_line(text).replace("[", r"\[")


def display(console: Any) -> Progress:
    """The display that suits where the output goes."""
    return Live(console) if console.is_terminal else Lines(console)
