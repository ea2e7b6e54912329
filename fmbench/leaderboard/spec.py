"""Board files: which reports a board shows, declared in YAML and checked like suites."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fmbench.suite.marks import read_yaml
from fmbench.suite.problems import Problems
from fmbench.suite.schema import Name, Spec


class BoardFile(Spec):
    """A declared leaderboard."""

    board: Name = Field(description="name of the page's file")
    title: str = Field(min_length=1)
    description: str = ""
    suites: list[Name] = Field(min_length=1, description="reports to show, by suite name")
    tasks: list[str] | None = Field(default=None, min_length=1, description="only these tasks")


def load_board(path: Path) -> BoardFile:
    """Read a board file. Raises InputError with all problems."""
    problems = Problems(read_yaml(path))
    board = problems.validate(BoardFile, problems.document.value)
    problems.raise_any()
    assert board is not None
    return board
