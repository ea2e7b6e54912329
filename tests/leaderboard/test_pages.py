"""Pages say what the board says, byte for byte the same, and nothing in them is taken for code."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from rich.console import Console

from fmbench.cli.tables import result_table
from fmbench.leaderboard.board import Board
from fmbench.leaderboard.export import board_csv, board_json, long_csv, pair_shards
from fmbench.leaderboard.feed import badge, feed
from fmbench.leaderboard.render import Site, policy_hash, render_board, row_id
from fmbench.leaderboard.view import (
    Cell,
    Column,
    count,
    decimals,
    fixed,
    half_text,
    make_table,
    shown_text,
    significant,
)
from fmbench.run.result import Result

MakeBoard = Callable[..., Board]
MakeResult = Callable[..., Result]
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Page(HTMLParser):
    """The tags, attributes, scripts and main rows of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.scripts: list[str] = []
        self._cell = self._board = self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "table":
            self._board = ("id", "board") in attrs
        if tag == "script":
            self._script = True
            self.scripts.append("")
        if tag == "tr" and self._board:
            self.rows.append([])
        if tag in ("td", "th") and self._board:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False
        if tag == "script":
            self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[-1] += data
        elif self._cell:
            self.rows[-1][-1] += data


@pytest.fixture
def tame(board: MakeBoard, two_domains: Callable[[int], list[Result]]) -> Board:
    return board(two_domains(8))


@pytest.fixture
def hostile(board: MakeBoard, hostile_results: list[Result]) -> Board:
    title = hostile_results[1].model
    return board(hostile_results, title=title, description=title + "y" * 3000, notes=[title], license=title)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_same_board_gives_the_same_bytes(board: MakeBoard, two_domains: Callable[[int], list[Result]]) -> None:
    results = two_domains(5)
    for render in (render_board, board_json, board_csv, long_csv):
        assert render(board(results)).encode() == render(board(results)).encode()


def test_the_page_needs_nothing_else(tame: Board) -> None:
    text = render_board(tame)
    page = Page(text)
    assert not page.tags & {"link", "img", "iframe", "object", "embed", "form", "base"}
    assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {"src"}
    data, script = page.scripts
    assert json.loads(data)["board"] == "b"
    assert f"script-src {policy_hash(script)};".replace("'", "&#39;") in text
    assert len(script.encode()) <= 20_480


def test_json_csv_and_page_say_the_same(tame: Board) -> None:
    tree = json.loads(board_json(tame))
    table = make_table(tame)
    assert tree["schema"] == "fmbench.board/1"
    lines, page = read_csv(board_csv(tame)), Page(render_board(tame))
    embedded = json.loads(page.scripts[0])
    assert len(tree["rows"]) == len(lines) == len(page.rows) - 1 == len(embedded["rows"]) == 8
    for row, line, shown, cells in zip(tree["rows"], lines, page.rows[1:], table.rows, strict=True):
        for column, cell, in_json, in_page in zip(table.columns, cells, row["cells"], shown[1:], strict=True):
            assert in_json == list(cell)
            assert line[column.name] == ("" if cell.value is None else str(cell.value))
            if cell.value is None:
                assert in_page.startswith("– ")
                assert cell.reason
            else:
                half = half_text(column, cell)
                assert in_page == shown_text(column, cell) + (f"±{half}" if half else "")
    long = read_csv(long_csv(tame))
    assert len(long) == 8 * 4
    failed = [line for line in long if line["problem"]]
    assert [(line["model"], line["value"], line["problem"]) for line in failed] == [("m07", "", "failed: no luck")]


def test_at_most_twelve_columns_at_first_and_domains_before_tasks(
    tame: Board, board: MakeBoard, result: MakeResult
) -> None:
    many = board([result("m", 0.6 + t / 100, task=f"t{t}", domain=f"d{t % 6}") for t in range(12)])
    for one in (tame, many):
        shown = [column for column in make_table(one).columns if column.shown]
        assert len(shown) <= 12
    assert not [column for column in shown if column.task is not None]
    assert sum(column.group == "domain" for column in shown) == 4


def test_columns_hide_without_a_script(tame: Board) -> None:
    text = render_board(tame)
    for i, column in enumerate(make_table(tame).columns, 2):
        assert f"body:has(#c-{column.id}:not(:checked)) #board :is(th,td):nth-child({i}){{display:none}}" in text
        assert f'id="c-{column.id}"' in text


def test_an_empty_board_says_so(board: MakeBoard) -> None:
    from dataclasses import replace

    text = render_board(replace(board([]), missing=("medical",)))
    assert "No results yet" in text
    assert "fmbench run suites/medical.yaml" in text
    assert "<script" not in text


