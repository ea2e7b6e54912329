"""What can go wrong, as values: a problem has a place, a sentence and, where possible, the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where in which file; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input, printed as one line."""

    message: str
    place: Place | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        hint = f"; did you mean {self.hint!r}?" if self.hint else ""
        return one_line(f"{where}{self.message}{hint}")


class FmbenchError(Exception):
    """Base of every error that a user can cause; `exit_code` is what the command returns."""

    exit_code = 2


class InputError(FmbenchError):
    """Bad input: all the problems that were found, in order."""

    def __init__(self, problems: Iterable[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NothingMeasured(FmbenchError):
    """The input is good but there is nothing to do or to compare."""

    exit_code = 3


class CellFailed(FmbenchError):
    """One cell cannot be computed (diverged, out of time, model unusable); the others go on."""

    exit_code = 1


class MissingExtra(FmbenchError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package!r} is needed here: pip install 'fmbench[{extra}]'")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` most likely meant, or None."""
    pool = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(str(name).lower(), pool, n=1, cutoff=0.6)
    return pool[close[0]] if close else None


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, fit for one line of a terminal or a log."""
    return "".join(c if c.isprintable() else " " for c in " ".join(str(text).split()))
