"""Board -> a table of columns and cells: the one shape that the page, its data and every export are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, NamedTuple

from fmbench.leaderboard.board import Board, Domain, Estimate, Extra, Row
from fmbench.leaderboard.entry import Task
from fmbench.stats.ranks import Rank

Format = Literal["text", "rank", "percent", "share", "count", "number", "bytes", "coverage"]
FIRST_COLUMNS = 12
PREFERRED = (
    "robust_drop",
    "brier",
    "ece",
    "worst_group",
    "examples_per_s",
    "latency_p50_ms",
    "peak_memory_bytes",
    "energy_joules",
)
DASH = "–"


class Cell(NamedTuple):
    """What one place of the table holds.

    Args:
        value: what is sorted and exported; None where it is missing.
        low, high: its interval.
        reason: why it is missing, or what happened beside it.
    """

    value: float | int | str | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Args:
        id: short and stable, for the address of a view.
        name: in exports, unique.
        group: "row", "score", "domain", the name of a task's domain, or "measure".
        task: number of its task, or None.
        domain: number of its domain, or None.
        note: a few words that stand below the label.
        higher_is_better: decides what the first click sorts to the top.
    """

    id: str
    name: str
    label: str
    help: str
    group: str
    format: Format
    shown: bool
    higher_is_better: bool | None = None
    task: int | None = None
    domain: int | None = None
    chance: float | None = None
    span: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Columns, and for every row of the board one cell a column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


Part = tuple[Column, Callable[[Row], Cell]]


def make_table(board: Board, tasks: Sequence[int] | None = None) -> Table:
    """The table of a board.

    Args:
        tasks: numbers of the tasks that get a column; all by default.
    """
    parts = [*_head(board), *_domains(board), *_tasks(board, tasks), *_measures(board)]
    rows = tuple(tuple(cell(row) for _, cell in parts) for row in board.rows)
    return Table(tuple(column for column, _ in parts), rows)


def _head(board: Board) -> list[Part]:
    total = len(board.current)
    what = "mean over domains of the mean over tasks" if board.aggregate == "domains" else "mean over tasks"
    return [
        (
            Column("rank", "rank", "Rank", "by the headline; in brackets the ranks that paired tests leave open",
                   "score", "rank", True, False),
            lambda row: _rank_cell(row.rank, row, total),
        ),
        (Column("model", "model", "Model", "", "row", "text", True), lambda row: Cell(row.model)),
        (Column("method", "adaptation", "Method", "how the model was put to the task", "row", "text", True),
         lambda row: Cell(row.adaptation)),
        (
            Column("score", "headline", "Score", f"{what} of the main metric, 0 at chance and 100 at the ceiling",
                   "score", "percent", True, True),
            lambda row: _estimate(row.headline, _coverage_reason(row, total)),
        ),
        (Column("tasks", "coverage", "Tasks", f"scores on how many of {total} tasks", "score", "coverage", True, True),
         lambda row: Cell(row.measured)),
        (Column("params", "parameters", "Params", "parameters of the model", "row", "count", True, False),
         lambda row: Cell(row.parameters)),
        (Column("trained", "trainable_parameters", "Trained", "parameters that were fitted on the task", "row", "count",
                False, False),
         lambda row: Cell(row.trainable_parameters)),
    ]  # fmt: skip


def _domains(board: Board) -> list[Part]:
    several = len(board.domains) > 1
    return [
        (
            Column(f"d{d}", f"domain:{domain.name}", domain.title,
                   f"mean of {_tasks_text(domain)}, 0 at chance and 100 at the ceiling; {100 * domain.weight:.3g} % of "
                   "the score", "domain", "percent", several and d < 4, True, None, d),
            _domain_cell(d, len(domain.tasks)),
        )
        for d, domain in enumerate(board.domains)
    ]  # fmt: skip


def _domain_cell(number: int, total: int) -> Callable[[Row], Cell]:
    return lambda row: _estimate(row.domains[number], f"not on all {total} tasks")


def _tasks(board: Board, chosen: Sequence[int] | None) -> list[Part]:
    numbers = range(len(board.tasks)) if chosen is None else chosen
    few = len(board.current) <= 4
    domain_of = {task: d for d, domain in enumerate(board.domains) for task in domain.tasks}
    return [
        (
            Column(f"t{t}", f"task:{_task_name(board, t)}", _task_name(board, t), task_help(board.tasks[t]),
                   board.tasks[t].domain, "percent" if _is_share(board.tasks[t]) else "number",
                   few and board.tasks[t].current, board.tasks[t].higher_is_better, t, domain_of.get(t),
                   board.tasks[t].chance, board.tasks[t].span, _task_note(board.tasks[t])),
            _task_cell(t),
        )
        for t in numbers
    ]  # fmt: skip


def _task_cell(number: int) -> Callable[[Row], Cell]:
    return lambda row: _estimate(row.scores[number].estimate, row.scores[number].problem)


def _measures(board: Board) -> list[Part]:
    free = FIRST_COLUMNS - 6 - min(4, len(board.domains)) - (len(board.current) if len(board.current) <= 4 else 0)
    ranked = sorted(
        (PREFERRED.index(extra.metric), i) for i, extra in enumerate(board.extras) if extra.metric in PREFERRED
    )
    shown = {i for _, i in ranked[: max(0, min(free, 3))]}
    return [
        (
            Column(f"x{i}", f"measure:{extra.metric}" + (f"@{extra.machine}" if extra.machine else ""),
                   extra.metric.replace("_", " "), _extra_help(extra), "measure", _format_of(extra), i in shown,
                   extra.higher_is_better),
            _extra_cell(i),
        )
        for i, extra in enumerate(board.extras)
    ]  # fmt: skip