def test_a_stated_ceiling_is_in_the_header_the_data_and_the_table(board: MakeBoard, result: MakeResult) -> None:
    stated = [result(name, 0.7, task="made", domain="d", ceiling={"accuracy": 0.875}) for name in "ab"]
    made = board([*stated, *(result(name, 0.7, task="real", domain="d") for name in "ab")])
    text, tree = render_board(made), json.loads(board_json(made))
    assert {task["task"]: (task["ceiling"], task["ceiling_stated"]) for task in tree["tasks"]} == {
        "made": (0.875, True),
        "real": (1.0, False),
    }
    assert "accuracy (chance 0.5, ceiling 0.875, a bound: nothing can be expected to do better)" in text
    assert "accuracy (chance 0.5, ceiling 1);" in text
    assert "<small><bdi>ceiling 87.5 · d</bdi></small>" in text
    assert "<small><bdi>d</bdi></small>" in text
    assert text.count("0.875 (stated)") == 1
    (row, _) = made.rows
    scaled = [score.scaled.value for score in row.scores if score.scaled]
    assert scaled == [pytest.approx(0.2 / 0.375), pytest.approx(0.2 / 0.5)]


def test_a_ceiling_no_better_than_chance_rescales_nothing(board: MakeBoard, result: MakeResult) -> None:
    made = board([result(name, 0.7, ceiling={"accuracy": 0.5}) for name in "ab"])
    assert all(row.headline is None and row.scores[0].estimate is not None for row in made.rows)
    assert "a task has no chance level" in render_board(made)


def test_the_feed_is_atom_and_tells_what_is_new(board: MakeBoard, result: MakeResult) -> None:
    atom = "{http://www.w3.org/2005/Atom}"

    def read(results: list[Result]) -> dict[str, dict[str, str]]:
        root = ElementTree.fromstring(feed(board(results)))
        assert root.tag == f"{atom}feed"
        assert all(root.find(atom + name) is not None for name in ("title", "id", "updated", "author"))
        entries = [{part.tag.removeprefix(atom): part.text or "" for part in one} for one in root.iter(f"{atom}entry")]
        assert [one["updated"] for one in entries] == sorted((one["updated"] for one in entries), reverse=True)
        assert all(datetime.fromisoformat(one["updated"]).tzinfo for one in entries)
        return {one["title"].split(" ")[0]: one for one in entries}

    old = result("old", 0.7, started_at="2026-01-01T10:00:00+02:00")
    new = result("new", 0.8, started_at="2026-01-02T10:00:00+00:00")
    bad = result("bad", started_at="yesterday", error="no luck")
    first, second = read([old, bad]), read([old, bad, new])
    assert set(second) == {"old", "new", "bad"}
    assert second["old"]["updated"] == "2026-01-01T08:00:00Z"
    assert second["bad"]["updated"] == "1970-01-01T00:00:00Z"
    assert "failed: no luck" in second["bad"]["summary"]
    assert second["bad"]["id"] == read([bad, new, old])["bad"]["id"]
    assert first["old"]["id"] != read([result("old", 0.9, started_at=old.started_at), bad])["old"]["id"]


def test_the_badge_says_who_leads_and_how_many_are_whole(tame: Board, board: MakeBoard) -> None:
    root = ElementTree.fromstring(badge(tame))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    title = root.findtext("{http://www.w3.org/2000/svg}title") or ""
    assert title.startswith(f"T: {tame.rows[0].name} ")
    assert title.endswith("7 of 8 rows complete")
    assert "no results" in badge(board([]))


def test_hostile_texts_are_text_in_feed_and_badge(hostile: Board) -> None:
    for made in (feed(hostile), badge(hostile)):
        root = ElementTree.fromstring(made)
        assert not {one.tag.rpartition("}")[2] for one in root.iter()} & {"script", "img", "b"}
        assert not CONTROLS.search(made.replace("\n", ""))


def test_hostile_texts_are_text_in_the_page(hostile: Board, tame: Board) -> None:
    page, usual = Page(render_board(hostile)), Page(render_board(tame))
    assert page.tags <= usual.tags
    assert page.attributes <= usual.attributes | {"class", "title"}
    assert len(page.scripts) == 2
    assert page.scripts[1] == usual.scripts[1]
    assert "<" not in page.scripts[0]
    shown = {cell.replace("\r", "").replace("\0", "") for row in page.rows for cell in row}
    assert {row.model.replace("\r", "").replace("\0", "") for row in hostile.rows} <= shown


