"""Seeds and cells that only one side can show are told by `fmbench gate` in every output, and count where they must."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from gated import broken_copy, command, edit_results

Capture = pytest.CaptureFixture[str]
MAJORITY = "words-task/majority[fit]"


def _fail_majority(content: dict[str, object]) -> None:
    if content["model"] == "majority":
        content.update(status="failed", error={"type": "X", "message": "out of memory"}, measurements=[])


def _without(report: Path, target: Path, folder: str) -> Path:
    shutil.rmtree(broken_copy(report, target) / "words-task" / folder)
    return target


def test_seeds_that_were_not_run_are_told_and_count_under_strict(report: Path, tmp_path: Path, capsys: Capture) -> None:
    new = _without(report, tmp_path / "new", "majority/fit/seed-1")
    files = {kind: tmp_path / f"verdict.{kind}" for kind in ("json", "junit", "markdown")}
    options = [part for kind, file in files.items() for part in (f"--{kind}", file)]
    code, out, _ = command(capsys, "gate", report, new, *options, "--github")
    line = f"not run in new: {MAJORITY} (seed 1)"
    assert code == 0
    assert out.count(line) == 2  # a remark and an annotation
    assert f"::notice title=fmbench::{line}\n" in out
    content = json.loads(files["json"].read_text())
    assert (content["verdict"], content["exit_code"]) == ("pass", 0)
    assert line in content["remarks"]
    assert content["absent"] == [
        {"task": "words-task", "model": "majority", "adaptation": "fit", "seeds": [1], "whole": False, "why": ""}
    ]
    assert line.replace("[fit]", "\\[fit\\]") in files["markdown"].read_text()
    (skipped,) = ET.parse(files["junit"]).getroot().iter("skipped")
    assert skipped.attrib["message"] == "not run in new"

    code, out, _ = command(capsys, "gate", report, new, *options, "--github", "--strict")
    assert code == 3
    assert f"::error title=fmbench::not run in new, which fails under --strict: {MAJORITY} (seed 1)\n" in out
    content = json.loads(files["json"].read_text())
    assert (content["verdict"], content["exit_code"]) == ("not measured", 3)
    root = ET.parse(files["junit"]).getroot()
    assert [case.attrib["name"] for case in root.iter("testcase") if case.find("error") is not None] == [
        f"{MAJORITY} (seed 1)"
    ]


@pytest.mark.parametrize("options", [["--strict"], ["--inconclusive", "fail"]])
def test_what_is_undecided_fails_in_every_output_where_it_fails(
    report: Path, tmp_path: Path, capsys: Capture, options: list[str]
) -> None:
    new = broken_copy(report, tmp_path / "new", 0.007)
    code, out, _ = command(capsys, "gate", report, new, "--junit", tmp_path / "j.xml", "--github", *options)
    assert code == 4
    assert "1 inconclusive (fails)" in out
    assert "::error title=fmbench inconclusive" in out
    assert "::warning" not in out
    suite = ET.parse(tmp_path / "j.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("1", "0")


def test_cells_that_failed_in_the_base_are_told(report: Path, tmp_path: Path, capsys: Capture) -> None:
    base = broken_copy(report, tmp_path / "failed")
    edit_results(base, _fail_majority)
    code, out, _ = command(capsys, "gate", base, report, "--strict", "--github")
    line = f"failed in the base, nothing to compare with: {MAJORITY}: out of memory"
    assert code == 0
    assert f"\n{line}\n" in out
    assert f"::notice title=fmbench::{line}\n" in out
    code, out, err = command(capsys, "gate", base, report, "--models", "majority")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert f"have in common failed in the base ({MAJORITY}: out of memory)" in err
    part = _without(report, tmp_path / "part", "tfidf-logreg")
    assert command(capsys, "gate", base, part)[0] == 3
    seed = _without(part, tmp_path / "seed", "majority/fit/seed-0")
    shutil.rmtree(base / "words-task/majority/fit/seed-1")
    code, _, err = command(capsys, "gate", base, seed)
    assert code == 2
    assert "have no cell in common" in err


def test_what_is_only_in_the_new_report_is_told(report: Path, tmp_path: Path, capsys: Capture) -> None:
    base = _without(report, tmp_path / "part", "majority")
    shutil.rmtree(base / "words-task/tfidf-logreg/fit/seed-0")
    code, out, _ = command(capsys, "gate", base, report, "--strict")
    line = f"only in new, nothing to compare with: {MAJORITY}; words-task/tfidf-logreg[fit] (seed 0)"
    assert code == 0
    assert f"\n{line}\n" in out
    assert line in command(capsys, "compare", base, report)[1]


def test_a_selection_limits_what_is_told(report: Path, tmp_path: Path, capsys: Capture) -> None:
    part = _without(report, tmp_path / "part", "majority")
    code, out, _ = command(capsys, "gate", report, part, "--models", "tfidf-logreg", "--strict")
    assert code == 0
    assert "not run" not in out
    code, out, _ = command(capsys, "gate", part, report, "--models", "tfidf-logreg")
    assert code == 0
    assert "only in" not in out


def test_folders_on_the_way_to_an_output_are_made(
    report: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {kind: tmp_path / kind / "deep" / "verdict" for kind in ("json", "junit", "markdown")}
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary" / "deep" / "step.md"))
    options = [part for kind, file in files.items() for part in (f"--{kind}", file)]
    assert command(capsys, "gate", report, report, *options, "--github")[0] == 0
    assert all(file.is_file() for file in (*files.values(), tmp_path / "summary" / "deep" / "step.md"))
