"""What the page says, saves and compares in a real browser is what Python says."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit, ids, written

from fmbench.leaderboard.board import Board
from fmbench.leaderboard.export import board_json, pair_shards
from fmbench.leaderboard.render import Site
from fmbench.leaderboard.selection import select
from fmbench.leaderboard.view import make_table
from fmbench.leaderboard.view_text import FORMATS, number_text
from fmbench.run.result import Result

pytestmark = pytest.mark.browser
MakeBoard = Callable[..., Board]


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


def test_weights_of_ones_own_are_a_column_without_a_rank(browser: Any, tame_file: Path, tame: Board) -> None:
    from fmbench.leaderboard.view import fixed

    with Visit(browser, tame_file) as visit:
        before = [row[1:4] for row in visit.state()[1:]]
        head = visit.page.locator("#board thead th").last
        assert head.inner_text() == "Your weights"
        assert not head.is_visible()
        visit.press("#weights summary")
        sliders = visit.page.locator("#weights input[type=range]")
        assert sliders.evaluate_all("all => all.map(each => each.value)") == ["50", "50"]
        sliders.nth(0).fill("30")
        sliders.nth(1).fill("0")
        assert visit.page.locator("#weights output").all_inner_texts() == ["30", "0"]
        assert head.is_visible()
        shown = [cells[-1] for cells in visit.state()[1:]]
        assert shown == [fixed(100 * row.domains[0].value, 1) if row.domains[0] else "–" for row in tame.rows]
        assert [row[1:4] for row in visit.state()[1:]] == before
        assert visit.page.evaluate("location.hash") == "#w=30%2C0"
        head.locator("button").click()
        heads = [row.domains[0].value for row in tame.rows if row.domains[0]]
        assert visit.state()[1][-1] == fixed(100 * max(heads), 1)
        visit.press("#reset")
        assert not head.is_visible()
        assert visit.page.evaluate("location.hash") == ""
        assert visit.complaints == []


ADDRESSES = [
    "", "#sort=-score", "#sort=t1&norm=1", "#sort=-model&q=m0", "#q=%40method%3Alora+%40score%3A%3E40%3Bm03&mode=1",
    "#w=90,10&sort=-mine", "#w=50,50", "#w=0,0", "#w=101,0", "#w=7", "#w=90%2C10&q=%40mine%3A%3E50&norm=1",
    "#cols=%2Bt0,%2Bt3,-params&common=1", "#common=1&method=%5B%22fit%22%5D&cols=%2Bt3", "#mode=1&sort=-rank",
    "#method=%22fit%22&sort=-trained&cols=%2Btrained", "#q=%40params%3A%3C1m", "#q=%40tasks%3A4",
    "#q=%40tasks%3A%3C%3D3",
    "#sort=-<img>&pin=x,y&cols=+zz,-__proto__&method={&norm=2", "#all=1&sort=x0&cols=%2Bx0,%2Bx1,%2Bx2",
]  # fmt: skip


@pytest.mark.parametrize("which", ["tame", "hostile"])
def test_the_command_line_says_what_the_page_saves(
    browser: Any, tame: Board, board: MakeBoard, hostile_results: list[Result], tmp_path: Path, which: str
) -> None:
    """Any address of a view, in every format: the same bytes."""
    shown = tame if which == "tame" else board(hostile_results, title="T")
    file, names = written(shown, tmp_path), ids(shown)
    lot = random.Random(0)
    columns = [column.id for column in make_table(shown).columns]
    drawn = [
        f"#sort={lot.choice(['', '-'])}{lot.choice(columns)}&pin={','.join(lot.sample(names, lot.randrange(3)))}"
        f"&cols={','.join('%2B' + name for name in lot.sample(columns, 4))}&norm={lot.randrange(2)}"
        for _ in range(6)
    ]
    with Visit(browser, file) as visit:
        for address in [*ADDRESSES, *drawn]:
            visit.page.goto("about:blank")
            visit.page.goto(file.as_uri() + address)
            view = select(shown, address)
            for name, format_ in (("CSV", "csv"), ("JSON", "json"), ("Markdown", "markdown"), ("LaTeX", "latex")):
                assert FORMATS[format_](view, shown.name) == visit.export(name), (address, name)


def test_numbers_are_written_as_javascript_writes_them(browser: Any, tame_file: Path) -> None:
    lot = random.Random(2)
    values = [lot.uniform(-1, 1) * 10 ** lot.randrange(-12, 25) for _ in range(400)]
    values += [0.0, -0.0, 1.0, 1e-6, 1e-7, 9.9e-7, 1e16, 1e20, 1e21, 1.5e300, 5e-324, 0.1, 123456.0]
    with Visit(browser, tame_file) as visit:
        assert visit.page.evaluate("xs => xs.map(String)", values) == [number_text(value) for value in values]
