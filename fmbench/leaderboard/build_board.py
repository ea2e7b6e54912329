"""build_board: entries to ranked rows. Pure; a row's numbers depend on its own results and the board file alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fmbench.leaderboard.board import Board, Domain, Estimate, Row, Score
from fmbench.leaderboard.columns import Column, interval, make_column, problems_of
from fmbench.leaderboard.entry import Entry, Task, TaskKey
from fmbench.leaderboard.extras import curves_of, extras_of, few_shot_of, find_extras
from fmbench.leaderboard.holm_ranks import ranks_of
from fmbench.leaderboard.pairs import Compared, WeightedSum, over_tasks
from fmbench.leaderboard.spec import BoardFile
from fmbench.stats.ranks import Rank, tie_groups

RowKey = tuple[str, str]
Planned = Collection[tuple[str, str, str, str]]
"""(suite, task, model, adaptation) of every cell that the suites plan."""
Cells = Mapping[tuple[TaskKey, RowKey], Sequence[Entry]]
MAX_PAIRS = 2_000_000
"""Pairs of rows times tasks up to which all comparisons are kept."""
EVERYWHERE = (-math.inf, math.inf)


def build_board(
    spec: BoardFile,
    tasks: Iterable[Task],
    entries: Iterable[Entry],
    planned: Planned = (),
    missing: Sequence[str] = (),
) -> Board:
    """Rank models and adaptations.

    The headline is the weighted mean over domains of the mean over current tasks of the rescaled main metric; with a
    task missing there is none. A score is the mean over seeds. Ranks are of paired tests over items and seeds, Holm
    over each row; their second mode takes the tasks as the sample.

    Args:
        tasks: the columns; which of them there are must not depend on which models are there.
        planned: what was to be run, for the reasons of what is missing.
        missing: suites that have no report.
    """
    chosen = sorted(
        (task for task in tasks if spec.tasks is None or task.name in spec.tasks),
        key=lambda task: (not task.current, task.domain, task.key),
    )
    cells = _cells(spec, chosen, entries)
    plan = {cell for cell in planned if spec.adaptations is None or cell[3] in spec.adaptations}
    of_board = {(task.key.suite, task.name) for task in chosen}
    keys = sorted({row for _, row in cells} | {(m, a) for s, t, m, a in plan if (s, t) in of_board})
    few = len(keys) ** 2 * len(chosen) <= MAX_PAIRS
    domains = _domains(spec, chosen)
    columns, whole, total = _columns(chosen, keys, cells, domains, few)
    extras = find_extras(spec, chosen, (entry for cell in cells.values() for entry in cell))
    rows = []
    for number, key in enumerate(keys):
        own = [entry for task in chosen for entry in cells.get((task.key, key), ())]
        scores = tuple(
            column.scores.get(number) or _missing(column.task, key, cells.get((column.task.key, key), ()), plan)
            for column in columns
        )
        rows.append(_row(key, number, scores, columns, domains, own))
        rows[-1] = replace(
            rows[-1],
            extras=extras_of(extras, chosen, own),
            curves=curves_of(chosen, own),
            few_shot=few_shot_of(chosen, own),
        )
    lead, problem = _rank(rows, columns, domains, spec.aggregate, whole, total)
    order = sorted(range(len(rows)), key=lambda i: _place(rows[i]))
    return Board(
        spec.board,
        spec.title,
        spec.description,
        spec.aggregate,
        tuple(chosen),
        domains,
        tuple(extras),
        tuple(rows[i] for i in order),
        tuple(spec.notes),
        spec.license,
        tuple(missing),
        problem,
        _pairs(columns, order) if few else None,
        lead,
    )


def _cells(spec: BoardFile, tasks: Sequence[Task], entries: Iterable[Entry]) -> Cells:
    keys = {task.key for task in tasks}
    cells: dict[tuple[TaskKey, RowKey], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.task in keys and (spec.adaptations is None or entry.adaptation in spec.adaptations):
            cells[entry.task, entry.row].append(entry)
    for cell in cells.values():
        cell.sort(key=lambda entry: entry.seed)
    return dict(cells)


def _columns(
    tasks: Sequence[Task], keys: Sequence[RowKey], cells: Cells, domains: Sequence[Domain], few: bool
) -> tuple[list[Column], list[int], Compared]:
    """All columns, the numbers of the rows that have a headline, and the comparison of their headlines.

    Without `few` a column's own comparisons are let go as soon as they are added up: they are as many as the square of
    the rows.
    """
    weights = {task: domain.weight / len(domain.tasks) for domain in domains for task in domain.tasks}
    scored = {cell for cell, found in cells.items() if any(entry.value is not None for entry in found)}
    needed = [tasks[number] for number in weights]
    whole = [
        number
        for number, key in enumerate(keys)
        if needed and all(task.span is not None and (task.key, key) in scored for task in needed)
    ]
    total, columns = WeightedSum(len(whole)), []
    for number, task in enumerate(tasks):
        column = make_column(task, [cells.get((task.key, key), ()) for key in keys], few)
        if number in weights and whole and column.found is not None:
            total.add(weights[number], column.found.taken([column.at[row] for row in whole]))
        columns.append(column if few else replace(column, found=None))
    return columns, whole, total.compared()


def _domains(spec: BoardFile, tasks: Sequence[Task]) -> tuple[Domain, ...]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        if task.current:
            numbers[task.domain].append(number)
    declared = {name: spec.domains[name].weight if name in spec.domains else 1.0 for name in numbers}
    weights = declared if spec.aggregate == "domains" else {name: float(len(them)) for name, them in numbers.items()}
    titles = {name: (spec.domains[name].title if name in spec.domains else None) or name for name in numbers}
    total = math.fsum(weights.values())
    return tuple(Domain(name, titles[name], weights[name] / total, tuple(them)) for name, them in numbers.items())


def _missing(task: Task, key: RowKey, cell: Sequence[Entry], plan: set[tuple[str, str, str, str]]) -> Score:
    asked = (task.key.suite, task.name, *key) in plan
    return Score(None, problem=problems_of(cell) or ("not run" if asked or not plan else "unsupported"))


def _row(
    key: RowKey,
    number: int,
    scores: tuple[Score, ...],
    columns: Sequence[Column],
    domains: Sequence[Domain],
    own: Sequence[Entry],
) -> Row:
    whole = [(task, domain.weight / len(domain.tasks)) for domain in domains for task in domain.tasks]
    good = [entry for entry in own if entry.value is not None and entry.parameters is not None]
    return Row(
        *key,
        headline=_mean(number, columns, whole),
        over_tasks=None,
        rank=None,
        rank_over_tasks=None,
        group=None,
        measured=sum(score.estimate is not None and columns[t].task.current for t, score in enumerate(scores)),
        domains=tuple(_mean(number, columns, [(t, 1 / len(d.tasks)) for t in d.tasks]) for d in domains),
        scores=scores,
        extras=(),
        parameters=good[-1].parameters if good else None,
        trainable_parameters=good[-1].trainable_parameters if good else None,
        started_at=max((entry.started_at for entry in own), default=""),
    )


def _mean(number: int, columns: Sequence[Column], weights: Sequence[tuple[int, float]]) -> Estimate | None:
    """Weighted mean of a row's rescaled scores, None if one is missing; tasks are independent: their variances add."""
    parts = [(columns[task], weight) for task, weight in weights]
    if not parts or any(number not in column.at or column.task.span is None for column, _ in parts):
        return None
    at = [column.at[number] for column, _ in parts]
    value = math.fsum(weight * float(column.scaled[i]) for (column, weight), i in zip(parts, at, strict=True))
    variances = [weight**2 * float(column.variance[i]) for (column, weight), i in zip(parts, at, strict=True)]
    variance = math.fsum(variances)
    per_df = math.fsum(v**2 / float(column.df[i]) for v, (column, _), i in zip(variances, parts, at, strict=True))
    return interval(value, variance, variance**2 / per_df if per_df > 0 else 1.0, EVERYWHERE)


