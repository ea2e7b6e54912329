"""What a board is: values only, the same for the same results whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fmbench.leaderboard.entry import Task
from fmbench.leaderboard.pairs import Compared
from fmbench.stats.ranks import Rank


class Estimate(NamedTuple):
    """A number with its 95 % interval; None where there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One row on one task, over its seeds.

    Args:
        estimate: the mean of the main metric over seeds, as measured; None where it is missing.
        scaled: the same, 0 at chance and 1 at the ceiling; None where the task has no such levels.
        rank: on this task, with the ranks that the tests leave open.
        n: how many things it is measured on.
        problem: why it is missing, or what happened to some of its seeds.
        folders: cells it comes from.
    """

    estimate: Estimate | None
    scaled: Estimate | None = None
    rank: Rank | None = None
    n: int = 0
    seeds: tuple[int, ...] = ()
    problem: str | None = None
    folders: tuple[str, ...] = ()


class Extra(NamedTuple):
    """A column beside the scores: a measure over all tasks, on one machine where it depends on that."""

    metric: str
    unit: str = ""
    machine: str | None = None
    higher_is_better: bool | None = None


class Curve(NamedTuple):
    """Rescaled scores by severity of one perturbation, averaged over the tasks that have it; severity 0 is clean."""

    perturbation: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One model and adaptation.

    Args:
        headline: None where a task is missing; `over_tasks` is the same value with tasks as the sample.
        group: number of its tie group, from 1.
        measured: of how many current tasks there is a score.
        domains, scores, extras: aligned with the board's.
        few_shot: (examples of each class, rescaled score on validation rows), means over the tasks that have them.
    """

    model: str
    adaptation: str
    headline: Estimate | None
    over_tasks: Estimate | None
    rank: Rank | None
    rank_over_tasks: Rank | None
    group: int | None
    measured: int
    domains: tuple[Estimate | None, ...]
    scores: tuple[Score, ...]
    extras: tuple[Estimate | str, ...]
    curves: tuple[Curve, ...] = ()
    few_shot: tuple[tuple[int, float], ...] = ()
    parameters: int | None = None
    trainable_parameters: int | None = None
    started_at: str = ""

    @property
    def name(self) -> str:
        return f"{self.model} · {self.adaptation}"


class Domain(NamedTuple):
    """A group of tasks with its share of the headline."""

    name: str
    title: str
    weight: float
    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Board:
    """What pages show.

    Args:
        tasks: columns of scores, current ones first by domain.
        pairs: every row against every other on each task, in the order of `rows`; None where they are too many.
        missing: suites that have no report yet.
    """

    name: str
    title: str
    description: str
    aggregate: str
    tasks: tuple[Task, ...]
    domains: tuple[Domain, ...]
    extras: tuple[Extra, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    license: str | None = None
    missing: tuple[str, ...] = ()
    over_tasks_problem: str | None = None
    pairs: tuple[Compared, ...] | None = field(default=None, compare=False, repr=False)
    lead: Compared | None = field(default=None, compare=False, repr=False)

    @property
    def current(self) -> Sequence[Task]:
        return [task for task in self.tasks if task.current]
