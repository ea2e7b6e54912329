"""Board -> one HTML page. Pure, and byte for byte the same for the same board."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from fmbench import __version__
from fmbench.leaderboard.board import Board, Estimate, Row
from fmbench.leaderboard.compare import EMBEDDED, pair_lines
from fmbench.leaderboard.plots import Plot, plots_of
from fmbench.leaderboard.svg import num
from fmbench.leaderboard.view import Cell, Column, Table, half_text, json_cell, make_table, short_reason, shown_text
from fmbench.measure.measurement import percent

PAGE_ROWS = 200
TEMPLATES = Path(__file__).parent / "templates"


class Link(NamedTuple):
    """Another page beside this one."""

    href: str
    title: str


@dataclass(frozen=True)
class Site:
    """What lies beside the page.

    Args:
        cells: (row id, number of the task) -> address of its cell page; (row id, None) -> page of all its cells.
        links: other pages.
        files: data files, relative to the page.
        shards: whether comparisons too large for the page lie in data/pairs-<row id>.js.
        date: of the build, as text; "" leaves it out.
        command: that makes a cell again.
        tasks: numbers of the tasks that have columns; None for all.
        plots: whether plots are drawn.
    """

    cells: Mapping[tuple[str, int | None], str] = field(default_factory=dict)
    links: Sequence[Link] = ()
    files: Sequence[str] = ()
    shards: bool = False
    date: str = ""
    command: str = ""
    tasks: Sequence[int] | None = None
    plots: bool = True


class Shown(NamedTuple):
    """A cell as the template puts it down."""

    text: str
    half: str = ""
    word: bool = False
    missing: bool = False
    reason: str = ""
    short: str = ""
    href: str = ""
    bar: Markup | str = ""


def render_board(board: Board, site: Site | None = None) -> str:
    """One self-contained page: rows are in the markup, what the script needs is in the page."""
    site = site or Site()
    table = make_table(board, site.tasks)
    script = _packed(_asset("board.js"))
    plots: list[Plot] = plots_of(board) if site.plots else []
    return str(
        _environment()
        .get_template("board.html")
        .render(
            board=board,
            table=table,
            rows=_rows(board, table, site),
            groups=_groups(board, table),
            weights=default_weights(board),
            methods=sorted({row.adaptation for row in board.rows}),
            plots=plots,
            data=Markup(_embedded(board, table, site)),
            script=Markup(script),
            policy=_policy(script, site.shards),
            hiding=Markup(_hiding(table)),
            version=__version__,
            date=site.date,
            links=site.links,
            files=site.files,
            first_command=site.command,
        )
    )


def default_weights(board: Board) -> tuple[int, ...]:
    """The shares of the domains as the sliders show them, in whole percent."""
    return tuple(math.floor(100 * domain.weight + 0.5) for domain in board.domains)


def row_id(row: Row) -> str:
    """A short name of a row that stays the same between builds."""
    return hashlib.sha256(f"{row.model}\0{row.adaptation}".encode(errors="surrogatepass")).hexdigest()[:8]


def policy_hash(script: str) -> str:
    """The source expression of a content security policy that allows this one script."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def embed(value: Any) -> str:
    """JSON that may stand inside of a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escaped in (("<", "\\u003c"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, escaped)
    return text


def environment() -> Any:
    """The templates, with everything that is put into them escaped."""
    return _environment()


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["level"] = lambda value: "none" if value is None else f"{value:.4g}"
    made.filters["share"] = percent
    made.globals["style"] = Markup(_packed_style(_asset("board.css")))
    return made


@cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _packed(script: str) -> str:
    """A script without its comments of whole lines and its indentation; none of its texts goes over a line's end."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not (line.startswith("/*") and line.endswith("*/"))) + "\n"


def _packed_style(style: str) -> str:
    """A style sheet without the spaces that mean nothing."""
    return re.sub(r"([{};:,]) | (?=[{}])", r"\1", style).strip()


def _policy(script: str, shards: bool) -> str:
    own = " 'self' file:" if shards else ""
    return f"default-src 'none'; script-src {policy_hash(script)}{own}; style-src 'unsafe-inline'; img-src data:"


