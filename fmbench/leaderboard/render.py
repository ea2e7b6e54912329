"""Board -> text: HTML, JSON, CSV. Pure, and byte for byte the same for the same board."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from fmbench import __version__
from fmbench.errors import one_line
from fmbench.leaderboard.board import Board, Row, Section
from fmbench.measure.measurement import percent

COLUMNS = (
    "task",
    "task_version",
    "fingerprint",
    "metric",
    "rank",
    "model",
    "adaptation",
    "value",
    "low",
    "high",
    "interval",
    "n",
    "seeds",
    "examples_per_s",
    "parameters",
    "trainable_parameters",
    "machine",
    "problem",
)


def render_html(board: Board) -> str:
    """One self-contained page that reads without JavaScript and asks for nothing from anywhere."""
    return str(_template().render(board=board, version=__version__))


def render_json(board: Board) -> str:
    return json.dumps({"schema": "fmbench.board/1", **asdict(board)}, indent=1, ensure_ascii=False) + "\n"


def render_csv(board: Board) -> str:
    """One line a row; text that a spreadsheet would take for a formula is defused."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for section in board.sections:
        for row in section.rows:
            fields = asdict(section) | asdict(row) | {"seeds": " ".join(map(str, row.seeds))}
            writer.writerow([_defused(fields[name]) for name in COLUMNS])
    return stream.getvalue()


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, count=count, rate=rate, x=bar_position)
    environment.globals.update(label_names=label_names, machines=machines)
    return environment.get_template("board.html")


def count(value: int | None) -> str:
    """A number of parameters in three digits: 22.7 M."""
    if value is None:
        return "–"
    for size, unit in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return str(value)


def rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def bar_position(value: float | None, ends: tuple[float, float]) -> str:
    """Where a score between two ends lies on an interval bar 120 units wide."""
    low, high = ends
    share = 0.0 if value is None else (value - low) / (high - low)
    return f"{120 * min(max(share, 0.0), 1.0):.1f}"


def label_names(section: Section) -> list[str]:
    return list(dict.fromkeys(label for row in section.rows for label, _ in row.by_label))


def machines(rows: Sequence[Row]) -> list[str]:
    return sorted({row.machine for row in rows if row.examples_per_s is not None})


def _defused(value: Any) -> Any:
    """Text on one line, not a formula; numbers as they are."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
