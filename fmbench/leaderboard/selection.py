"""The address of a view -> the rows and columns that the page shows there. Pure; board.js does it in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import parse_qsl

from fmbench.errors import one_line
from fmbench.leaderboard.board import Board
from fmbench.leaderboard.render import PAGE_ROWS, default_weights, row_id
from fmbench.leaderboard.view import DASH, Cell, Column, Table, half_text, make_table, short_reason, shown_text

MINE = Column(
    "mine",
    "your_weights",
    "Your weights",
    "domains weighted by you; no rank is claimed",
    "score",
    "percent",
    False,
    True,
)
_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
_ASKED = re.compile(r"@([^:]+):(<=|>=|<|>|=)?(.*)")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Look:
    """What the address of a view says.

    Args:
        sort: number of a column, and 1 for ascending or -1.
        query, pins, methods: which rows, pins by row id.
        rescaled, common, resampled, whole: the page's switches; `whole` shows more rows than one page of them.
        columns: numbers of the columns that are chosen.
        weights: a percentage for each domain, or None for the board's own.
    """

    sort: tuple[int, int]
    query: str
    pins: tuple[str, ...]
    methods: tuple[str, ...]
    rescaled: bool
    common: bool
    resampled: bool
    whole: bool
    columns: frozenset[int]
    weights: tuple[int, ...] | None


class Selected(NamedTuple):
    """The part of a board that a view shows: cells and their texts, [rows][columns]."""

    columns: tuple[Column, ...]
    cells: list[list[Cell]]
    texts: list[list[str]]


def select(board: Board, address: str = "") -> Selected:
    """What the page shows at `address`, the part of a link after its "#"; what it does not know is passed over."""
    table = _with_weights(make_table(board))
    look = read_look(board, table, address)
    cells = _cells(board, table, look)
    names = [row_id(row) for row in board.rows]
    rows = _ordered(table, look, cells, names, _chosen(table, look, cells, names))
    tasks = [c for c, column in enumerate(table.columns) if column.task is not None]
    apart = {c for c in tasks if look.common and any(table.rows[row][c].value is None for row in rows)}
    shown = rows if look.whole else rows[: max(PAGE_ROWS, len(look.pins))]
    numbers = [c for c in range(len(table.columns)) if c in look.columns and c not in apart]
    columns = tuple(table.columns[c] for c in numbers)
    texts = [[_text(table.columns[c], cells[row][c], look) for c in numbers] for row in shown]
    return Selected(columns, [[cells[row][c] for c in numbers] for row in shown], texts)


def read_look(board: Board, table: Table, address: str) -> Look:
    """The view at `address` on a table whose last column is MINE where there are weights to choose."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(address.rpartition("#")[2], keep_blank_values=True):
        given.setdefault(name, value)
    ids = [column.id for column in table.columns]
    sort = given.get("sort", "")
    wanted = sort.removeprefix("-")
    changed = given.get("cols", "").split(",")
    weights = _weights(board, given.get("w", ""))
    shown = {
        c
        for c, column in enumerate(table.columns)
        if (weights is not None if column is MINE else _is_shown(column, changed))
    }
    rows = {row_id(row) for row in board.rows}
    return Look(
        (ids.index(wanted), -1 if sort.startswith("-") else 1) if wanted in ids else (0, 1),
        given.get("q", ""),
        tuple(name for name in given.get("pin", "").split(",") if name in rows),
        _methods(given.get("method", "")),
        given.get("norm") == "1",
        given.get("common") == "1",
        given.get("mode") == "1" and board.over_tasks_problem is None,
        given.get("all") == "1",
        frozenset(shown),
        weights,
    )


def plain(text: str) -> str:
    """Text on one line, without anything that a terminal or a typesetter could take for more than a character."""
    return " ".join(one_line(text).split())


def _with_weights(table: Table) -> Table:
    domains = [column for column in table.columns if column.group == "domain"]
    if len(domains) < 2:
        return table
    return Table((*table.columns, MINE), tuple((*cells, Cell(None)) for cells in table.rows))


def _is_shown(column: Column, changed: Sequence[str]) -> bool:
    return f"+{column.id}" in changed or (column.shown and f"-{column.id}" not in changed)


def _weights(board: Board, text: str) -> tuple[int, ...] | None:
    parts = text.split(",")
    if len(board.domains) < 2 or len(parts) != len(board.domains):
        return None
    if not all(re.fullmatch(r"\d{1,3}", part, re.ASCII) and int(part) <= 100 for part in parts):
        return None
    weights = tuple(map(int, parts))
    return weights if any(weights) and weights != default_weights(board) else None


