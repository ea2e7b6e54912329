"""Board files and reports on disk -> a site on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fmbench.errors import InputError, NothingMeasured, Place, Problem
from fmbench.files import write_atomic
from fmbench.leaderboard.board import Board
from fmbench.leaderboard.build_board import build_board
from fmbench.leaderboard.cells import write_cells
from fmbench.leaderboard.compare import EMBEDDED
from fmbench.leaderboard.export import board_csv, board_json, long_csv, pair_shards
from fmbench.leaderboard.feed import badge, feed, standing
from fmbench.leaderboard.render import Link, Site, environment, render_board
from fmbench.leaderboard.sources import Sources, read_sources
from fmbench.leaderboard.spec import BoardFile, check_names, load_board
from fmbench.run.store import Store, open_report

DATA = ("data/board.json", "data/board.csv", "data/long.csv")
BESIDE = ("feed.xml", "badge.svg")
MAX_PAGE_CELLS = 30_000
"""Cells of the table up to which all tasks are columns of one page; above, each domain has a page of its own."""
MAX_CELL_PAGES = 5_000


def build_site(files: Sequence[Path], reports: Path, out: Path, cells: bool = True) -> list[Path]:
    """A folder for each board file, with index.html, data/ and cells/, and an index of the boards; returns the pages.

    Args:
        cells: whether every score gets a page of its own.

    Raises:
        InputError: bad board files, all their problems together.
        NothingMeasured: none of the boards' suites has a report; the pages are written, and say so.
    """
    specs = _load(files)
    boards = _boards(files, specs, reports)
    pages = [write_board(board, sources, out / spec.board, cells) for spec, board, sources in boards]
    listed = [(Link(f"{spec.board}/index.html", board.title), board, standing(board)) for spec, board, _ in boards]
    index = environment().get_template("index.html").render(boards=listed, date=build_date())
    write_atomic(out / "index.html", index.encode())
    if not any(sources.stored for _, _, sources in boards):
        raise _nothing(specs, reports, f"; the pages in {out} say so")
    return pages


def build_one(file: Path, reports: Path) -> Board:
    """The board of a file, without its pages. Raises InputError, and NothingMeasured where no suite has a report."""
    (spec,) = _load([file])
    board, sources = _board(file, spec, reports)
    if not sources.stored:
        raise _nothing([spec], reports)
    return board


def build_suite_board(store: Store, page: Path) -> Path:
    """The board of one report, as a single page inside it."""
    plan = store.plan() or {}
    sources = read_sources([store])
    spec = BoardFile.model_construct(
        board=store.folder.name, title=str(plan.get("suite", "")), description=str(plan.get("description", "")),
        suites=[store.folder.name],
    )  # fmt: skip
    board = build_board(spec, sources.tasks, sources.entries, sources.planned)
    write_atomic(page, render_board(board, Site(command=command_of(sources))).encode())
    return page


def write_board(board: Board, sources: Sources, folder: Path, cells: bool = True) -> Path:
    """The pages and data of one board; returns its index.html."""
    addresses = {}
    if cells and len(sources.stored) <= MAX_CELL_PAGES:
        addresses = write_cells(board, sources, folder)
    shards = board.pairs is not None and len(board.rows) ** 2 / 2 * len(board.tasks) > EMBEDDED
    site = Site(addresses, files=(*DATA, *BESIDE), shards=shards, date=build_date(), command=command_of(sources))
    for name, content in render_pages(board, site).items():
        write_atomic(folder / name, content.encode())
    texts = (board_json(board), board_csv(board), long_csv(board), feed(board), badge(board))
    for name, text in zip((*DATA, *BESIDE), texts, strict=True):
        write_atomic(folder / name, text.encode())
    if shards:
        for name, text in pair_shards(board):
            write_atomic(folder / "data" / name, text.encode())
    return folder / "index.html"


def render_pages(board: Board, site: Site) -> dict[str, str]:
    """File name -> page: index.html, and a page for each domain where one page would be too large."""
    if len(board.rows) * (len(board.tasks) + len(board.extras)) <= MAX_PAGE_CELLS:
        return {"index.html": render_board(board, site)}
    names = [f"domain-{d}.html" for d in range(len(board.domains))]
    links = [Link(name, f"Tasks of {domain.title}") for name, domain in zip(names, board.domains, strict=True)]
    pages = {"index.html": render_board(board, _with(site, [], links))}
    for name, domain in zip(names, board.domains, strict=True):
        others = [Link("index.html", "All domains"), *(link for link in links if link.href != name)]
        pages[name] = render_board(board, _with(site, list(domain.tasks), others, plots=False))
    return pages


def build_date() -> str:
    """The day of the build from SOURCE_DATE_EPOCH, or "": pages carry no clock of their own."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%d}" if epoch.isdigit() else ""


def command_of(sources: Sources) -> str:
    """A command that makes the first cell again."""
    from fmbench.leaderboard.provenance import command

    return command(sources.stored[0]) if sources.stored else ""


def _with(site: Site, tasks: Sequence[int], links: Sequence[Link], plots: bool = True) -> Site:
    return Site(site.cells, links, site.files, site.shards, site.date, site.command, tasks, plots)


def _load(files: Sequence[Path]) -> list[BoardFile]:
    specs: list[BoardFile] = []
    problems: list[Problem] = []
    loaded: dict[str, Path] = {}
    for file in files:
        try:
            spec = load_board(file)
        except InputError as error:
            problems += error.problems
            continue
        if spec.board in loaded:
            problems.append(
                Problem(f"the board {spec.board!r} is declared in {loaded[spec.board]} too", Place(str(file)))
            )
        loaded.setdefault(spec.board, file)
        specs.append(spec)
    if problems:
        raise InputError(problems)
    return specs


def _nothing(specs: Sequence[BoardFile], reports: Path, more: str = "") -> NothingMeasured:
    suites = sorted({suite for spec in specs for suite in spec.suites})
    runs = ", ".join(f"`fmbench run suites/{suite}.yaml`" for suite in suites)
    return NothingMeasured(f"no report of {', '.join(suites)} in {reports}{more}; what makes them: {runs}")


def _boards(files: Sequence[Path], specs: Sequence[BoardFile], reports: Path) -> list[tuple[BoardFile, Board, Sources]]:
    found, problems = [], list[Problem]()
    for file, spec in zip(files, specs, strict=True):
        try:
            found.append((spec, *_board(file, spec, reports)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return found


def _board(file: Path, spec: BoardFile, reports: Path) -> tuple[Board, Sources]:
    there = [suite for suite in spec.suites if (reports / suite).is_dir()]
    stores = [open_report(reports / suite) for suite in there]
    sources = read_sources(stores, spec.tasks)
    missing = [suite for suite in spec.suites if suite not in there]
    if not missing and sources.stored:
        planned = {cell["task"] for store in stores for cell in (store.plan() or {}).get("cells", [])}
        check_names(file, spec, planned, {task.domain for task in sources.tasks})
    return build_board(spec, sources.tasks, sources.entries, sources.planned, missing), sources
