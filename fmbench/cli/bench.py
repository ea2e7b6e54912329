"""fmbench bench: speed and memory of two sides, measured in one job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fmbench.cli.gate import Github, Inconclusive, JsonFile, JunitFile, MarkdownFile, Strict, write
from fmbench.cli.options import Adaptations, Models, Tasks, console, names
from fmbench.errors import InputError, NothingMeasured

if TYPE_CHECKING:
    from fmbench.gate.verdict import Cells
    from fmbench.suite.plan import Cell

HERE = Path(__file__).parents[2]
SideArgument = typer.Argument(
    help="Checkout of fmbench, or a Python executable; default: this one.", show_default=False
)
Sets = list[str] | None


def bench(
    base: Annotated[Path | None, SideArgument] = None,
    new: Annotated[Path | None, SideArgument] = None,
    suite: Annotated[Path, typer.Option("--suite", metavar="SUITE", help="Suite file.")] = Path("suites/nlp-core.yaml"),
    models: Models = None,
    tasks: Tasks = None,
    adaptations: Adaptations = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the cells that are fitted.")] = 0,
    base_python: Annotated[Path | None, typer.Option(help="Python of the base.")] = None,
    new_python: Annotated[Path | None, typer.Option(help="Python of the new side.")] = None,
    base_set: Annotated[Sets, typer.Option("--base-set", metavar="KEY=VALUE", help="Override the base.")] = None,
    new_set: Annotated[Sets, typer.Option("--new-set", metavar="KEY=VALUE", help="Override new.")] = None,
    examples: Annotated[int, typer.Option(min=1, help="Test examples in a timed pass.")] = 64,
    limit: Annotated[int | None, typer.Option(min=1, help="First N rows of each split.")] = None,
    device: Annotated[str, typer.Option(help="Timed by CPU time, cuda by its events, others by wall time.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Of each process.")] = 1,
    margin: Annotated[float | None, typer.Option(min=0.001, help="Slowdown that does not matter: 0.05 is 5 %.")] = None,
    inconclusive: Inconclusive = None,
    strict: Strict = False,
    json: JsonFile = None,
    markdown: MarkdownFile = None,
    junit: JunitFile = None,
    github: Github = False,
) -> None:
    """Measure two code revisions, environments or settings in one job; alone, `--models A,B` compares two models.

    Both sides and a second copy of the base take turns in fresh processes; more rounds while undecided.
    """
    from fmbench.gate.bench import Bench, SideFailed, arm
    from fmbench.gate.bench import bench as measured
    from fmbench.gate.rules import rules_of
    from fmbench.gate.verdict import Check, Refused, Verdict
    from fmbench.run.device import resolve_device
    from fmbench.suite.loader import load_suite
    from fmbench.suite.plan import Selection, plan

    sides = [_side(base, base_python, "base"), _side(new, new_python, "new")]
    loaded = load_suite(suite, base_set or ())
    load_suite(suite, new_set or ())
    rules = rules_of(loaded.gate, (), inconclusive, strict)
    device = resolve_device(device)
    picked = plan(loaded, Selection(names(models), names(tasks), names(adaptations), [seed]))
    two = names(models) or []
    pairs = _models_in_pairs(picked, two) if base is None and new is None and len(two) == 2 else _same(picked)
    if not pairs:
        raise NothingMeasured("no cells selected: no model, task and adaptation of this selection fit together")
    screen = console(stderr=True)
    settings = Bench(
        clock={"cpu": "cpu", "cuda": "device"}.get(device, "wall"),
        speed_margin=margin or rules.speed_margin,
        memory_margin=rules.memory_margin,
        threads=threads,
        cells=len(pairs),
        tell=lambda line: screen.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    checks: list[Check] = []
    refused: list[Refused] = []
    for cells, first, second in pairs:
        jobs = [
            _job(suite, cell, overrides, seed, examples, limit, device)
            for cell, overrides in ((first, base_set), (second, new_set))
        ]
        before, after = (arm(python, code, job) for (python, code), job in zip(sides, jobs, strict=True))
        try:
            checks += measured(cells, before, after, settings)
        except SideFailed as error:
            refused.append(Refused(str(cells), str(error)))
    says = [f"{python} {code or '(installed)'}" for python, code in sides]
    note = f"{settings.clock} time, {threads} thread, load {os.getloadavg()[0]:.1f} at the end"
    verdict = Verdict(loaded.name, says[0], says[1], tuple(checks), tuple(refused), notes=(note,), policy=rules.policy)
    write(verdict, verdict.exit_code, json, markdown, junit, github, {task.name: task.place for task in loaded.tasks})
    raise typer.Exit(verdict.exit_code)


def _side(path: Path | None, python: Path | None, which: str) -> tuple[Path, Path | None]:
    """(interpreter, checkout or None for the fmbench that is installed there).

    Another interpreter never gets the packages of this one: they would be measured instead of its own.
    """
    if python is not None and not (python.is_file() and os.access(python, os.X_OK)):
        raise InputError(f"--{which}-python {python}: not an executable file")
    mine = python or Path(sys.executable)
    if path is None:
        return mine, HERE if python is None else None
    if path.is_file() and os.access(path, os.X_OK):
        return path, None
    if not (path / "fmbench" / "__init__.py").is_file():
        raise InputError(f"{path}: neither a checkout (a folder with fmbench/ in it) nor a Python executable")
    return mine, path.resolve()


def _same(cells: tuple[Cell, ...]) -> list[tuple[Cells, Cell, Cell]]:
    from fmbench.gate.verdict import Cells

    return [(Cells(cell.task.name, cell.model.name, cell.adaptation), cell, cell) for cell in cells]


def _models_in_pairs(cells: tuple[Cell, ...], models: list[str]) -> list[tuple[Cells, Cell, Cell]]:
    """Cells of the first model beside those of the second, on the same task with the same adaptation."""
    from fmbench.gate.verdict import Cells

    second = {(cell.task.name, cell.adaptation): cell for cell in cells if cell.model.name == models[1]}
    return [
        (Cells(cell.task.name, f"{models[0]} -> {models[1]}", cell.adaptation), cell, second[key])
        for cell in cells
        if cell.model.name == models[0] and (key := (cell.task.name, cell.adaptation)) in second
    ]


def _job(
    suite: Path, cell: Cell, overrides: Sets, seed: int, examples: int, limit: int | None, device: str
) -> dict[str, Any]:
    return {
        "suite": str(suite.resolve()),
        "overrides": overrides or [],
        "task": cell.task.name,
        "model": cell.model.name,
        "adaptation": cell.adaptation,
        "seed": seed,
        "examples": examples,
        "limit": limit,
        "device": device,
    }