def _methods(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return ()
    return tuple(name for name in (found if isinstance(found, list) else [found]) if isinstance(name, str))


def _cells(board: Board, table: Table, look: Look) -> list[list[Cell]]:
    """All cells as the view has them: rescaled, with tasks as the sample, and with one's own weights."""
    domains = [c for c, column in enumerate(table.columns) if column.group == "domain"]
    found = []
    for row, cells in zip(board.rows, table.rows, strict=True):
        own = []
        for column, cell in zip(table.columns, cells, strict=True):
            if column is MINE:
                own.append(Cell(_weighted([cells[c].value for c in domains], look.weights)))
            elif look.resampled and column.id == "rank" and row.rank_over_tasks:
                own.append(Cell(*row.rank_over_tasks))
            elif look.resampled and column.id == "score" and row.rank_over_tasks and row.over_tasks:
                own.append(Cell(*row.over_tasks))
            else:
                own.append(_rescaled(column, cell) if look.rescaled and column.task is not None else cell)
        found.append(own)
    return found


def _weighted(values: Sequence[object], weights: Sequence[int] | None) -> float | None:
    """Mean of the domains by `weights`; None with a domain missing that counts. Added in order, as the page does."""
    total, share = 0.0, 0
    for value, weight in zip(values, weights or (), strict=False):
        if weight:
            if not isinstance(value, float):
                return None
            total, share = total + weight * value, share + weight
    return total / share if share else None


def _rescaled(column: Column, cell: Cell) -> Cell:
    if cell.value is None or not column.span or column.chance is None:
        return cell
    value, *ends = (
        None if x is None else (float(x) - column.chance) / column.span for x in (cell.value, cell.low, cell.high)
    )
    known = [end for end in ends if end is not None]
    return Cell(value, min(known), max(known)) if known else Cell(value)


def _chosen(table: Table, look: Look, cells: Sequence[Sequence[Cell]], names: Sequence[str]) -> list[int]:
    parts = [part for part in look.query.lower().split(";") if part.strip()]
    method = next(c for c, column in enumerate(table.columns) if column.id == "method")
    return [
        row
        for row in range(len(names))
        if names[row] in look.pins
        or (
            (not look.methods or cells[row][method].value in look.methods)
            and (not parts or any(_matches(table, look, cells[row], part) for part in parts))
        )
    ]


def _matches(table: Table, look: Look, cells: Sequence[Cell], query: str) -> bool:
    text = " ".join(str(c.value) for column, c in zip(table.columns, cells, strict=True) if column.format == "text")
    return all(_has(table, look, cells, text.lower(), word) for word in query.split())


def _has(table: Table, look: Look, cells: Sequence[Cell], text: str, word: str) -> bool:
    asked = _ASKED.fullmatch(word)
    if asked is None:
        return word in text
    name, sign, wanted = asked.groups()
    for column, cell in zip(table.columns, cells, strict=True):
        if name not in (column.id.lower(), column.name.lower(), column.label.lower()):
            continue
        if cell.value is None:
            return False
        if column.format == "text":
            return wanted in str(cell.value).lower()
        number = _NUMBER.match(wanted)
        if number is None:
            return False
        limit = float(number[0]) * _SIZES.get(wanted[-1:], 1) / (100 if _is_percent(column, look) else 1)
        return _SIGNS.get(sign, float.__eq__)(float(cell.value), limit)
    return False


def _is_percent(column: Column, look: Look) -> bool:
    return column.format == "percent" or bool(look.rescaled and column.task is not None and column.span)


def _ordered(
    table: Table, look: Look, cells: Sequence[Sequence[Cell]], names: Sequence[str], rows: Sequence[int]
) -> list[int]:
    """Stable, missing last, pinned rows first; texts by their UTF-16 units, as a browser compares them."""
    c, way = look.sort
    there = [row for row in rows if cells[row][c].value is not None]
    as_text = table.columns[c].format == "text"

    def key(row: int) -> float | bytes:
        value = cells[row][c].value
        return str(value).encode("utf-16-be", "surrogatepass") if as_text else float(value or 0)

    there.sort(key=key, reverse=way < 0)
    ordered = [*there, *(row for row in rows if cells[row][c].value is None)]
    return sorted(ordered, key=lambda row: names[row] not in look.pins)


def _text(column: Column, cell: Cell, look: Look) -> str:
    """A cell as it stands on the page."""
    if cell.value is None:
        return DASH if column is MINE else plain(f"{DASH} {short_reason(cell)}")
    as_shown = replace(column, format="percent") if _is_percent(column, look) else column
    half = half_text(as_shown, cell)
    return plain(shown_text(as_shown, cell) + (f" ±{half}" if half else ""))
