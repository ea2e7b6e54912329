"""fmbench run: what it prints where, and what it returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fmbench.cli import main
from fmbench.registry import LOADERS
from fmbench.run import workers
from fmbench.run.result import Result


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.fixture
def broken_majority(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: Any) -> Any:
        raise ValueError("out of\nluck")

    monkeypatch.setitem(
        LOADERS._resolved, "majority", type("Bad", (LOADERS["majority"],), {"load": staticmethod(load)})
    )


def test_it_tells_the_plan_each_cell_the_results_and_where_they_are(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r")
    assert code == 0
    assert "tiny v1: 4 cells" in err
    assert "majority fit, tfidf-logreg fit" in err
    cells = [line for line in err.splitlines() if line.startswith("[")]
    assert len(cells) == 4
    assert cells[0].startswith("[1/4] tiny-task · majority · fit · seed 0: accuracy ")
    assert cells[3].startswith("[4/4] tiny-task · tfidf-logreg · fit · seed 1: accuracy 100.0 [")
    assert "4 cells computed, 0 taken from earlier runs, 0 failed" in out
    assert f"results: {tmp_path / 'r' / 'tiny'}" in out
    page = tmp_path / "r" / "tiny" / "leaderboard.html"
    assert f"leaderboard: {page}" in out
    assert "tfidf-logreg" in page.read_text()
    assert sum("tfidf-logreg" in line and "accuracy" in line for line in out.splitlines()) == 2
    code, out, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r")
    assert code == 0
    assert not [line for line in err.splitlines() if line.startswith("[")]
    assert "0 cells computed, 4 taken from earlier runs, 0 failed" in out
    code, out, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r", "--fresh")
    assert "4 cells computed, 0 taken from earlier runs, 0 failed" in out


def test_json_is_json_and_nothing_else(tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r", "--json", "--seeds", "0")
    assert (code, err) == (0, "")
    results = [Result.model_validate(item) for item in json.loads(out)]
    assert [(result.model, result.status) for result in results] == [("majority", "ok"), ("tfidf-logreg", "ok")]


@pytest.mark.usefixtures("broken_majority")
def test_a_failed_cell_gives_exit_code_one_and_its_reason(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r", "--seeds", "0")
    assert code == 1
    assert "[1/2] tiny-task · majority · fit · seed 0: FAILED: ValueError: out of luck" in err
    assert "failed: ValueError: out of luck" in out
    assert "2 cells computed, 0 taken from earlier runs, 1 failed" in out
    code, out, _ = command(capsys, "run", tiny_suite, "--out", tmp_path / "r", "--seeds", "0", "--json")
    assert code == 1
    assert [item["status"] for item in json.loads(out)] == ["failed", "ok"]


def test_a_limit_goes_to_a_folder_of_its_own(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    assert command(capsys, "run", tiny_suite, "--out", out, "--limit", 4, "--models", "majority")[0] == 0
    assert [path.name for path in out.iterdir()] == ["tiny-limit-4"]
    (result, *_) = (json.loads(path.read_bytes()) for path in out.rglob("result.json"))
    assert result["data"]["rows"] == {"train": 4, "validation": 3, "test": 4}
    assert "limited to the first 4 rows of each split" in result["data"]["notes"]


def test_an_interrupt_gives_130(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(model: Any) -> Any:
        raise KeyboardInterrupt

    name = "tfidf-logreg"
    monkeypatch.setitem(LOADERS._resolved, name, type("Slow", (LOADERS[name],), {"load": staticmethod(load)}))
    code, _, err = command(capsys, "run", tiny_suite, "--out", tmp_path / "r")
    assert code == 130
    assert "interrupted: 2 of 4 cells are stored; the same command goes on from there" in err


def test_overrides_and_selections(tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command(
        capsys, "run", tiny_suite, "--out", tmp_path, "--set", "version=3", "--seeds", "5,7", "--models", "majority",
        "--json",
    )  # fmt: skip
    assert code == 0
    assert [(item["suite_version"], item["seed"], item["model"]) for item in json.loads(out)] == [
        (3, 5, "majority"),
        (3, 7, "majority"),
    ]


def test_workers_compute_the_same_and_print_the_same(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    options = ["run", tiny_suite, "--out", tmp_path / "r"]
    code, out, err = command(capsys, *options, "--workers", "2")
    assert code == 0
    assert "4 cells computed, 0 taken from earlier runs, 0 failed" in out
    assert [line.split("]")[0] for line in err.splitlines() if line.startswith("[")] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert sum("tfidf-logreg" in line and "accuracy" in line for line in out.splitlines()) == 2
    for count in ("1", "auto"):
        code, out, _ = command(capsys, *options, "--workers", count)
        assert "0 cells computed, 4 taken from earlier runs, 0 failed" in out


@pytest.mark.parametrize(
    ("count", "what"),
    [
        ("3", "--workers 3: at most one for each core, and this process may use 2 cores"),
        ("0", "--workers 0: neither a whole number from 1 nor auto"),
        ("many", "--workers many: neither a whole number from 1 nor auto"),
    ],
)
def test_workers_that_do_not_fit_are_one_line_and_nothing_is_computed(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    count: str, what: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(workers, "available_cores", lambda: 2)
    assert command(capsys, "run", tiny_suite, "--out", tmp_path / "r", "--workers", count) == (2, "", f"{what}\n")
    assert not (tmp_path / "r").exists()
