"""A page for every score: what was run, everything that was measured, and which examples went wrong."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fmbench import __version__
from fmbench.errors import FmbenchError
from fmbench.files import write_atomic
from fmbench.leaderboard.board import Board, Row, Score
from fmbench.leaderboard.cell_plots import plots_of_cell
from fmbench.leaderboard.entry import Task, TaskKey, key_of, machine_of
from fmbench.leaderboard.errors import Errors, confusion, find_errors
from fmbench.leaderboard.provenance import command, may_show, texts_of
from fmbench.leaderboard.render import environment, row_id
from fmbench.leaderboard.sources import Sources, Stored
from fmbench.leaderboard.view import significant
from fmbench.measure.report import read_report
from fmbench.run.result import Result

MOST_LINKS = 500


class MeasureLine(NamedTuple):
    """One measure of a cell, over its seeds."""

    metric: str
    dimensions: str
    values: tuple[str, ...]
    n: int
    interval: str


def write_cells(board: Board, sources: Sources, folder: Path) -> dict[tuple[str, int | None], str]:
    """Write cells/*.html: a page for each score, and for each row a page that leads to them.

    Returns:
        Addresses relative to `folder`: (row id, number of the task), or (row id, None) for the page of the row. Where
        there are more than MOST_LINKS scores only the rows' pages, so that the board stays small.
    """
    by_cell: dict[tuple[TaskKey, str, str], list[Stored]] = defaultdict(list)
    for one in sources.stored:
        by_cell[key_of(one.result), one.result.model, one.result.adaptation].append(one)
    addresses: dict[tuple[str, int | None], str] = {}
    texts: dict[TaskKey, Mapping[str, Any]] = {}
    for row in board.rows:
        own: list[tuple[Task, Score, str]] = []
        for number, task in enumerate(board.tasks):
            runs = sorted(by_cell.get((task.key, row.model, row.adaptation), []), key=lambda one: one.result.seed)
            if not runs:
                continue
            name = f"cells/{row_id(row)}-{hashlib.sha256(repr(tuple(task.key)).encode()).hexdigest()[:8]}.html"
            write_atomic(folder / name, render_cell(row, row.scores[number], task, runs, texts).encode())
            addresses[row_id(row), number] = name
            own.append((task, row.scores[number], name.removeprefix("cells/")))
        if own:
            addresses[row_id(row), None] = f"cells/{row_id(row)}.html"
            page = environment().get_template("row.html").render(row=row, scores=own, version=__version__)
            write_atomic(folder / f"cells/{row_id(row)}.html", page.encode())
    few = len(addresses) <= MOST_LINKS
    return {key: name for key, name in addresses.items() if few or key[1] is None}


def render_cell(
    row: Row, score: Score, task: Task, runs: Sequence[Stored], texts: dict[TaskKey, Mapping[str, Any]]
) -> str:
    """The page of one row's score on one task; `texts` keeps what was read for other rows of the task."""
    predictions = runs[0].store.predictions(runs[0].folder) if runs[0].result.status == "ok" else None
    clean, found = None, None
    if predictions is not None and "perturbation" in predictions.column_names:
        import pyarrow.compute as pc

        clean = predictions.filter(pc.equal(predictions["perturbation"], ""))
        if task.key not in texts:
            texts[task.key] = texts_of(runs[0].result, clean)
        found = find_errors(predictions, texts[task.key])
    results = [run.result for run in runs]
    return str(
        environment()
        .get_template("cell.html")
        .render(
            row=row,
            task=task,
            scaled=score.scaled,
            runs=runs,
            results=results,
            main=[_main(result) for result in results],
            machines=[machine_of(result) for result in results],
            command=command(runs[0]),
            measures=measure_lines(results),
            plots=plots_of_cell(results[0], clean),
            confusion=None if clean is None else confusion(clean, results[0].data.labels if results[0].data else ()),
            report=_report(results[0]),
            errors=found,
            text_note=_text_note(task, found, texts.get(task.key, {})),
            settings=_pretty(results[0].settings),
            environment=_pretty(results[0].environment),
            version=__version__,
        )
    )


def measure_lines(results: Sequence[Result]) -> list[MeasureLine]:
    """Every measurement, one line for each metric and dimensions, one value a seed, in the order they were made."""
    values: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    about: dict[tuple[str, str], tuple[int, str]] = {}
    for i, result in enumerate(results):
        for one in result.measurements:
            severity = "" if one.severity is None else f" severity {one.severity}"
            parts = [f"slice {one.slice}" if one.slice is not None else "", (one.perturbation or "") + severity]
            key = (one.metric, ", ".join(filter(None, parts)))
            ends = "" if one.low is None or one.high is None else f" [{significant(one.low)}, {significant(one.high)}]"
            number = "–" if one.value is None else significant(one.value) + ends
            values[key][i] = f"{number} {one.unit}".strip()
            about.setdefault(key, (one.n, one.interval))
    return [
        MeasureLine(*key, tuple(found.get(i, "–") for i in range(len(results))), *about[key])
        for key, found in values.items()
    ]


def _main(result: Result) -> str:
    main = result.main()
    if main is None or main.value is None:
        return result.error.message if result.error else "undefined"
    ends = "" if main.low is None or main.high is None else f" [{main.low:.4f}, {main.high:.4f}]"
    return f"{main.value:.4f}{ends}"


def _report(result: Result) -> list[Any]:
    try:
        return list(read_report(result.measurements))
    except KeyError:
        return []


def _text_note(task: Task, found: Errors | None, texts: Mapping[str, Any]) -> str:
    if found is None or texts:
        return ""
    if not may_show(task.license):
        named = task.license or "none is declared"
        return f"Texts are not shown: the license of the data ({named}) does not say that they may be."
    return "Texts are not shown: the rows are not at hand where this page was built."


def _pretty(value: Any) -> str:
    try:
        return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str)
    except (TypeError, ValueError, FmbenchError):
        return str(value)
