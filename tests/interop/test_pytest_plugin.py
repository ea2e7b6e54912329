"""The plugin under the real pytest: cells are tests, a regression is a failure, and it is off unless asked."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet  # noqa: F401
import pytest
import sklearn.linear_model  # noqa: F401

import fmbench.gate.save
import fmbench.run.execute  # noqa: F401 - pytester forgets what is first imported inside a test; numpy bears that badly
from fmbench.cli import main
from fmbench.gate import pairing

pytest_plugins = ["pytester"]

INSTALLED = any(point.name == "fmbench" for point in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "fmbench.interop.pytest_plugin")
MINE = ("-o", "addopts=", *PLUGIN)


@pytest.fixture
def tiny_suite(pytester: pytest.Pytester, tiny_suite: Path) -> Path:
    """The tiny suite inside the project that pytest runs in."""
    for path in tiny_suite.parent.glob("tiny.*"):
        (pytester.path / path.name).write_bytes(path.read_bytes())
    return pytester.path / tiny_suite.name


@pytest.fixture
def baseline(tiny_suite: Path, tmp_path: Path) -> Path:
    """A baseline of the tiny suite."""
    for arguments in (
        ["run", str(tiny_suite), "--out", str(tmp_path / "base"), "--json"],
        ["baseline", "save", str(tmp_path / "base" / "tiny"), "--out", str(tmp_path / "kept")],
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert not left.value.code
    return tmp_path / "kept"


def options(suite: Path, baseline: Path) -> tuple[str, ...]:
    out = str(suite.parent / "reports")
    return (*MINE, "--fmbench", str(suite), "--fmbench-baseline", str(baseline), "--fmbench-out", out)


def harder(baseline: Path, model: str) -> None:
    """The baseline claims that `model` had everything right."""
    from fmbench.gate.baseline import array_of, packed, read_baseline

    file = baseline / "baseline.json"
    known = read_baseline(file)
    content = json.loads(file.read_text())
    for cell in content["cells"]:
        if cell["model"] == model:
            array = array_of(known.arrays[cell["statistics"]["accuracy"]])
            array[:, :, 1] = array[:, :, 2]
            array[:, :, 0] = array[:, :, 2]
            name, one = packed(array)
            cell["statistics"]["accuracy"] = name
            content["arrays"][name] = one.model_dump()
    file.write_text(json.dumps(content))


def test_each_cell_is_a_test_that_passes_where_nothing_changed(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path
) -> None:
    result = pytester.runpytest(*options(tiny_suite, baseline), "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*tiny.yaml::tiny-task/majority/fit PASSED*"])


def test_a_regression_is_a_failure_in_junit_and_lf_runs_it_again(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path
) -> None:
    tiny_suite.write_text(tiny_suite.read_text() + "gate: {alpha: 0.2}\n")
    harder(baseline, "majority")
    file = pytester.path / "out.xml"
    result = pytester.runpytest(*options(tiny_suite, baseline), f"--junitxml={file}")
    result.assert_outcomes(passed=1, failed=1)
    (failure,) = ET.parse(file).getroot().iter("failure")
    assert "regression: accuracy 100.0 -> " in (failure.text or "")
    assert "Traceback" not in (failure.text or "")
    properties = {one.attrib["name"]: one.attrib["value"] for one in ET.parse(file).getroot().iter("property")}
    assert float(properties["accuracy.margin"]) == 0.01
    again = pytester.runpytest(*options(tiny_suite, baseline), "--lf")
    again.assert_outcomes(failed=1)


def test_k_selects_cells_and_names_a_test_beside_them(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path
) -> None:
    other = pytester.makepyfile(test_other="def test_other(): pass\n")
    pytester.runpytest(*options(tiny_suite, baseline), "-k", "tfidf").assert_outcomes(passed=1, deselected=1)
    pytester.runpytest(*options(tiny_suite, baseline), str(other)).assert_outcomes(passed=3)


def test_what_is_undecided_is_skipped_and_fails_under_strict(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path
) -> None:
    tiny_suite.write_text(tiny_suite.read_text() + "gate: {alpha: 1.0e-9}\n")
    harder(baseline, "majority")
    result = pytester.runpytest(*options(tiny_suite, baseline), "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*would settle it*"])
    pytester.runpytest(*options(tiny_suite, baseline), "--fmbench-strict").assert_outcomes(passed=1, failed=1)


def test_results_never_replace_the_report_they_are_compared_with(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path, tmp_path: Path
) -> None:
    kept = {file: file.read_bytes() for file in (tmp_path / "base").rglob("*") if file.is_file()}
    report = ("--fmbench-baseline", str(tmp_path / "base" / "tiny"))
    (tmp_path / "link").symlink_to(tmp_path / "base")
    for out in ("base", "link"):
        result = pytester.runpytest(*MINE, "--fmbench", str(tiny_suite), *report, "--fmbench-out", str(tmp_path / out))
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*is where the results would go*"])
    assert kept == {file: file.read_bytes() for file in (tmp_path / "base").rglob("*") if file.is_file()}
    pytester.runpytest(*options(tiny_suite, tmp_path / "base" / "tiny")).assert_outcomes(passed=2)


def test_p_values_are_adjusted_for_every_gated_metric_as_in_the_gate(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_suite.write_text(tiny_suite.read_text() + "gate: {margins: {macro_f1: 0.02}}\n")
    families: list[object] = []
    real = pairing.judge

    def heard(pairs: list[object], alpha: float, family: int | None) -> object:
        families.append(family)
        return real(pairs, alpha, family)  # type: ignore[arg-type]

    monkeypatch.setattr(pairing, "judge", heard)
    pytester.runpytest(*options(tiny_suite, baseline), "-k", "tfidf")
    assert families == [4], "two cells of two gated metrics each"


def test_a_suite_behind_a_symbolic_link_is_collected(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "link").symlink_to(tiny_suite.parent)
    pytester.runpytest(*options(pytester.path / "link" / tiny_suite.name, baseline)).assert_outcomes(passed=2)
    out = ("--fmbench-baseline", str(baseline), "--fmbench-out", str(pytester.path / "reports"))
    pytester.runpytest(*MINE, "--fmbench", f"link/{tiny_suite.name}", *out).assert_outcomes(passed=2)


def test_another_task_version_fails_with_the_reason(
    pytester: pytest.Pytester, tiny_suite: Path, baseline: Path
) -> None:
    file = baseline / "baseline.json"
    content = json.loads(file.read_text())
    for cell in content["cells"]:
        cell["task_version"] = 3
    file.write_text(json.dumps(content))
    result = pytester.runpytest(*options(tiny_suite, baseline))
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*version 3 in the base, 1 in the new report*"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--fmbench", "absent.yaml", "--fmbench-baseline", "x"], "*--fmbench absent.yaml: no such file*"),
        (["--fmbench", "absent.yaml"], "*--fmbench needs --fmbench-baseline DIR*"),
    ],
)
def test_wrong_options_are_usage_errors(pytester: pytest.Pytester, arguments: list[str], line: str) -> None:
    result = pytester.runpytest(*MINE, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])


def test_a_missing_baseline_is_a_collection_error_in_one_line(
    pytester: pytest.Pytester, tiny_suite: Path, tmp_path: Path
) -> None:
    result = pytester.runpytest(*options(tiny_suite, tmp_path / "nothing"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no such report folder*"])
    assert "Traceback" not in result.stdout.str()


def test_without_the_option_it_collects_nothing(pytester: pytest.Pytester, tiny_suite: Path) -> None:
    pytester.makepyfile(test_other="def test_other(): pass\n")
    pytester.runpytest(*MINE, str(tiny_suite)).assert_outcomes()
    pytester.runpytest(*MINE).assert_outcomes(passed=1)