def _rank(
    rows: list[Row],
    columns: Sequence[Column],
    domains: Sequence[Domain],
    aggregate: str,
    whole: Sequence[int],
    total: Compared,
) -> tuple[Compared | None, str | None]:
    """Give ranks to the rows that have a headline, in place.

    Args:
        whole: numbers of these rows; `total` compares their headlines.

    Returns:
        The comparison, best first, and why tasks cannot be the sample, or None.
    """
    if not whole:
        return None, "no row has a score on every task"
    ranked = sorted(whole, key=lambda number: _place(rows[number]))
    lead = total.taken([whole.index(number) for number in ranked])
    heads = np.array([row.headline.value for n in ranked if (row := rows[n]).headline])
    lead = Compared(heads[:, None] - heads, lead.variance, lead.df)
    strata = [d.tasks for d in domains] if aggregate == "domains" else [[t for d in domains for t in d.tasks]]
    problem = None
    if min(map(len, strata)) < 2:
        problem = "tasks cannot be the sample: a domain has only one task"
    second = None if problem else _over_tasks(ranked, columns, strata, [d.weight for d in domains], aggregate)
    of_second: Sequence[Rank | None] = [None] * len(ranked) if second is None else ranks_of(second)
    groups = {i: g for g, group in enumerate(tie_groups(lead.pairwise()), 1) for i in group}
    for i, (number, rank) in enumerate(zip(ranked, ranks_of(lead), strict=True)):
        estimate = None if problem else _own_over_tasks(rows[number], domains, aggregate)
        rows[number] = replace(
            rows[number], rank=rank, group=groups[i], rank_over_tasks=of_second[i], over_tasks=estimate
        )
    return lead, problem


