"""`gate --bench FILE`: what a side that failed says, files that are not whole, and accidents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gated import broken_copy, command

from fmbench.gate.document import to_json
from fmbench.gate.verdict import Cells, Check, Refused, Verdict

SPEED = Check(Cells("t", "m", "fit"), "speed", "cpu_seconds", "pass", 1.0, 1.0, 0.0, -0.1, 0.1, 0.0, 0.05, 12)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """The file of a bench of which no side could be measured."""
    refused = (Refused("words-task/majority[fit]", "new: its process ended with 7"),)
    path = tmp_path / "bench.json"
    path.write_text(to_json(Verdict("words", "a", "b", (), refused, (), ("cpu time",)), 3))
    return path


def test_a_side_that_failed_in_bench_is_not_measured_and_hides_no_regression(
    report: Path, tmp_path: Path, capsys: Capture, crashed: Path
) -> None:
    code, out, _ = command(capsys, "gate", report, report, "--bench", crashed)
    assert code == 3
    assert "not compared: words-task/majority[fit]: new: its process ended with 7" in out
    junit = tmp_path / "junit.xml"
    new = broken_copy(report, tmp_path / "new", 0.2)
    code, out, _ = command(capsys, "gate", report, new, "--bench", crashed, "--junit", junit)
    assert code == 1
    assert "regression words-task/tfidf-logreg[fit]/accuracy" in out
    assert "its process ended with 7" in junit.read_text()


def _without(*path: str | int) -> dict[str, object]:
    content = json.loads(to_json(Verdict("words", "a", "b", (SPEED,)), 0))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return content  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"schema": "fmbench.gate/1"}, "not a whole verdict: suite: Field required"),
        (_without("checks"), "not a whole verdict: checks: Field required"),
        (_without("checks", 0, "cells"), "not a whole verdict: cells: Field required"),
        (_without("checks", 0, "cells", "task"), "not a whole verdict: cells.task: Field required"),
        (_without("checks", 0, "sort"), "not a whole verdict: sort: Field required"),
        (_without("refused"), "not a whole verdict: refused: Field required"),
        (_without("checks", 0), "no speed or memory in it"),
        (
            {"schema": "fmbench.gate/1", "suite": "words", "checks": 7, "refused": [], "notes": []},
            "checks: Input should",
        ),
    ],
)
def test_a_verdict_that_is_not_whole_is_one_line_and_exit_2(
    report: Path, tmp_path: Path, capsys: Capture, content: dict[str, object], line: str
) -> None:
    (tmp_path / "b.json").write_text(json.dumps(content))
    code, out, err = command(capsys, "gate", report, report, "--bench", tmp_path / "b.json")
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert line in err


@pytest.mark.parametrize("verb", ["gate", "compare"])
def test_an_accident_is_exit_3_with_and_without_its_traceback(
    report: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def lost(*_: object) -> None:
        raise LookupError("lost it")

    monkeypatch.setattr("fmbench.gate.pairing.match", lost)
    code, _, err = command(capsys, verb, report, report)
    assert (code, err) == (3, "internal error: LookupError: lost it (--debug shows where; please report it)\n")
    code, _, err = command(capsys, verb, report, report, "--debug")
    assert code == 3
    assert "Traceback" in err


def test_an_accident_of_bench_is_exit_3(suite: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise LookupError("lost it")

    monkeypatch.setattr("fmbench.gate.bench.bench", lost)
    assert command(capsys, "bench", "--suite", suite, "--models", "majority")[0] == 3


def test_a_shortened_list_of_examples_in_a_baseline_is_damage(report: Path, tmp_path: Path, capsys: Capture) -> None:
    command(capsys, "baseline", "save", report, "--out", tmp_path / "b.json")
    content = json.loads((tmp_path / "b.json").read_text())
    first = next(iter(content["examples"]))
    content["examples"][first] = content["examples"][first][:10]
    (tmp_path / "b.json").write_text(json.dumps(content))
    code, _, err = command(capsys, "gate", tmp_path / "b.json", report)
    assert (code, "damaged: list" in err) == (2, True)
