"""The page in a real browser: from a file, without network, without JavaScript, narrow and dark, by keyboard."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit, ids, violations, written

from fmbench.leaderboard.board import Board
from fmbench.leaderboard.build import build_site
from fmbench.leaderboard.view import Table, make_table
from fmbench.run.result import Result

pytestmark = pytest.mark.browser
MakeBoard = Callable[..., Board]


FOCUSED = "document.activeElement.id || document.activeElement.innerText || document.activeElement.type || ''"


def python_order(board: Board, table: Table, column: int, way: int) -> list[str]:
    """Stable, missing last, as Python sorts."""
    numbers = range(len(table.rows))
    there = [i for i in numbers if table.rows[i][column].value is not None]
    there.sort(key=lambda i: table.rows[i][column].value, reverse=way < 0)  # type: ignore[arg-type,return-value]
    if way < 0:
        there = _stable_descending(there, table, column)
    names = ids(board)
    return [names[i] for i in [*there, *(i for i in numbers if table.rows[i][column].value is None)]]


def _stable_descending(rows: Sequence[int], table: Table, column: int) -> list[int]:
    """Equal values in the order of the board (`reverse=True` keeps it already; this asserts so)."""
    values = [table.rows[i][column].value for i in rows]
    assert all(a != b or i < j for a, b, i, j in zip(values, values[1:], rows, rows[1:], strict=False))
    return list(rows)


def test_it_opens_from_a_file_and_asks_for_nothing(browser: Any, page_file: Path) -> None:
    with Visit(browser, page_file) as visit:
        assert visit.requests == [page_file.as_uri()]
        assert visit.complaints == []
        assert visit.page.locator("img, link, iframe").count() == 0
        assert visit.page.locator("script").count() == 2
        assert visit.page.title().endswith("– leaderboard")
        assert len(visit.order()) == visit.page.locator("#board tbody tr").count() > 10


def test_injected_markup_is_stopped_by_the_policy(browser: Any, tame_file: Path) -> None:
    text = tame_file.read_text()
    tame_file.write_text(
        text.replace(
            "<main>", "<main><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        )
    )
    with Visit(browser, tame_file) as visit:
        assert visit.page.title() != "owned"
        assert any("Content Security Policy" in text for text in visit.complaints)
        assert all(url.startswith("file:") for url in visit.requests)


def test_all_rows_are_readable_without_javascript(browser: Any, page_file: Path) -> None:
    wanted = page_file.read_text().count('<tr id="r-')
    with Visit(browser, page_file, java_script_enabled=False) as visit:
        rows = visit.page.locator("#board tbody tr")
        assert rows.count() == wanted
        assert all(rows.nth(i).is_visible() for i in range(wanted))
        assert not visit.page.locator(".tools").first.is_visible()
        column = visit.page.locator("#board thead th", has_text="Trained")
        assert not column.is_visible()
        visit.press("#chooser summary")
        visit.page.locator("#c-trained").check()
        assert column.is_visible()
        assert visit.complaints == []


@pytest.mark.parametrize("width", [375, 1280])
def test_the_body_never_scrolls_sideways(browser: Any, page_file: Path, width: int) -> None:
    with Visit(browser, page_file, viewport={"width": width, "height": 800}) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for box in visit.page.locator("#board tbody input").all()[:3]:
            box.check()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.page.evaluate("document.body.scrollWidth") <= width


@pytest.mark.parametrize("where", ["system", "button"])
def test_dark_mode_is_dark_and_readable(browser: Any, tame_file: Path, where: str) -> None:
    brightness = """() => {
        const style = getComputedStyle(document.body);
        const mean = text => text.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
        return [mean(style.backgroundColor), mean(style.color)];
    }"""
    with Visit(browser, tame_file, color_scheme="dark" if where == "system" else "light") as visit:
        if where == "button":
            background, ink = visit.page.evaluate(brightness)
            assert ink < 60 < 180 < background
            visit.press("#theme")
        background, ink = visit.page.evaluate(brightness)
        assert background < 60 < 180 < ink


def test_every_column_sorts_as_python_does(browser: Any, tame_file: Path, tame: Board) -> None:
    table = make_table(tame)
    with Visit(browser, tame_file) as visit:
        visit.page.evaluate("document.querySelectorAll('#chooser input').forEach(box => { box.checked = true })")
        for number, column in enumerate(table.columns):
            best = -1 if column.higher_is_better else 1
            if column.id == "rank":
                continue
            head = visit.page.locator("#board thead th").nth(number + 1)
            for way in (best, -best):
                head.locator("button").first.click()
                assert visit.order() == python_order(tame, table, number, way), (column.id, way)
                assert head.get_attribute("aria-sort") == ("ascending" if way > 0 else "descending")
            head.locator("button").first.click()
            assert head.get_attribute("aria-sort") is None
            assert visit.order() == ids(tame)


def test_a_view_is_its_address(browser: Any, tame_file: Path) -> None:
    """Random views: the page opened at their address shows the same."""
    lot = random.Random(0)
    with Visit(browser, tame_file) as visit, Visit(browser, tame_file) as other:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for _ in range(12):
            visit.press("#reset")
            steps = [
                lambda: visit.page.locator("#board thead button:visible").nth(lot.randrange(8)).click(),
                lambda: visit.page.locator("#board tbody input:visible").nth(lot.randrange(3)).click(),
                lambda: visit.page.locator("#facets input").nth(lot.randrange(3)).click(),
                lambda: visit.page.locator("#chooser input").nth(lot.randrange(12)).click(),
                lambda: visit.page.locator("#q").fill(lot.choice(["m0", "m1 ; @method:fit", "@score:>20", "@method:"])),
                *(lambda name=name: visit.press(name) for name in ("#norm", "#common", "#mode", "#theme")),
            ]
            for step in lot.sample(steps, 4):
                step()
            address = visit.page.evaluate("location.href")
            other.page.goto("about:blank")
            other.page.goto(address)
            assert other.state() == visit.state(), address
            assert other.page.evaluate("location.href") == address
        assert visit.complaints == other.complaints == []


def test_a_hostile_address_changes_nothing(browser: Any, tame_file: Path) -> None:
    hash = "#sort=-<img>&pin=x,y&cols=+zz,-__proto__&method={&theme=<script>&norm=2&q=%22%3E%3Cimg%20src=x%3E"
    with Visit(browser, tame_file, hash) as visit:
        assert visit.order() == []
        visit.press("#reset")
        assert len(visit.order()) == 14
        assert visit.complaints == []


def test_search_and_facets(browser: Any, tame_file: Path, tame: Board) -> None:
    names = ids(tame)
    with Visit(browser, tame_file) as visit:
        for query, wanted in {
            "m03": lambda row: row.model == "m03",
            "@method:lora": lambda row: row.adaptation == "lora",
            "@method:lora @score:>40": lambda row: (
                row.adaptation == "lora" and row.headline and row.headline.value > 0.4
            ),
            "m03;m05": lambda row: row.model in ("m03", "m05"),
            "@params:<1m": lambda row: False,
            "@params:<1b": lambda row: True,
            "@nothing:x": lambda row: False,
        }.items():
            visit.page.locator("#q").fill(query)
            assert visit.order() == [name for name, row in zip(names, tame.rows, strict=True) if wanted(row)], query
        visit.press("#reset")
        visit.page.locator("#facets input[value=probe]").check()
        assert visit.order() == [name for name, row in zip(names, tame.rows, strict=True) if row.adaptation == "probe"]


def test_no_choice_of_rows_changes_a_number(browser: Any, tame_file: Path) -> None:
    with Visit(browser, tame_file) as visit:
        before = {row[2]: row for row in visit.state()[1:]}
        visit.page.locator("#q").fill("@method:lora")
        for row in visit.state()[1:]:
            assert row[1:] == before[row[2]][1:]


def test_a_keyboard_is_enough(browser: Any, tame_file: Path, tame: Board) -> None:
    with Visit(browser, tame_file) as visit:
        keys = visit.page.keyboard
        keys.press("/")
        keys.type("@method:lora")
        assert len(visit.order()) == sum(row.adaptation == "lora" for row in tame.rows)
        keys.press("Escape")
        assert len(visit.order()) == 14
        seen = []
        for _ in range(80):
            keys.press("Tab")
            seen.append(visit.page.evaluate(FOCUSED).strip())
            if seen[-1].startswith("Model"):
                break
        assert {"norm", "common", "mode", "theme", "link", "reset", "CSV", "LaTeX", "Columns"} <= set(seen)
        keys.press("Enter")
        assert visit.page.locator("#board thead th[aria-sort]").inner_text().startswith("Model")
        outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_many_rows_come_in_pages_and_all_at_once_on_demand(
    browser: Any, board: MakeBoard, result: Callable[..., Result], tmp_path: Path
) -> None:
    many = board([result(f"m{i:03d}", 0.5 + i / 1000, n=20) for i in range(230)])
    with Visit(browser, written(many, tmp_path)) as visit:
        assert len(visit.order()) == 200
        visit.press("#more")
        assert len(visit.order()) == 230
        assert visit.page.locator("#board tbody tr").count() == 230


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, tame_file: Path, scheme: str) -> None:
    with Visit(browser, tame_file, color_scheme=scheme, bypass_csp=True) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        visit.page.locator("#weights input[type=range]").first.fill("90")
        for i in (0, 1):
            visit.page.locator("#board tbody input").nth(i).check()
        for width in (375, 768, 1440):
            assert violations(visit, width) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_beside_the_board(
    browser: Any, reports: Path, tmp_path: Path, scheme: str
) -> None:
    """The index of the boards, the page of a row, the page of a score, and that of one that failed."""
    board = tmp_path / "mine.yaml"
    board.write_text("board: mine\ntitle: Mine\nsuites: [tiny]\n")
    (page,) = build_site([board], reports, tmp_path / "site")
    cells = sorted((page.parent / "cells").iterdir())
    row = next(cell for cell in cells if "-" not in cell.stem)
    failed = next(cell for cell in cells if "no luck" in cell.read_text() and "-" in cell.stem)
    good = next(cell for cell in cells if "Confusion" in cell.read_text())
    for file in (tmp_path / "site" / "index.html", row, failed, good):
        with Visit(browser, file, color_scheme=scheme, bypass_csp=True) as visit:
            visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            for width in (375, 1280):
                assert violations(visit, width) == [], file
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, file
            assert visit.complaints == [], file
            assert visit.requests == [file.as_uri()]