def _hiding(table: Table) -> str:
    """Columns are shown and hidden by their checkboxes, without a script."""
    return "\n".join(
        f"body:has(#c-{column.id}:not(:checked)) #board :is(th,td):nth-child({i}){{display:none}}"
        for i, column in enumerate(table.columns, 2)
    )


def _groups(board: Board, table: Table) -> list[dict[str, Any]]:
    titles = {"row": "Row", "score": "Score", "domain": "Domains", "measure": "Measures"}
    found = []
    for group, columns in groupby(
        sorted(table.columns, key=lambda column: _group_order(column)), key=lambda column: _group_order(column)
    ):
        title = titles.get(group[1], f"Tasks: {group[1]}") if group[0] != 2 else f"Tasks: {group[1]}"
        found.append({"title": title, "columns": list(columns)})
    return found


def _group_order(column: Column) -> tuple[int, str]:
    if column.task is not None:
        return (2, column.group)
    return (
        {"row": 0, "score": 0, "domain": 1, "measure": 3}[column.group],
        "row" if column.group == "score" else column.group,
    )


def _rows(board: Board, table: Table, site: Site) -> list[dict[str, Any]]:
    ends = _score_ends(board)
    rows = []
    for row, cells in zip(board.rows, table.rows, strict=True):
        name = row_id(row)
        shown = [
            _shown(column, cell, _address(site, name, column), ends)
            for column, cell in zip(table.columns, cells, strict=True)
        ]
        rows.append({"id": name, "tie": row.group is not None and row.group % 2 == 1, "cells": shown})
    return rows


def _address(site: Site, row: str, column: Column) -> str:
    """Where a cell leads: a score to its own page, the model's name to the page of all its scores."""
    linked = column.task is not None or column.id == "model"
    return site.cells.get((row, column.task), "") if linked else ""


def _shown(column: Column, cell: Cell, href: str, ends: tuple[float, float]) -> Shown:
    if cell.value is None:
        return Shown("", missing=True, reason=cell.reason or "not known", short=short_reason(cell), href=href)
    bar = _bar(cell, ends) if column.id == "score" else ""
    return Shown(shown_text(column, cell), half_text(column, cell), column.format == "text", href=href, bar=bar)


def _score_ends(board: Board) -> tuple[float, float]:
    heads = [row.headline for row in board.rows if row.headline]
    values = [v for h in heads for v in (h.value, h.low, h.high) if v is not None]
    return (min([0.0, *values]), max([0.1, *values]))


def _bar(cell: Cell, ends: tuple[float, float]) -> Markup:
    def at(value: float) -> str:
        return num(4 + 72 * (value - ends[0]) / (ends[1] - ends[0]))

    assert isinstance(cell.value, float)
    span = "" if cell.low is None or cell.high is None else f'<path d="M{at(cell.low)} 5H{at(cell.high)}"/>'
    return Markup(
        f'<svg viewBox="0 0 80 10" aria-hidden="true">{span}<circle cx="{at(cell.value)}" cy="5" r="3.5"/></svg>'
    )


def _embedded(board: Board, table: Table, site: Site) -> str:
    pairs = pair_lines(board) if len(board.rows) ** 2 / 2 * len(board.tasks) <= EMBEDDED else None
    return embed(
        {
            "board": board.name,
            "title": board.title,
            "page": PAGE_ROWS,
            "columns": [_column_data(column) for column in table.columns],
            "ids": [row_id(row) for row in board.rows],
            "rows": [[json_cell(cell) for cell in cells] for cells in table.rows],
            "tasks": [task.name for task in board.tasks],
            "over": [_second(row) for row in board.rows],
            "domains": [[domain.weight, list(domain.tasks)] for domain in board.domains],
            "pairs": pairs,
            "shards": site.shards,
        }
    )


def _column_data(column: Column) -> dict[str, Any]:
    levels = {} if column.span is None else {"chance": column.chance, "span": column.span}
    return {
        "id": column.id,
        "name": column.name,
        "label": column.label,
        "format": column.format,
        "shown": column.shown,
        "up": column.higher_is_better,
        "task": column.task,
        "domain": column.domain,
        **levels,
    }


def _second(row: Row) -> list[Any] | None:
    """Rank and headline with the tasks as the sample."""
    rank, estimate = row.rank_over_tasks, row.over_tasks
    return None if rank is None or estimate is None else [list(rank), list(Estimate(*estimate))]