def _extra_cell(number: int) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        found = row.extras[number]
        return Cell(None, reason=found) if isinstance(found, str) else Cell(*found)

    return cell


def _extra_help(extra: Extra) -> str:
    mean = "geometric mean" if extra.unit else "mean"
    where = f", on {extra.machine}" if extra.machine else ""
    unit = f", {extra.unit}" if extra.unit else ""
    return f"{extra.metric}{unit}: {mean} over all tasks{where}"


def _format_of(extra: Extra) -> Format:
    if extra.unit == "B":
        return "bytes"
    return "number"


def _is_share(task: Task) -> bool:
    return task.range[1] == 1.0 and task.range[0] in (0.0, -1.0)


def _task_name(board: Board, number: int) -> str:
    """The task's name, with what sets it apart where several columns share it."""
    task = board.tasks[number]
    alike = [other for other in board.tasks if other.name == task.name and other is not task]
    if not alike:
        return task.name
    parts = [task.name]
    if any(other.key.suite != task.key.suite for other in alike):
        parts.append(task.key.suite)
    if any(other.key.version != task.key.version for other in alike):
        parts.append(f"v{task.key.version}")
    if any(other.key.metric != task.key.metric for other in alike):
        parts.append(task.key.metric)
    if any(other.key.fingerprint != task.key.fingerprint for other in alike):
        parts.append(f"rows {task.key.fingerprint[:8] or '?'}")
    return " ".join(parts) + ("" if task.current else " (stale)")


def task_help(task: Task) -> str:
    """Metric, levels, rows and version of a task, in one line."""
    known = ", a bound: nothing can be expected to do better" if task.ceiling_stated else ""
    levels = "no chance level" if task.span is None else f"chance {task.chance:.4g}, ceiling {task.ceiling:.4g}{known}"
    rows = ", ".join(f"{n:,} {split}" for split, n in task.rows)
    stale = "" if task.current else "; stale: not in the headline"
    return f"{task.key.metric} ({levels}); {rows or 'no rows yet'}; task version {task.key.version}{stale}"


def _task_note(task: Task) -> str:
    """Domain, and the ceiling where it is one that the data state."""
    if not task.ceiling_stated or task.ceiling is None:
        return task.domain
    ceiling = fixed(100 * task.ceiling, 1) if _is_share(task) else significant(task.ceiling)
    return f"ceiling {ceiling} · {task.domain}"


def _tasks_text(domain: Domain) -> str:
    return f"{len(domain.tasks)} task" + ("s" if len(domain.tasks) > 1 else "")


def _rank_cell(rank: Rank | None, row: Row, total: int) -> Cell:
    return Cell(None, reason=_coverage_reason(row, total)) if rank is None else Cell(rank.rank, rank.low, rank.high)


def _coverage_reason(row: Row, total: int) -> str:
    if row.measured == total:
        return "a task has no chance level"
    why = sorted({(score.problem or "").split(":")[0] for score in row.scores if score.estimate is None})
    return f"{row.measured} of {total} tasks: {', '.join(filter(None, why))}"


def _estimate(found: Estimate | None, reason: str | None) -> Cell:
    return Cell(None, reason=reason or "not run") if found is None else Cell(*found, reason)


def shown_text(column: Column, cell: Cell) -> str:
    """A cell's number as people read it, without its interval."""
    if cell.value is None:
        return DASH
    if column.format == "text":
        return str(cell.value)
    if column.format == "rank":
        same = cell.low == cell.high
        return f"{cell.value}" if same else f"{cell.value} ({cell.low:.0f}–{cell.high:.0f})"
    value = float(cell.value)
    if column.format == "percent":
        return fixed(100 * value, decimals(None if cell.low is None else 50 * _width(cell)))
    if column.format in ("count", "bytes"):
        return count(value)
    if column.format == "coverage":
        return f"{value:.0f}"
    return significant(value)


def short_reason(cell: Cell) -> str:
    """Why a cell is missing, in a few words."""
    return (cell.reason or "not known").split(":")[0][:24]


def half_text(column: Column, cell: Cell) -> str:
    """Half the interval as it stands beside a share: 2.3, or nothing."""
    if column.format != "percent" or cell.low is None or cell.high is None:
        return ""
    half = 50 * _width(cell)
    return fixed(half, decimals(half))


def _width(cell: Cell) -> float:
    assert cell.low is not None and cell.high is not None
    return cell.high - cell.low


def decimals(half: float | None) -> int:
    """Decimals that leave two digits of half an interval; 1 without one, and never more than 2."""
    if half is None or half <= 0:
        return 1
    return 0 if half >= 10 else 1 if half >= 1 else 2


def fixed(value: float, places: int) -> str:
    """Fixed decimals, halves away from zero as JavaScript has it, without the sign of a zero."""
    text = f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    return text.removeprefix("-") if float(text) == 0 else text


def count(value: float) -> str:
    """A large number in three digits: 22.7M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def significant(value: float) -> str:
    """Three digits, large numbers with their thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def json_cell(cell: Cell) -> Any:
    """A cell as the page's data has it: a number or text alone, [value, low, high], or {why} where it is missing."""
    if cell.value is None:
        return {"why": cell.reason} if cell.reason else None
    if cell.low is None:
        return cell.value
    return [cell.value, cell.low, cell.high]
