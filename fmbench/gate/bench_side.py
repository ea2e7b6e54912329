"""What `fmbench bench` can measure as a side, and which cells a side has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmbench.errors import InputError, Place, Problem
from fmbench.gate.arm import WORKER, Arm, Worker
from fmbench.gate.verdict import Cells
from fmbench.gate.worker import contents
from fmbench.suite.loader import unknown_names
from fmbench.suite.schema import Gate

HERE = Path(__file__).parents[2]
MINUTES_TO_PLAN = 10.0


@dataclass(frozen=True)
class BenchSide:
    """An interpreter, the code that it finds, and a suite file.

    Args:
        folder: where it runs: a checkout of fmbench or a folder of the user's; None: wherever this process runs.
        paths: its PYTHONPATH.
        suite: as it is told to people.
        own: the suite file and the code that it needs are the side's own, so only its own process can read it.
    """

    python: Path
    folder: Path | None
    paths: tuple[Path, ...]
    suite: Path
    own: bool = False

    def __str__(self) -> str:
        return f"{self.python} {self.folder or '(installed)'}"

    def arm(self, job: dict[str, Any], minutes: float) -> Arm:
        """The worker of this fmbench in the side's interpreter, with the side's code."""
        command = (str(self.python), "-P", str(WORKER))
        return Arm(command, {"suite": os.path.abspath(self.suite), **job}, self.folder, self.paths, minutes)


@dataclass(frozen=True)
class Contents:
    """What a side's suite file holds.

    Args:
        cells: of one seed, in the order in which they are run.
        names: "model", "task" and "adaptation" -> all there are.
        versions: task -> its version.
        minutes: that a cell may take.
        places: task -> where it stands in the suite file.
    """

    suite: str
    cells: tuple[Cells, ...]
    names: dict[str, list[str]]
    versions: dict[str, int]
    gate: Gate
    minutes: float
    places: dict[str, Place]


def sides_of(
    paths: Sequence[Path | None], pythons: Sequence[Path | None], suite: Path, flags: Sequence[str]
) -> list[BenchSide]:
    """The sides that the command line names: a path is a folder or an interpreter, None is this fmbench.

    A folder that is no checkout of fmbench is a project that uses it: its worker reads the suite file that lies at the
    same relative path as `suite` and finds modules in its `src`, in itself, and then this fmbench. Another interpreter
    never gets the packages of this one: they would be measured instead of its own.

    Args:
        flags: what the option of each interpreter is called, for messages.

    Raises:
        InputError: a side is nothing of all that.
    """
    for python, flag in zip(pythons, flags, strict=True):
        if python is not None and not _runs(python):
            raise InputError(f"{flag} {python}: not an executable file")
    below = _below([path for path in paths if path is not None and path.is_dir() and not _checkout(path)], suite)
    return [_side(path, python, suite, below) for path, python in zip(paths, pythons, strict=True)]


def _side(path: Path | None, python: Path | None, suite: Path, below: Path | None) -> BenchSide:
    mine = python or Path(sys.executable)
    if path is None:
        return BenchSide(mine, HERE, (HERE,), suite) if python is None else BenchSide(mine, None, (), suite)
    if _runs(path):
        return BenchSide(path, None, (), suite)
    folder = path.resolve()
    if _checkout(path):
        return BenchSide(mine, folder, (folder,), suite)
    if below is None or not (path / below).is_file():
        what = f"a folder with {below or suite} in it"
        raise InputError(f"{path}: neither {what}, nor a checkout of fmbench, nor a Python executable")
    paths = (folder / "src", folder, *([HERE] if python is None else []))
    return BenchSide(mine, folder, paths, path / below, own=True)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _checkout(path: Path) -> bool:
    return (path / "fmbench" / "__init__.py").is_file()


def _below(folders: Sequence[Path], suite: Path) -> Path | None:
    """Where the suite lies in each of the folders: as it lies in the innermost that holds it, else as it is written."""
    whole = Path(os.path.abspath(suite))
    for folder in sorted((Path(os.path.abspath(one)) for one in folders), key=lambda one: len(one.parts), reverse=True):
        if whole.is_relative_to(folder):
            return whole.relative_to(folder)
    if not folders or not (suite.is_absolute() or ".." in suite.parts):
        return suite if folders else None
    raise InputError(f"--suite {suite}: lies in none of the sides; name it as it lies in each of them")


def contents_of(side: BenchSide, overrides: Sequence[str], seed: int, which: str) -> Contents:
    """What the side's suite file holds, read by the side itself where the file is its own.

    Raises:
        InputError: the suite file is wrong.
        SideFailed: the side's process cannot read it at all.
    """
    job = {"contents": True, "overrides": list(overrides), "seed": seed}
    if side.own:
        with Worker(which, side.arm(job, MINUTES_TO_PLAN), threads=1) as worker:
            found = worker.answer()
    else:
        found = contents({"suite": str(side.suite), **job})
    if "problems" in found:
        raise InputError([Problem(f"{which}: {line}") for line in found["problems"]])
    return Contents(
        suite=found["suite"],
        cells=tuple(Cells(*names) for names in found["cells"]),
        names=found["names"],
        versions=found["versions"],
        gate=Gate.model_validate(found["gate"]),
        minutes=found["minutes"],
        places={task: Place(str(side.suite), *place) for task, place in found["places"].items()},
    )


@dataclass(frozen=True)
class Pairs:
    """Cells to measure.

    Args:
        both: (what the pair is called, cell of the base, cell of the new side).
        only_base, only_new: cells that the other side does not have.
    """

    both: tuple[tuple[Cells, Cells, Cells], ...]
    only_base: tuple[Cells, ...] = ()
    only_new: tuple[Cells, ...] = ()

    def why_none(self) -> str:
        """What to say where there are no pairs."""
        alone = [
            f"only {side}: {', '.join(map(str, cells))}"
            for side, cells in (("base", self.only_base), ("new", self.only_new))
            if cells
        ]
        if alone:
            return f"no cells that both sides have; {'; '.join(alone)}"
        return "no cells selected: no model, task and adaptation of this selection fit together"


def pairs_of(
    base: Contents, new: Contents,
    models: list[str] | None, tasks: list[str] | None, adaptations: list[str] | None, two_models: bool = False,
) -> Pairs:  # fmt: skip
    """The cells of the selection that both sides have; with `two_models`, two selected models are paired instead.

    Raises:
        InputError: the sides are of different suites, or a selected name is in neither.
    """
    if base.suite != new.suite:
        raise InputError(f"the base is the suite {base.suite!r}, the new side {new.suite!r}")
    problems = []
    for what, asked in (("model", models), ("task", tasks), ("adaptation", adaptations)):
        known = list(dict.fromkeys([*base.names[what], *new.names[what]]))
        problems += unknown_names(asked or (), known, what)
    if problems:
        raise InputError(problems)

    def chosen(cells: Sequence[Cells]) -> list[Cells]:
        return [
            cell
            for cell in cells
            if (models is None or cell.model in models)
            and (tasks is None or cell.task in tasks)
            and (adaptations is None or cell.adaptation in adaptations)
        ]

    before, after = chosen(base.cells), chosen(new.cells)
    if two_models and models is not None and len(models) == 2:
        return Pairs(tuple(_of_two_models(before, after, *models)))
    return Pairs(
        tuple((cell, cell, cell) for cell in after if cell in before),
        tuple(cell for cell in before if cell not in after),
        tuple(cell for cell in after if cell not in before),
    )


def _of_two_models(
    base: list[Cells], new: list[Cells], first: str, second: str
) -> Iterator[tuple[Cells, Cells, Cells]]:
    """Cells of the first model beside those of the second, on the same task with the same adaptation."""
    for cell in base:
        other = Cells(cell.task, second, cell.adaptation)
        if cell.model == first and other in new:
            yield Cells(cell.task, f"{first} -> {second}", cell.adaptation), cell, other
