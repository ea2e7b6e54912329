"""Reports on disk -> pages on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fmbench.errors import InputError, NothingMeasured, Place, Problem
from fmbench.files import write_atomic
from fmbench.leaderboard.board import Board, Entry, build_board
from fmbench.leaderboard.render import render_csv, render_html, render_json
from fmbench.leaderboard.spec import BoardFile, load_board
from fmbench.registry import METRICS
from fmbench.run.result import Result
from fmbench.run.store import Store, open_report
from fmbench.tasks.kind import clean


def build_site(files: Sequence[Path], reports: Path, out: Path) -> list[Path]:
    """Pages (and .json and .csv beside them) for board files; returns the HTML files.

    Raises:
        InputError: bad board files, all their problems together.
        NothingMeasured: none of a board's suites has a report.
    """
    specs: list[BoardFile] = []
    problems: list[Problem] = []
    for file in files:
        try:
            specs.append(load_board(file))
        except InputError as error:
            problems += error.problems
    names = [spec.board for spec in specs]
    for file, name in zip(files, names, strict=False):
        if names.count(name) > 1:
            problems.append(Problem(f"several board files are named {name!r}", Place(str(file))))
    if problems:
        raise InputError(problems)
    pages = []
    for spec in specs:
        there = [suite for suite in spec.suites if (reports / suite).is_dir()]
        stores = [open_report(reports / suite) for suite in there]
        if not stores:
            raise NothingMeasured(f"board {spec.board!r}: no report of {', '.join(spec.suites)} in {reports}")
        entries = [entry for store in stores for entry in read_entries(store, spec.tasks)]
        notes = tuple(f"no report of {suite} yet" for suite in spec.suites if suite not in there)
        board = replace(make_board(spec.title, spec.description, entries), notes=notes)
        page = out / f"{spec.board}.html"
        write_atomic(page, render_html(board).encode())
        write_atomic(page.with_suffix(".json"), render_json(board).encode())
        write_atomic(page.with_suffix(".csv"), render_csv(board).encode())
        pages.append(page)
    return pages


def build_suite_board(store: Store, page: Path) -> Path:
    """The board of one report, as a single page inside it."""
    plan = store.plan() or {}
    board = make_board(str(plan.get("suite", "")), str(plan.get("description", "")), read_entries(store))
    write_atomic(page, render_html(board).encode())
    return page


def make_board(title: str, description: str, entries: Sequence[Entry]) -> Board:
    names = {entry.result.main_metric for entry in entries}
    return build_board(title, description, entries, {name: METRICS[name] for name in names})


def read_entries(store: Store, tasks: Sequence[str] | None = None) -> list[Entry]:
    """Results with the statistics of their main metric, from stored predictions."""
    return [_entry(store, folder, result) for folder, result in store.all() if tasks is None or result.task in tasks]


def _entry(store: Store, folder: str, result: Result) -> Entry:
    predictions = store.predictions(folder) if result.status == "ok" else None
    if predictions is None or result.data is None:
        return Entry(result)
    predictions = clean(predictions)
    statistics = METRICS[result.main_metric].statistics(predictions, result.data.labels)
    key = result.settings.get("cluster_key")
    return Entry(result, statistics, predictions[key].to_pylist() if key else None)
