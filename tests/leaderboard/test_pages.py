"""Pages say what the board says, byte for byte the same, and nothing in them is taken for code."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from rich.console import Console

from fmbench.cli.tables import result_table
from fmbench.leaderboard.board import Board, Entry, build_board
from fmbench.leaderboard.render import COLUMNS, count, percent, rate, render_csv, render_html, render_json
from fmbench.registry import METRICS

Make = Callable[..., Entry]
METRIC = {"accuracy": METRICS["accuracy"]}
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Page(HTMLParser):
    """The tags, attributes and cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


@pytest.fixture
def board(entry: Make) -> Board:
    entries = [entry("first", 0.9, seed) for seed in (0, 1)] + [entry("second", 0.5), entry("third", error="no luck")]
    return build_board("Title", "About it", [*entries, entry("alone", 0.3, fingerprint="0" * 64)], METRIC)


@pytest.fixture
def hostile(hostile_entries: list[Entry]) -> Board:
    title = hostile_entries[1].result.model
    return build_board(title, title + "y" * 10_000, hostile_entries, METRIC)


def read_csv(board: Board) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(board), newline=""), strict=True))


def test_the_same_board_gives_the_same_bytes(entry: Make) -> None:
    def build(models: str) -> Board:
        return build_board("t", "d", [entry(m, 0.1 * len(m), s) for m in models.split() for s in (0, 1)], METRIC)

    for render in (render_html, render_json, render_csv):
        assert render(build("a bb ccc")).encode() == render(build("ccc a bb")).encode()


def test_the_page_needs_nothing_else_and_runs_nothing(board: Board) -> None:
    page = Page(render_html(board))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {"src", "href"}
    assert "default-src &#39;none&#39;" in render_html(board) or "default-src 'none'" in render_html(board)


def test_json_and_csv_agree_with_the_page(board: Board) -> None:
    tree = json.loads(render_json(board))
    assert tree["schema"] == "fmbench.board/1"
    from_json = [(section, row) for section in tree["sections"] for row in section["rows"]]
    from_csv = read_csv(board)
    in_page = [row for row in Page(render_html(board)).rows if len(row) in (4, 9) and row[0] != "Rank"]
    assert len(from_json) == len(from_csv) == 4
    cells = {(row[0], row[1]): row for row in in_page}
    for (section, row), line in zip(from_json, from_csv, strict=True):
        assert list(line) == list(COLUMNS)
        for name in COLUMNS:
            value = row.get(name, section.get(name))
            text = " ".join(map(str, value)) if name == "seeds" else "" if value is None else str(value)
            assert line[name] == text
        shown = cells[str(row["rank"]) if row["rank"] else "–", row["model"]]
        if row["value"] is None:
            assert shown[3] == row["problem"] == "failed: no luck"
            continue
        assert shown[3] == percent(row["value"])
        assert shown[4].strip() == f"{percent(row['low'])} – {percent(row['high'])}"
        numbers = [str(len(row["seeds"])), rate(row["examples_per_s"]), count(row["parameters"])]
        assert shown[5:8] == numbers


def test_one_seed_says_so_on_the_page(board: Board) -> None:
    text = render_html(board)
    assert text.count("1 seed, training variance unknown") == 2
    assert "bootstrap over items, t over 2 seeds" in text


def test_an_empty_board_says_so() -> None:
    assert "No results yet." in render_html(Board("t", "", ()))
    assert render_csv(Board("t", "", ())) == ",".join(COLUMNS) + "\n"


def test_hostile_names_are_text_in_the_page(hostile: Board, board: Board) -> None:
    page, tame = Page(render_html(hostile)), Page(render_html(board))
    assert page.tags <= tame.tags
    assert page.attributes <= tame.attributes
    names = {row.model for section in hostile.sections for row in section.rows}
    shown = {cell.replace("\r", "") for row in page.rows for cell in row}
    assert {name.replace("\r", "").replace("\0", "") for name in names} <= {cell.replace("\0", "") for cell in shown}


def test_text_of_others_cannot_turn_the_direction_of_ours(entry: Make) -> None:
    turn = "a\u202eb"
    entries = [entry("m", source=turn, license=turn, task=turn, environment={"cpu": turn})]
    text = render_html(build_board("t", "", entries, METRIC))
    assert text.count("<bdi>") == text.count("</bdi>") == 4
    inside = re.findall(f"<bdi>[^<]*{turn}[^<]*</bdi>", text)
    assert len(inside) == 4


def test_hostile_names_are_text_in_a_spreadsheet(hostile: Board) -> None:
    lines = read_csv(hostile)
    assert len(lines) == sum(len(section.rows) for section in hostile.sections)
    assert len(render_csv(hostile).splitlines()) == len(lines) + 1
    cells = [cell for line in lines for cell in line.values()]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
    assert not [cell for cell in cells if cell.startswith("-")]
    assert not [cell for cell in cells if CONTROLS.search(cell)]
    models = {line["model"] for line in lines}
    assert '\'=HYPERLINK("http://evil.example",A1)' in models
    assert "'=1+1" in models


def test_hostile_names_survive_json(hostile: Board, hostile_entries: list[Entry]) -> None:
    tree = json.loads(render_json(hostile))
    found = {row["model"] for section in tree["sections"] for row in section["rows"]}
    assert found == {entry.result.model for entry in hostile_entries}


def test_hostile_names_are_text_in_the_terminal(hostile_entries: list[Entry]) -> None:
    console = Console(record=True, width=400, file=io.StringIO(), force_terminal=True)
    console.print(result_table([entry.result for entry in hostile_entries]))
    text = console.export_text()
    assert not CONTROLS.search(text)
    assert "[red]x[/red] [link=http://evil.example]y[/link]" in text
    assert "evil.example\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 400
    assert "x" * 61 not in text.split("failed:")[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (999, "999"), (1000, "1 k"), (22_713_216, "22.7 M"), (7_000_000_000, "7 B")],
)
def test_counts_have_three_digits(value: int | None, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.1234, "0.12"), (9.94, "9.9"), (1234.5, "1,234")])
def test_rates(value: float | None, text: str) -> None:
    assert rate(value) == text