def test_plots_hold_hostile_texts_as_text(board: MakeBoard, result: MakeResult) -> None:
    bad = "<b x=1>"
    rows = [
        result(f"{bad}{i}", 0.7 + i / 20, adaptation=bad, started_at=f"{bad}{i:03d}", environment={"cpu": bad})
        for i in range(3)
    ]
    text = render_board(board(rows))
    for name in (
        "Rank intervals",
        "Quality and throughput",
        "Quality and trainable parameters",
        "Robustness",
        "History",
    ):
        assert f"<h3>{name}" in text
    assert "<b " not in text.split("<script")[0]


def test_text_of_others_cannot_turn_the_direction_of_ours(board: MakeBoard, result: MakeResult) -> None:
    turn = "a\u202eb"
    text = render_board(
        board([result(turn, adaptation=turn, source=turn, license=turn, task=turn, domain=turn)], title=turn)
    )
    outside = re.sub(r"<bdi>[^<]*</bdi>|<title>[^<]*</title>|<script.*?</script>", "", text, flags=re.DOTALL)
    outside = re.sub(r'(title|aria-label|value)="[^"]*"', "", outside)
    assert "\u202e" not in outside


def test_hostile_texts_are_text_in_a_spreadsheet(hostile: Board) -> None:
    for text in (board_csv(hostile), long_csv(hostile)):
        lines = read_csv(text)
        assert len(text.splitlines()) == len(lines) + 1
        cells = [cell for line in lines for cell in line.values()]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
        assert not [cell for cell in cells if cell.startswith("-") and not re.fullmatch(r"-[\d.e-]+", cell)]
        assert not [cell for cell in cells if CONTROLS.search(cell)]
        assert '\'=HYPERLINK("http://evil.example",A1)' in cells


def test_hostile_texts_survive_json(hostile: Board, hostile_results: list[Result]) -> None:
    assert {row["model"] for row in json.loads(board_json(hostile))["rows"]} == {one.model for one in hostile_results}


def test_hostile_names_are_text_in_the_terminal(hostile_results: list[Result]) -> None:
    console = Console(record=True, width=400, file=io.StringIO(), force_terminal=True)
    console.print(result_table(hostile_results))
    text = console.export_text()
    assert not CONTROLS.search(text)
    assert "[red]x[/red] [link=http://evil.example]y[/link]" in text
    assert "evil.example\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 400


def test_comparisons_too_large_for_the_page_lie_beside_it(tame: Board) -> None:
    shards = dict(pair_shards(tame))
    assert set(shards) == {f"pairs-{row_id(row)}.js" for row in tame.rows}
    first = shards[f"pairs-{row_id(tame.rows[0])}.js"]
    lines = json.loads(first[first.index(",") + 1 : -3])
    embedded = json.loads(Page(render_board(tame, Site())).scripts[0])["pairs"]
    assert lines == embedded[0]
    assert [len(each) for each in embedded] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert all(
        a[0] == pytest.approx(tame.pairs[t].difference[0, 1], rel=1e-3) for t, a in enumerate(lines[0]) if tame.pairs
    )


def test_ranks_follow_the_headline(tame: Board) -> None:
    heads = [row.headline.value for row in tame.rows if row.headline]
    assert all(a >= b for a, b in pairwise(heads))
    for row in tame.rows:
        if row.rank:
            assert row.rank.low <= row.rank.rank <= row.rank.high


COLUMN = Column("x", "x", "x", "", "domain", "percent", True)


@pytest.mark.parametrize(
    ("cell", "text", "half"),
    [
        (Cell(None), "–", ""),
        (Cell(0.61249, 0.5, 0.72), "61", "11"),
        (Cell(0.61249, 0.58, 0.64), "61.2", "3.0"),
        (Cell(0.61249, 0.61, 0.615), "61.25", "0.25"),
        (Cell(-0.0001, None, None), "0.0", ""),
        (Cell(0.5, 0.5, 0.5), "50.0", "0.0"),
    ],
)
def test_numbers_have_the_digits_of_their_interval(cell: Cell, text: str, half: str) -> None:
    assert (shown_text(COLUMN, cell), half_text(COLUMN, cell)) == (text, half)


def test_digits() -> None:
    assert [decimals(half) for half in (None, 0, 0.2, 1, 9.99, 10)] == [1, 1, 2, 1, 1, 0]
    assert [fixed(value, 0) for value in (0.5, 1.5, 2.5, -0.5, -0.4)] == ["1", "2", "3", "-1", "0"]
    assert [count(value) for value in (0, 999, 1000, 999_960, 22_713_216, 7e9)] == [
        "0",
        "999",
        "1k",
        "1M",
        "22.7M",
        "7G",
    ]
    assert [significant(value) for value in (0.1234, 9.94, 1234.5)] == ["0.123", "9.94", "1,234"]
