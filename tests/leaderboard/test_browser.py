"""The page in a real browser: from a file, without network, without JavaScript, narrow and dark, by keyboard."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fmbench.leaderboard.board import Board
from fmbench.leaderboard.export import board_json, pair_shards
from fmbench.leaderboard.render import Site, render_board
from fmbench.leaderboard.view import Table, make_table
from fmbench.run.result import Result

pytestmark = pytest.mark.browser
Results = Callable[[int], list[Result]]
MakeBoard = Callable[..., Board]


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


@pytest.fixture
def tame(board: MakeBoard, two_domains: Results) -> Board:
    return board(two_domains(14))


@pytest.fixture
def tame_file(tame: Board, tmp_path: Path) -> Path:
    return written(tame, tmp_path)


@pytest.fixture(params=["tame", "hostile"])
def page_file(
    request: pytest.FixtureRequest, tmp_path: Path, tame: Board, board: MakeBoard, hostile_results: list[Result]
) -> Path:
    if request.param == "tame":
        return written(tame, tmp_path)
    title = hostile_results[1].model + "z" * 3000
    return written(board(hostile_results, title=title, description=title, notes=[title]), tmp_path)


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


FOCUSED = "document.activeElement.id || document.activeElement.innerText || document.activeElement.type || ''"


def ids(board: Board) -> list[str]:
    return [row["id"] for row in json.loads(board_json(board))["rows"]]


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


def test_rescaled_common_and_resampled(browser: Any, tame_file: Path, tame: Board) -> None:
    from fmbench.leaderboard.view import fixed

    table = make_table(tame)
    with Visit(browser, tame_file) as visit:
        visit.press("#norm")
        rows = visit.page.locator("#board tbody tr")
        number = next(i for i, column in enumerate(table.columns) if column.id == "t1")
        for i, row in enumerate(tame.rows):
            scaled = row.scores[1].scaled
            assert scaled is not None
            text = rows.nth(i).locator("td").nth(number + 1).evaluate("cell => cell.firstChild.textContent")
            assert float(text) == pytest.approx(100 * scaled.value, abs=0.51)
        visit.press("#common")
        head = visit.page.locator("#board thead th").last
        assert head.inner_text() == "Mean of 3 common"
        first = tame.rows[0]
        values = [score.scaled.value for score in first.scores if score.scaled]
        wanted = (sum(values[:2]) / 2 + values[2]) / 2
        assert rows.first.locator("td").last.inner_text() == fixed(100 * wanted, 1)
        visit.press("#common")
        visit.press("#mode")
        second = first.rank_over_tasks
        assert second is not None
        shown = rows.first.locator("td").nth(1).inner_text()
        assert shown == (
            f"{second.rank} ({second.low}–{second.high})" if second.low != second.high else f"{second.rank}"
        )


def test_downloads_are_the_board(browser: Any, tame_file: Path, tame: Board) -> None:
    tree = json.loads(board_json(tame))
    with Visit(browser, tame_file) as visit:
        visit.page.evaluate("document.querySelectorAll('#chooser input:not(:checked)').forEach(box => box.click())")
        view = json.loads(visit.export("JSON"))
        names = view["columns"]
        assert [name for name in names if not name.endswith((":low", ":high"))] == tree["columns"]
        for shown, row in zip(view["rows"], tree["rows"], strict=True):
            found = dict(zip(names, shown, strict=True))
            for name, (value, low, high, _) in zip(tree["columns"], row["cells"], strict=True):
                assert found[name] == value
                if f"{name}:low" in found:
                    assert [found[f"{name}:low"], found[f"{name}:high"]] == [low, high]
        lines = list(csv.reader(io.StringIO(visit.export("CSV")), strict=True))
        assert lines[0] == names
        for line, shown in zip(lines[1:], view["rows"], strict=True):
            assert [_number(text) for text in line] == shown
        assert visit.export("Markdown").count("\n") == 2 + len(tree["rows"])
        assert visit.export("LaTeX").count(r" \\") == 1 + len(tree["rows"])
        visit.page.locator("#q").fill("@method:lora")
        assert len(json.loads(visit.export("JSON"))["rows"]) == sum(row.adaptation == "lora" for row in tame.rows)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text or None


def test_downloads_of_hostile_texts_are_harmless(
    browser: Any, board: MakeBoard, hostile_results: list[Result], tmp_path: Path
) -> None:
    with Visit(browser, written(board(hostile_results), tmp_path)) as visit:
        lines = list(csv.reader(io.StringIO(visit.export("CSV")), strict=True))
        assert len(lines) == len({len(line) for line in lines}) * (1 + len(visit.order()))
        cells = [cell for line in lines for cell in line]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
        assert not any(ord(c) < 32 or c in "\u202e\u2066\u2028" for cell in cells for c in cell)
        assert "<img" not in visit.export("Markdown").replace("\\<img", "")


def test_numbers_are_written_as_python_writes_them(browser: Any, tame_file: Path) -> None:
    from fmbench.leaderboard.view import decimals, fixed

    lot = random.Random(1)
    values = [lot.uniform(-150, 150) for _ in range(300)] + [0.5, 1.5, 2.5, -0.5, 0.125, -0.0, 62.5, 0.05, 100.0]
    halves = [None, 0.0, 0.3, 0.99, 1.0, 5.0, 10.0, 40.0]
    with Visit(browser, tame_file) as visit:
        for places in (0, 1, 2):
            found = visit.page.evaluate("([xs, p]) => xs.map(x => fmbenchNumbers.fixed(x, p))", [values, places])
            assert found == [fixed(value, places) for value in values]
        assert visit.page.evaluate("xs => xs.map(fmbenchNumbers.decimals)", halves) == [
            decimals(half) for half in halves
        ]


@pytest.mark.parametrize("beside", [False, True])
def test_compare_says_what_the_board_says(
    browser: Any, tame: Board, tmp_path: Path, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if beside:
        monkeypatch.setattr("fmbench.leaderboard.render.EMBEDDED", 0)
        (tmp_path / "data").mkdir()
        for name, text in pair_shards(tame):
            (tmp_path / "data" / name).write_text(text)
    with Visit(browser, written(tame, tmp_path, Site(shards=beside))) as visit:
        for i in (0, 1):
            visit.page.locator("#board tbody input").nth(i).check()
        rows = visit.page.locator("#compared tbody tr")
        rows.first.wait_for()
        assert rows.count() == len(tame.tasks)
        assert tame.pairs is not None
        for t, pair in enumerate(tame.pairs):
            cells = rows.nth(t).locator("td").all_inner_texts()
            assert cells[0] == tame.tasks[t].name
            assert float(cells[1]) == pytest.approx(100 * pair.difference[0, 1], abs=0.06)
            assert pair.won is not None
            assert cells[4] == f"{int(pair.won[0, 1])}, {int(pair.won[1, 0])}"
        visit.page.locator("#board tbody input").nth(0).uncheck()
        assert not visit.page.locator("#compare").is_visible()
        assert visit.complaints == []


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
    package = pytest.importorskip("axe_playwright_python", reason="no axe-playwright-python (axe-core)")
    axe = (importlib.resources.files(package) / "axe.min.js").read_text(encoding="utf-8")
    with Visit(browser, tame_file, color_scheme=scheme, bypass_csp=True) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for i in (0, 1):
            visit.page.locator("#board tbody input").nth(i).check()
        visit.page.evaluate(axe)
        for width in (375, 768, 1440):
            visit.page.set_viewport_size({"width": width, "height": 900})
            found = visit.page.evaluate("axe.run()")["violations"]
            assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found] == []
