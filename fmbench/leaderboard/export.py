"""Board -> data files: board.json, board.csv and the long table. Pure, byte for byte the same for the same board."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from fmbench.errors import one_line
from fmbench.leaderboard.board import Board, Estimate
from fmbench.leaderboard.compare import pair_lines
from fmbench.leaderboard.render import embed, row_id
from fmbench.leaderboard.view import Table, make_table

SCHEMA = "fmbench.board/1"
LONG_COLUMNS = ("suite", "task", "task_version", "fingerprint", "model", "adaptation", "metric", "value", "low", "high",
                "scaled", "rank", "rank_low", "rank_high", "n", "seeds", "problem")  # fmt: skip


def board_json(board: Board) -> str:
    """Everything that the page says, with full numbers."""
    table = make_table(board)
    tree = {
        "schema": SCHEMA,
        "board": board.name,
        "title": board.title,
        "description": board.description,
        "aggregate": board.aggregate,
        "license": board.license,
        "notes": board.notes,
        "missing": board.missing,
        "domains": [{"name": d.name, "weight": d.weight, "tasks": list(d.tasks)} for d in board.domains],
        "tasks": [
            {**task.key._asdict(), "domain": task.domain, "chance": task.chance, "ceiling": task.ceiling,
             "ceiling_stated": task.ceiling_stated, "current": task.current, "source": task.source,
             "license": task.license, "rows": dict(task.rows)}
            for task in board.tasks
        ],
        "columns": [column.name for column in table.columns],
    }  # fmt: skip
    head = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    rows = ",\n".join(json.dumps(line, ensure_ascii=False, allow_nan=False) for line in _row_lines(board, table))
    return f'{head},\n "rows": [\n{rows}\n ]\n}}\n'


def _row_lines(board: Board, table: Table) -> Iterable[dict[str, Any]]:
    for row, cells in zip(board.rows, table.rows, strict=True):
        yield {
            "id": row_id(row),
            "model": row.model,
            "adaptation": row.adaptation,
            "rank": row.rank,
            "tie_group": row.group,
            "headline": row.headline,
            "over_tasks": row.over_tasks,
            "rank_over_tasks": row.rank_over_tasks,
            "measured": row.measured,
            "cells": [[cell.value, cell.low, cell.high, cell.reason] for cell in cells],
            "scores": [
                {"task": t, "seeds": list(score.seeds), "n": score.n, "cells": list(score.folders)}
                for t, score in enumerate(row.scores)
                if score.estimate is not None
            ],
        }


def board_csv(board: Board) -> str:
    """The whole table, one line a row; text that a spreadsheet would take for a formula is defused."""
    table = make_table(board)
    spans = [any(cells[c].low is not None for cells in table.rows) for c in range(len(table.columns))]
    names = []
    for column, has in zip(table.columns, spans, strict=True):
        names += [column.name, f"{column.name}:low", f"{column.name}:high"] if has else [column.name]
    lines = [
        [part for cell, has in zip(cells, spans, strict=True) for part in (cell[:3] if has else cell[:1])]
        for cells in table.rows
    ]
    return to_csv(names, lines)


def long_csv(board: Board) -> str:
    """One line for each row and task."""
    lines = []
    for row in board.rows:
        for task, score in zip(board.tasks, row.scores, strict=True):
            estimate = score.estimate or Estimate(float("nan"))
            value = None if score.estimate is None else estimate.value
            scaled = score.scaled.value if score.scaled else None
            rank = score.rank or (None, None, None)
            lines.append([task.key.suite, task.name, task.key.version, task.key.fingerprint, row.model, row.adaptation,
                          task.key.metric, value, estimate.low, estimate.high, scaled, *rank, score.n,
                          " ".join(map(str, score.seeds)), score.problem])  # fmt: skip
    return to_csv(LONG_COLUMNS, lines)


def pair_shards(board: Board) -> Iterable[tuple[str, str]]:
    """(file name, script) of every row's comparisons with the rows below it, for boards whose page cannot hold them."""
    for row, lines in zip(board.rows, pair_lines(board) or (), strict=False):
        name = row_id(row)
        yield f"pairs-{name}.js", f'fmbenchPairs("{name}",{embed(lines)});\n'


def to_csv(names: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    """CSV with a header; texts are on one line and never formulas, None is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_defused(name) for name in names])
    writer.writerows([_defused(value) for value in line] for line in lines)
    return stream.getvalue()


def _defused(value: Any) -> Any:
    return _guarded(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def _guarded(content: str) -> str:
    text = one_line(content)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
