"""`fmbench gate`, `compare` and `baseline save` from end to end, and every bad input as one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from gated import broken_copy, command, edit_results

Capture = pytest.CaptureFixture[str]


def test_the_same_report_passes_and_says_why_speed_is_not_compared(report: Path, capsys: Capture) -> None:
    code, out, err = command(capsys, "gate", report, report)
    assert (code, err) == (0, "")
    assert "pass: 0 regressions, 0 inconclusive, 2 passed" in out
    assert "speed not compared" in out


def test_a_regression_is_exit_1_in_every_output(
    report: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = broken_copy(report, tmp_path / "new", 0.2)
    files = {kind: tmp_path / f"verdict.{kind}" for kind in ("json", "junit", "markdown")}
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    options = [part for kind, file in files.items() for part in (f"--{kind}", file)]
    code, out, _ = command(capsys, "gate", report, new, *options, "--github", "--suite", tmp_path / "words.yaml")
    assert code == 1
    assert "regression words-task/tfidf-logreg[fit]/accuracy" in out
    assert "gold good, base good, new bad" in out or "gold bad, base bad, new good" in out
    assert f"::error file={tmp_path / 'words.yaml'},line=4,title=" in out
    content = json.loads(files["json"].read_text())
    assert (content["verdict"], content["exit_code"], content["schema"]) == ("regression", 1, "fmbench.gate/1")
    worst = next(check for check in content["checks"] if check["outcome"] == "regression")
    assert worst["change"] == pytest.approx(-0.2, abs=0.01)
    assert worst["lost"] == 120
    root = ET.parse(files["junit"]).getroot()
    (case,) = root.iter("failure")
    assert "change -20" in case.attrib["message"]
    assert root.find("testsuite").attrib["failures"] == "1"  # type: ignore[union-attr]
    text = files["markdown"].read_text()
    assert text == (tmp_path / "summary.md").read_text()
    assert "❌ regression" in text


def test_two_flips_of_300_are_undecided_and_strict_says_so(report: Path, tmp_path: Path, capsys: Capture) -> None:
    new = broken_copy(report, tmp_path / "new", 0.007)
    code, out, _ = command(capsys, "gate", report, new)
    assert code == 0
    assert "inconclusive" in out
    assert "would settle it" in out
    assert command(capsys, "gate", report, new, "--strict")[0] == 4
    assert command(capsys, "gate", report, new, "--inconclusive", "fail")[0] == 4
    assert command(capsys, "gate", report, new, "--margin", "0.05", "--strict")[0] == 0
    assert command(capsys, "gate", report, new, "--margin", "accuracy=0.05", "--strict")[0] == 0


def test_the_margin_of_the_suite_travels_with_the_report(suite: Path, tmp_path: Path, capsys: Capture) -> None:
    suite.write_text(suite.read_text() + "gate: {margins: {accuracy: 0.05, macro_f1: 0.08}}\n")
    command(capsys, "run", suite, "--out", tmp_path / "base")
    report = tmp_path / "base" / "words"
    new = broken_copy(report, tmp_path / "new", 0.007)
    code, out, _ = command(capsys, "gate", report, new, "--strict", "--json", "-")
    checks = json.loads(out)["checks"]
    assert code == 0
    assert {(check["metric"], check["margin"]) for check in checks} == {("accuracy", 0.05), ("macro_f1", 0.08)}


def test_compare_shows_the_same_and_does_not_fail(report: Path, tmp_path: Path, capsys: Capture) -> None:
    new = broken_copy(report, tmp_path / "new", 0.2)
    code, out, _ = command(capsys, "compare", report, new)
    assert code == 0
    assert "lost" in out


def test_a_baseline_is_small_repeatable_and_gates_as_its_report_does(
    report: Path, tmp_path: Path, capsys: Capture
) -> None:
    code, out, _ = command(capsys, "baseline", "save", report, "--out", tmp_path / "kept")
    file = tmp_path / "kept" / "baseline.json"
    assert code == 0
    assert str(file) in out
    first = file.read_bytes()
    assert len(first) < 20_000
    command(capsys, "baseline", "save", report, "--out", file)
    assert file.read_bytes() == first
    new = broken_copy(report, tmp_path / "new", 0.2)
    for base in (tmp_path / "kept", file):
        assert command(capsys, "gate", base, report)[0] == 0
        code, out, _ = command(capsys, "gate", base, new, "--json", "-")
        assert code == 1
        with_baseline = json.loads(out)["checks"]
        with_report = json.loads(command(capsys, "gate", report, new, "--json", "-")[1])["checks"]
        numbers = [[(c["name"], c["p"], c["low"], c["lost"]) for c in found] for found in (with_baseline, with_report)]
        assert numbers[0] == numbers[1]


def test_other_data_or_another_task_version_is_refused_with_the_reason(
    report: Path, tmp_path: Path, capsys: Capture
) -> None:
    command(capsys, "baseline", "save", report, "--out", tmp_path / "kept")
    file = tmp_path / "kept" / "baseline.json"
    content = json.loads(file.read_text())
    for cell in content["cells"]:
        if cell["model"] == "majority":
            cell["fingerprint"] = "0123456789abcdef"
        else:
            cell["task_version"] = 7
    file.write_text(json.dumps(content))
    code, out, _ = command(capsys, "gate", file, report)
    assert code == 3
    assert "the data rows differ (fingerprint 0123456789ab in the base" in out
    assert "version 7 in the base, 1 in the new report" in out
    assert "0 regressions, 0 inconclusive, 0 passed, 2 not comparable" in out


def test_a_crashed_cell_is_not_a_pass_and_not_a_regression(report: Path, tmp_path: Path, capsys: Capture) -> None:
    new = broken_copy(report, tmp_path / "new")

    def fail(content: dict[str, object]) -> None:
        if content["model"] == "majority":
            content.update(status="failed", error={"type": "X", "message": "out of memory"}, measurements=[])

    edit_results(new, fail)
    code, out, _ = command(capsys, "gate", report, new)
    assert code == 3
    assert "failed in the new report: out of memory" in out


def test_cells_that_were_not_run_are_told_and_count_under_strict(
    suite: Path, report: Path, tmp_path: Path, capsys: Capture
) -> None:
    command(capsys, "run", suite, "--out", tmp_path / "part", "--models", "majority")
    part = tmp_path / "part" / "words"
    code, out, _ = command(capsys, "gate", report, part)
    assert code == 0
    assert "not run in new: words-task/tfidf-logreg[fit]" in out
    assert "pass: 0 regressions, 0 inconclusive, 1 passed, 1 not run in full\n" in out
    code, out, _ = command(capsys, "gate", report, part, "--strict")
    assert code == 3
    assert "not measured: 0 regressions, 0 inconclusive, 1 passed, 1 not run in full (fails)\n" in out


def test_other_example_ids_are_not_paired(report: Path, tmp_path: Path, capsys: Capture) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    new = broken_copy(report, tmp_path / "new")
    for path in new.glob("*/*/*/*/predictions.parquet"):
        table = pq.read_table(path)
        ids = pa.array([f"other {i}" for i in range(len(table))])
        pq.write_table(table.set_column(table.column_names.index("example_id"), "example_id", ids), path)
    code, out, _ = command(capsys, "gate", report, new)
    assert code == 3
    assert "the example ids of both sides are not the same" in out


def test_rows_in_another_order_are_paired_by_id(report: Path, tmp_path: Path, capsys: Capture) -> None:
    import pyarrow.parquet as pq

    new = broken_copy(report, tmp_path / "new")
    for path in new.glob("*/*/*/*/predictions.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.take(list(range(len(table)))[::-1]), path)
    code, out, _ = command(capsys, "gate", report, new, "--json", "-")
    assert code == 0
    assert {check["method"] for check in json.loads(out)["checks"]} == {"identical"}


def _half_result(report: Path) -> None:
    path = next(report.glob("*/*/*/*/result.json"))
    path.write_bytes(path.read_bytes()[:200])


def _no_predictions(report: Path) -> None:
    next(report.glob("*/*/*/*/predictions.parquet")).unlink()


def _half_predictions(report: Path) -> None:
    path = next(report.glob("*/*/*/*/predictions.parquet"))
    path.write_bytes(path.read_bytes()[:100])


def _other_schema(report: Path) -> None:
    edit_results(report, lambda content: content.update(schema="fmbench.result/9"))


def _plan(report: Path, **changes: object) -> None:
    content = json.loads((report / "plan.json").read_text())
    (report / "plan.json").write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (shutil.rmtree, "no such report folder"),
        (lambda report: (report / "plan.json").unlink(), "not a report: it has no readable plan.json"),
        (_half_result, "not valid JSON"),
        (_no_predictions, "predictions.parquet: missing or damaged, though its cell is finished"),
        (_half_predictions, "predictions.parquet: missing or damaged, though its cell is finished"),
        (_other_schema, "schema 'fmbench.result/9', where this version reads 'fmbench.result/1'"),
        (lambda report: _plan(report, suite="other"), "is of the suite 'words'"),
        (lambda report: _plan(report, suite_version=2), "is of version 1 of words"),
        (lambda report: shutil.rmtree(report / "words-task"), "have no cell in common"),
        (lambda report: _plan(report, gate={"margin": -1}), "plan.json: not a plan: gate.margin"),
        (lambda report: _plan(report, suite=None), "plan.json: not a plan: it names no suite"),
    ],
)
def test_a_bad_report_is_one_line_and_exit_2(
    report: Path, tmp_path: Path, capsys: Capture, damage: object, line: str
) -> None:
    new = broken_copy(report, tmp_path / "new")
    damage(new)  # type: ignore[operator]
    for verb in ("gate", "compare"):
        code, out, err = command(capsys, verb, report, new)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert line in err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "not valid JSON"),
        ("[]", "schema None, where this version reads 'fmbench.baseline/1'"),
        ('{"schema": "fmbench.baseline/9"}', "schema 'fmbench.baseline/9'"),
        ('{"schema": "fmbench.baseline/1"}', "not a baseline: suite: Field required"),
    ],
)
def test_a_bad_baseline_is_one_line_and_exit_2(
    report: Path, tmp_path: Path, capsys: Capture, text: str, line: str
) -> None:
    (tmp_path / "baseline.json").write_text(text)
    code, out, err = command(capsys, "gate", tmp_path / "baseline.json", report)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err


def test_a_changed_array_in_a_baseline_is_damage(report: Path, tmp_path: Path, capsys: Capture) -> None:
    command(capsys, "baseline", "save", report, "--out", tmp_path / "b.json")
    content = json.loads((tmp_path / "b.json").read_text())
    first, second = list(content["arrays"])[:2]
    content["arrays"][first] = content["arrays"][second]
    (tmp_path / "b.json").write_text(json.dumps(content))
    code, _, err = command(capsys, "gate", tmp_path / "b.json", report)
    assert (code, err.count("\n")) == (2, 1)
    assert "damaged: array" in err


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["gate", "absent", "R"], 3, "absent: no baseline here; save one with: fmbench baseline save"),
        (["gate", "R", "absent"], 2, "absent: no such report folder"),
        (["compare", "absent", "R"], 3, "absent: no baseline here; save one with: fmbench baseline save"),
        (["compare", "R", "absent"], 2, "absent: no such report folder"),
        (["gate", "R", "R", "--margin", "x"], 2, "--margin x: expected a number above 0"),
        (["gate", "R", "R", "--margin", "0"], 2, "--margin 0: expected a number above 0"),
        (["gate", "R", "R", "--margin", "acuracy=0.1"], 2, "did you mean 'accuracy'?"),
        (
            ["gate", "R", "R", "--margin", "mae=0.1"],
            2,
            "--margin mae=0.1: no compared task has the metric 'mae' (there",
        ),
        (["gate", "R", "R", "--margin", "mae=0.1"], 2, "(there are accuracy, auroc, average_precision, macro_f1, "),
        (["gate", "R", "R", "--margin", "micro_f1=0.1", "--strict"], 2, "weighted_f1); did you mean 'macro_f1'?"),
        (["gate", "R", "R", "--margin", "entity_f1=0.1", "--margin", "macro_f1=0.1"], 2, "--margin entity_f1=0.1: no"),
        (["gate", "R", "R", "--models", "majorty"], 2, "model 'majorty' is in neither report"),
        (["gate", "R", "R", "--models", ""], 3, "the selection leaves no cell"),
        (["gate", "R", "R", "--inconclusive", "maybe"], 2, "--inconclusive maybe: neither warn nor fail"),
        (["gate", "R", "R", "--bench", "absent.json"], 2, "absent.json: not readable as JSON"),
        (["gate", "R", "R", "--suite", "absent.yaml"], 2, "absent.yaml: no such file"),
        (["baseline", "save", "absent"], 2, "absent: no such report folder"),
    ],
)
def test_bad_arguments_are_one_line(
    report: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, line: str
) -> None:
    monkeypatch.chdir(report.parent)
    found, out, err = command(capsys, *(str(report) if part == "R" else part for part in arguments))
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert line in err


def test_a_gate_section_with_mistakes_is_told_with_its_line(suite: Path, capsys: Capture) -> None:
    suite.write_text(
        suite.read_text() + "gate: {margin: 0, margins: {acuracy: 0.1, rmse: 0.1}, inconclusive: perhaps}\n"
    )
    code, _, err = command(capsys, "check", suite)
    assert code == 2
    assert "unknown metric 'acuracy'; did you mean 'accuracy'?" in err
    assert "no task of the suite can have the metric 'rmse'" in err
    assert "gate.margin" in err
    assert "gate.inconclusive" in err
