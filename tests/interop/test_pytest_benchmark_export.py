"""The export is read by the real pytest-benchmark, and says what the report says."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from fmbench.cli import main
from fmbench.interop.pytest_benchmark import stats


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def timed_report(tiny_suite: Path, tmp_path: Path) -> Path:
    """A report of the tiny suite with made-up timings, so that no test times anything."""
    assert command("run", tiny_suite, "--out", tmp_path / "reports", "--json") == 0
    report = tmp_path / "reports" / "tiny"
    for path in report.glob("*/*/*/*/result.json"):
        content = json.loads(path.read_text())
        value = 100.0 * (1 + content["seed"])
        row = {"metric": "examples_per_s", "value": value, "low": None, "high": None, "n": 3, "interval": "t"}
        content["measurements"] += [row, row | {"metric": "latency_p50_ms", "value": 2.5}]
        path.write_text(json.dumps(content))
    return report


def test_seconds_are_those_of_the_report(timed_report: Path, tmp_path: Path) -> None:
    assert command("export", "pytest-benchmark", timed_report, "--out", tmp_path / "b.json") == 0
    content = json.loads((tmp_path / "b.json").read_text())
    found = {one["fullname"]: one["stats"] for one in content["benchmarks"]}
    assert len(found) == 4
    example = found["tiny-task/majority[fit]::example"]
    assert (example["min"], example["max"], example["rounds"]) == (1 / 200, 1 / 100, 2)
    assert found["tiny-task/majority[fit]::latency_p50"]["median"] == 0.0025


def test_the_real_tool_compares_two_exports(timed_report: Path, tmp_path: Path) -> None:
    files = []
    for number in (1, 2):
        folder = tmp_path / "kept" / "Linux-CPython"
        folder.mkdir(parents=True, exist_ok=True)
        files.append(folder / f"000{number}_fmbench.json")
        assert command("export", "pytest-benchmark", timed_report, "--out", files[-1]) == 0
    tool = [sys.executable, "-m", "pytest_benchmark", "--storage", f"file://{tmp_path / 'kept'}"]
    done = subprocess.run(
        [*tool, "compare", *map(str, files), "--csv", str(tmp_path / "table")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tiny-task/majority[fit]::example") >= 2
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 4
    assert "0.0025" in " ".join(rows)


def test_statistics_equal_those_of_the_real_tool() -> None:
    theirs = pytest.importorskip("pytest_benchmark.stats").Stats()
    samples = [0.011, 0.012, 0.0101, 0.0135, 0.05, 0.0122, 0.0119, 0.0125]
    for sample in samples:
        theirs.update(sample)
    mine = stats(samples)
    for name in ("min", "max", "mean", "median", "stddev", "rounds", "ops", "total"):
        assert mine[name] == pytest.approx(getattr(theirs, name)), name
    assert mine["stddev"] == pytest.approx(statistics.stdev(samples))
    assert mine["stddev_outliers"] == theirs.stddev_outliers
    assert mine["iqr_outliers"] == theirs.iqr_outliers


def test_a_report_without_timings_has_nothing_to_export(
    tiny_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("run", tiny_suite, "--out", tmp_path / "reports", "--json")
    capsys.readouterr()
    assert command("export", "pytest-benchmark", tmp_path / "reports" / "tiny") == 3
    assert "no timings in it" in capsys.readouterr().err
    assert command("export", "pytest-benchmark", tmp_path / "absent") == 2
    assert capsys.readouterr().err.count("\n") == 1
