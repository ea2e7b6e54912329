"""The page in a real browser: from a file, without network, without JavaScript, narrow and dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fmbench.leaderboard.board import Entry, build_board
from fmbench.leaderboard.render import render_html
from fmbench.registry import METRICS

pytestmark = pytest.mark.browser
METRIC = {"accuracy": METRICS["accuracy"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(params=["tame", "hostile"])
def page_file(
    request: pytest.FixtureRequest, tmp_path: Path, entry: Callable[..., Entry], hostile_entries: list[Entry]
) -> Path:
    tame = [entry(f"model-{i}", i / 20, seed) for i in range(15) for seed in (0, 1)] + [entry("bad", error="no luck")]
    entries = tame if request.param == "tame" else hostile_entries
    title = "Title" if request.param == "tame" else hostile_entries[1].result.model + "z" * 3000
    file = tmp_path / "board.html"
    file.write_text(render_html(build_board(title, title, entries, METRIC)))
    return file


class Visit:
    """A page that was opened, and everything it did."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(file.as_uri(), wait_until="load")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


def test_it_opens_from_a_file_and_asks_for_nothing(browser: Any, page_file: Path) -> None:
    with Visit(browser, page_file) as visit:
        assert visit.requests == [page_file.as_uri()]
        assert visit.complaints == []
        assert visit.page.locator("script, img, link, iframe").count() == 0
        assert visit.page.title().endswith("– leaderboard")


def test_all_rows_are_readable_without_javascript(browser: Any, page_file: Path) -> None:
    wanted = page_file.read_text().count('<th scope="row">')
    with Visit(browser, page_file, java_script_enabled=False) as visit:
        assert visit.page.locator("tbody th[scope=row]").count() == wanted
        main = visit.page.locator("section > .scroll tbody th[scope=row]")
        assert main.count() > 10
        assert all(main.nth(i).is_visible() for i in range(main.count()))
        assert visit.complaints == []


@pytest.mark.parametrize("width", [375, 1280])
def test_the_body_never_scrolls_sideways(browser: Any, page_file: Path, width: int) -> None:
    with Visit(browser, page_file, viewport={"width": width, "height": 800}) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.page.evaluate("document.body.scrollWidth") <= width


def test_dark_mode_is_dark_and_readable(browser: Any, page_file: Path) -> None:
    brightness = """() => {
        const style = getComputedStyle(document.body);
        const mean = text => text.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
        return [mean(style.backgroundColor), mean(style.color)];
    }"""
    with Visit(browser, page_file, color_scheme="dark") as visit:
        background, ink = visit.page.evaluate(brightness)
        assert background < 60 < 180 < ink
    with Visit(browser, page_file, color_scheme="light") as visit:
        background, ink = visit.page.evaluate(brightness)
        assert ink < 60 < 180 < background


def test_details_open_with_the_keyboard(browser: Any, page_file: Path) -> None:
    with Visit(browser, page_file) as visit:
        details = visit.page.locator("details").first
        details.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        assert details.locator("table").is_visible()
