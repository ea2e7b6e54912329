"""A page in Chromium, and everything it did."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import Any

import pytest

from fmbench.leaderboard.board import Board
from fmbench.leaderboard.export import board_json
from fmbench.leaderboard.render import Site, render_board


def written(board: Board, folder: Path, site: Site | None = None) -> Path:
    file = folder / "board.html"
    file.write_text(render_board(board, site))
    return file


class Visit:
    """A page that was opened, and everything it did."""

    def __init__(self, browser: Any, file: Path, hash: str = "", **options: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(file.as_uri() + hash, wait_until="load")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def order(self) -> list[str]:
        """Ids of the rows that are shown, in order."""
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('#board tbody tr:not([hidden])')].map(row => row.id.slice(2))"
        )
        return found

    def state(self) -> list[Any]:
        """What the page shows: texts of the visible cells of the visible rows, and their classes."""
        found: list[Any] = self.page.evaluate(
            """[...document.querySelectorAll('#board tr:not([hidden])')].map(row => [row.className,
            ...[...row.cells].filter(cell => cell.offsetParent).map(cell => cell.innerText)])"""
        )
        return found

    def press(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def export(self, kind: str) -> str:
        with self.page.expect_download() as download:
            self.press(f"[data-export={kind}]")
        return Path(download.value.path()).read_text()


def ids(board: Board) -> list[str]:
    return [row["id"] for row in json.loads(board_json(board))["rows"]]


def violations(visit: Visit, width: int) -> list[Any]:
    """What axe-core finds wrong with the page as it stands, at a width in pixels."""
    package = pytest.importorskip("axe_playwright_python", reason="no axe-playwright-python (axe-core)")
    if not visit.page.evaluate("'axe' in window"):
        visit.page.evaluate((importlib.resources.files(package) / "axe.min.js").read_text(encoding="utf-8"))
    visit.page.set_viewport_size({"width": width, "height": 900})
    found = visit.page.evaluate("axe.run()")["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found]
