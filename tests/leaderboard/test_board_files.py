"""Board files to pages on disk; what is wrong with them is told with its place, all at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fmbench.errors import InputError, NothingMeasured
from fmbench.leaderboard.board import Entry
from fmbench.leaderboard.build import build_site, build_suite_board, make_board, read_entries
from fmbench.leaderboard.render import render_csv, render_html, render_json
from fmbench.leaderboard.spec import load_board
from fmbench.run.store import Store

GOOD = "board: mine\ntitle: Mine\nsuites: [tiny]\n"


@pytest.fixture
def reports(tmp_path: Path, entry: Callable[..., Entry]) -> Path:
    """One report with two results of two tasks, and nothing in a third place of its plan."""
    store = Store(tmp_path / "reports" / "tiny")
    results = [entry("a").result, entry("b", task="other").result, entry("c", error="no luck").result]
    cells = [{"folder": f"{r.task}/{r.model}/fit/seed-0", "task_version": 1, "settings": {}} for r in results]
    for cell, result in zip(cells, results, strict=True):
        store.save(cell["folder"], result, None)
    store.write_plan({"suite": "tiny", "description": "About it", "cells": cells})
    return store.folder.parent


def written(tmp_path: Path, **files: str) -> list[Path]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return [tmp_path / f"{name}.yaml" for name in files]


def test_pages_are_written_beside_their_data(tmp_path: Path, reports: Path) -> None:
    files = written(tmp_path, one=GOOD, two="board: other\ntitle: T\nsuites: [tiny, absent]\ntasks: [other]\n")
    pages = build_site(files, reports, tmp_path / "site")
    assert [page.name for page in pages] == ["mine.html", "other.html"]
    entries = read_entries(Store(reports / "tiny"))
    board = make_board("Mine", "", entries)
    assert pages[0].read_text() == render_html(board)
    assert pages[0].with_suffix(".json").read_text() == render_json(board)
    assert pages[0].with_suffix(".csv").read_text() == render_csv(board)
    other = json.loads(pages[1].with_suffix(".json").read_bytes())
    assert [section["task"] for section in other["sections"]] == ["other"]
    before = {path.name: path.read_bytes() for path in (tmp_path / "site").iterdir()}
    assert len(before) == 6
    build_site(files, reports, tmp_path / "site")
    assert {path.name: path.read_bytes() for path in (tmp_path / "site").iterdir()} == before


def test_the_board_of_one_suite(reports: Path, tmp_path: Path) -> None:
    text = build_suite_board(Store(reports / "tiny"), tmp_path / "page.html").read_text()
    assert "<h1>tiny</h1>" in text
    assert "About it" in text
    assert "failed: no luck" in text


def test_a_board_without_a_report_is_told(tmp_path: Path, reports: Path) -> None:
    files = written(tmp_path, one=GOOD.replace("tiny", "absent"))
    with pytest.raises(NothingMeasured, match="board 'mine': no report of absent"):
        build_site(files, reports, tmp_path / "site")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("board: mine\ntitel: Mine\ntitle: M\nsuites: [a]\n", "2:1: unknown key 'titel'; did you mean 'title'?"),
        ("board: mine\ntitle: 3\nsuites: [a]\n", "2:8: "),
        ("board: mine\ntitle: M\nsuites: []\n", "3:9: "),
        ("board: ../../etc/passwd\ntitle: M\nsuites: [a]\n", "1:8: "),
        ("board: mine\ntitle: M\nsuites: [../up]\n", "3:10: "),
        ("board: mine\ntitle: ''\nsuites: [a]\n", "2:8: "),
        ("- a\n", "1:1: "),
        ("board: [\n", "2:1: "),
    ],
)
def test_a_bad_board_file_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    (file,) = written(tmp_path, bad=text)
    with pytest.raises(InputError) as error:
        load_board(file)
    assert str(error.value).splitlines()[0].startswith(f"{file}:{problem}")


def test_all_problems_of_all_files_come_together(tmp_path: Path, reports: Path) -> None:
    files = written(tmp_path, good=GOOD, one="titel: x\n", two="board: a b\ntitle: T\nsuites: [a]\n")
    with pytest.raises(InputError) as error:
        build_site([*files, tmp_path / "absent.yaml"], reports, tmp_path / "site")
    lines = str(error.value).splitlines()
    for part in ("one.yaml:1:1", "'board'", "'title'", "'suites'", "two.yaml:1:8", "absent.yaml: no such file"):
        assert any(part in line for line in lines), (part, lines)
    assert not any("good.yaml" in line for line in lines)
    assert not (tmp_path / "site").exists()
