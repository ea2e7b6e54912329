"""Board files: which results a board shows and how it weighs them, declared in YAML and checked like suites."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fmbench.errors import nearest
from fmbench.registry import ADAPTATIONS
from fmbench.suite.marks import read_yaml
from fmbench.suite.problems import Problems
from fmbench.suite.schema import Name, Spec

Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Weight = Annotated[float, Field(gt=0)]


class DomainSpec(Spec):
    """How a domain counts in the headline."""

    weight: Weight = 1.0
    title: Text | None = None


class BoardFile(Spec):
    """A declared leaderboard."""

    board: Name = Field(description="name of the board's folder under the site")
    title: Text
    description: str = ""
    suites: list[Name] = Field(min_length=1, description="reports to show, by suite name")
    tasks: list[Name] | None = Field(default=None, min_length=1, description="only these tasks; default: all planned")
    domains: dict[str, DomainSpec] = Field(default={}, description="weights of the domains; default 1 each")
    columns: list[Name] | None = Field(
        default=None, min_length=1, description="measures that are shown beside the scores, by metric name"
    )
    aggregate: Literal["domains", "tasks"] = Field(
        default="domains", description="headline: mean over domains of the mean over tasks, or mean over tasks"
    )
    adaptations: list[Name] | None = Field(default=None, min_length=1, description="which adaptations compete")
    hardware: Text | None = Field(default=None, description="speed only of machines whose name contains this")
    notes: list[Text] = Field(default=[])
    license: Text | None = Field(default=None, description="license of the published board")


def load_board(path: Path) -> BoardFile:
    """Read a board file. Raises InputError with all problems."""
    problems = Problems(read_yaml(path))
    value = problems.document.value
    board = problems.validate(BoardFile, value)
    names = value.get("adaptations") if isinstance(value, dict) else None
    for i, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str):
            problems.lookup(ADAPTATIONS, name, ("adaptations", i))
    for key in ("suites", "tasks", "columns", "adaptations"):
        _unique(problems, value, key)
    problems.raise_any()
    assert board is not None
    return board


def check_names(path: Path, board: BoardFile, tasks: Collection[str], domains: Collection[str]) -> None:
    """Whether the tasks and domains that a board names are those of its suites.

    Args:
        tasks, domains: all that the suites have.

    Raises:
        InputError: all that are not, each with its place.
    """
    problems = Problems(read_yaml(path))
    for i, name in enumerate(board.tasks or ()):
        if name not in tasks:
            problems.add(f"no suite of the board has the task {name!r}", ("tasks", i), hint=nearest(name, tasks))
    for name in board.domains:
        if name not in domains:
            what = f"no task of the board has the domain {name!r} (there are: {', '.join(sorted(domains))})"
            problems.add(what, ("domains", name), key=True, hint=nearest(name, domains))
    problems.raise_any()


def _unique(problems: Problems, value: object, key: str) -> None:
    names = value.get(key) if isinstance(value, dict) else None
    for i, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(names, list) and name in names[:i]:
            problems.add(f"{key}: {name!r} is named twice", (key, i))