def _over_tasks(
    ranked: Sequence[int],
    columns: Sequence[Column],
    strata: Sequence[Sequence[int]],
    weights: Sequence[float],
    aggregate: str,
) -> Compared:
    scaled = {t: columns[t].scaled[[columns[t].at[n] for n in ranked]] for stratum in strata for t in stratum}
    order = sorted(scaled)
    numbers = {t: i for i, t in enumerate(order)}
    return over_tasks(
        np.stack([scaled[t] for t in order]),
        [[numbers[t] for t in stratum] for stratum in strata],
        weights if aggregate == "domains" else [1.0],
    )


def _own_over_tasks(row: Row, domains: Sequence[Domain], aggregate: str) -> Estimate:
    """The headline with tasks as the sample: `s^2 / T` of the scores within each domain."""
    strata = [(d.weight, d.tasks) for d in domains]
    if aggregate == "tasks":
        strata = [(1.0, tuple(t for d in domains for t in d.tasks))]
    variance = per_df = 0.0
    for weight, tasks in strata:
        values = [score.scaled.value for t in tasks if (score := row.scores[t]).scaled]
        mean = math.fsum(values) / len(values)
        part = weight**2 * math.fsum((v - mean) ** 2 for v in values) / ((len(values) - 1) * len(values))
        variance, per_df = variance + part, per_df + part**2 / (len(values) - 1)
    assert row.headline is not None
    return interval(row.headline.value, variance, variance**2 / per_df if per_df > 0 else 1.0, EVERYWHERE)


def _place(row: Row) -> tuple[bool, float, int, str, str]:
    value = row.headline.value if row.headline else 0.0
    return (row.headline is None, -value, -row.measured, row.model, row.adaptation)


def _pairs(columns: Sequence[Column], order: Sequence[int]) -> tuple[Compared, ...]:
    """Comparisons on every task in the order of the rows; NaN where one of the two has no score."""
    m = len(order)
    pairs = []
    for column in columns:
        assert column.found is not None
        there = [place for place, number in enumerate(order) if number in column.at]
        index = np.ix_(there, there)
        found = column.found.taken([column.at[order[place]] for place in there])
        parts = [found.difference, found.variance, found.df] + ([] if found.won is None else [found.won])
        whole = [np.full((m, m), np.nan) for _ in parts]
        for target, part in zip(whole, parts, strict=True):
            target[index] = part
        pairs.append(Compared(*whole))
    return tuple(pairs)
