"""What others embed of a board: an Atom feed of its newest rows, and a badge. Pure, same board, same bytes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from fmbench.leaderboard.board import Board, Row
from fmbench.leaderboard.render import row_id
from fmbench.leaderboard.svg import num, text
from fmbench.leaderboard.view import Cell, Column, half_text, shown_text

MOST_ENTRIES = 50
EPOCH = "1970-01-01T00:00:00Z"
CHARACTER = 6.8
"""Pixels of one character of the badge."""
LONGEST = 60
SCORE = Column("score", "headline", "Score", "", "score", "percent", True, True)


def feed(board: Board) -> str:
    """Atom (RFC 4287): one entry a row that was run, newest first; a row whose score or problems change is a new entry.

    Times are those of the results, so the feed has no clock of its own.
    """
    run = [row for row in board.rows if row.started_at]
    rows = sorted(run, key=lambda row: (_time(row.started_at), row_id(row)), reverse=True)[:MOST_ENTRIES]
    updated = max((_time(row.started_at) for row in rows), default=EPOCH)
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{text(board.title)}</title>",
        f"<id>{_urn(board.name)}</id>",
        f"<updated>{updated}</updated>",
        "<author><name>fmbench</name></author>",
        '<link rel="alternate" href="index.html"/>',
    ]
    return "\n".join([*head, *(_entry(board, row) for row in rows), "</feed>"]) + "\n"


def badge(board: Board) -> str:
    """The board's title, its first row with the score, and how many rows have every task."""
    return _badge(_cut(board.title), _cut(standing(board)))


def standing(board: Board) -> str:
    """Who leads, in one line."""
    whole = [row for row in board.rows if row.headline is not None]
    if not whole:
        return "no results" if not board.rows else f"0 of {len(board.rows)} rows complete"
    return f"{_cut(whole[0].name, 34)} {_score(whole[0])}, {len(whole)} of {len(board.rows)} rows complete"


def _entry(board: Board, row: Row) -> str:
    name, score = row.name, _score(row)
    rank = f"rank {row.rank.rank} ({row.rank.low} to {row.rank.high} of {len(board.rows)})" if row.rank else ""
    problems = [
        f"{task.name}: {score_.problem}" for task, score_ in zip(board.tasks, row.scores, strict=True) if score_.problem
    ]
    said = "; ".join(filter(None, [f"{row.measured} of {len(board.current)} tasks", rank, *problems]))[:1000]
    href = "index.html#" + urlencode({"pin": row_id(row)})
    return (
        f"<entry><title>{text(f'{name}: {score}')}</title><id>{_urn(board.name, row_id(row), score, said)}</id>"
        f'<updated>{_time(row.started_at)}</updated><link rel="alternate" href="{text(href)}"/>'
        f"<summary>{text(said)}</summary></entry>"
    )


def _score(row: Row) -> str:
    """The headline as the page has it."""
    if row.headline is None:
        return "no score"
    cell = Cell(*row.headline)
    half = half_text(SCORE, cell)
    return shown_text(SCORE, cell) + (f" ± {half}" if half else "")


def _time(started_at: str) -> str:
    """An RFC 3339 time in UTC; the epoch where none is known."""
    try:
        found = datetime.fromisoformat(started_at)
    except ValueError:
        return EPOCH
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return f"{aware.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _urn(*parts: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, repr(("fmbench", *parts))).urn


def _cut(content: str, most: int = LONGEST) -> str:
    return content if len(content) <= most else content[: most - 1] + "…"


def _badge(label: str, message: str) -> str:
    widths: Sequence[float] = [round(CHARACTER * len(part) + 14, 1) for part in (label, message)]
    whole, said = num(sum(widths)), text(f"{label}: {message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{whole}" height="20" rx="3" fill="#24292f"/>'
        f'<path d="M{num(widths[0])} 0h{num(widths[1] - 3)}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{num(widths[1] - 3)}z" '
        'fill="#0063a0"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="7" y="14" textLength="{num(widths[0] - 14)}">{text(label)}</text>'
        f'<text x="{num(widths[0] + 7)}" y="14" textLength="{num(widths[1] - 14)}">{text(message)}</text></g></svg>\n'
    )
