"""The export is read by the real pytest-benchmark, and says what the report says."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fmbench.cli import main
from fmbench.gate.document import to_json
from fmbench.gate.speed import Block, judge_memory, judge_speed
from fmbench.gate.verdict import Cells, Verdict
from fmbench.interop.pytest_benchmark import stats


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def compared(files: list[Path], folder: Path) -> tuple[str, list[str]]:
    """What the real tool prints of these files, and the rows of its table."""
    tool = [sys.executable, "-m", "pytest_benchmark", "--storage", f"file://{folder / 'kept'}"]
    done = subprocess.run(
        [*tool, "compare", *map(str, files), "--csv", str(folder / "table")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, (folder / "table.csv").read_text().splitlines()


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
    said, rows = compared(files, tmp_path)
    assert said.count("tiny-task/majority[fit]::example") >= 2
    assert len(rows) == 1 + 2 * 4
    assert "0.0025" in " ".join(rows)


def test_date_machine_and_python_are_those_of_the_measurement(timed_report: Path, tmp_path: Path) -> None:
    recorded = {"platform": "Linux-6.1.0-aarch64-with-glibc2.36", "python": "3.11.2", "cpu": "Graviton", "cores": 64}
    for path in timed_report.glob("*/*/*/*/result.json"):
        content = json.loads(path.read_text())
        content["environment"] = recorded
        content["started_at"] = f"2026-01-0{1 + content['seed']}T10:00:00+00:00"
        path.write_text(json.dumps(content))
    assert command("export", "pytest-benchmark", timed_report, "--out", tmp_path / "b.json") == 0
    content = json.loads((tmp_path / "b.json").read_text())
    assert content["datetime"] == "2026-01-02T10:00:00+00:00"
    machine = content["machine_info"]
    assert (machine["system"], machine["machine"], machine["python_version"]) == ("Linux", "aarch64", "3.11.2")
    assert machine["release"] == recorded["platform"]
    assert machine["cpu"] == {"brand_raw": "Graviton", "count": 64}
    assert not machine["python_compiler"] and not machine["python_build"], "not recorded, so not said"


def benched(folder: Path, slow: float) -> Path:
    """The JSON of a bench of one cell: three processes of four rounds, and memory."""
    blocks = [
        Block(np.full(4, 0.01 + i / 1000), np.full(4, 0.01), np.full(4, 0.01 * slow), (100, 101, 100)) for i in range(3)
    ]
    cells = Cells("tiny-task", "majority", "fit")
    memory = judge_memory(blocks, cells, 0.1)
    assert memory is not None
    commit = {"id": "c0ffee", "time": "2026-01-01T00:00:00+00:00", "branch": "main", "dirty": True}
    environment = {"platform": "Linux-6.1.0-x86_64-with-glibc2.36", "python": "3.12.1", "commits": {"new": commit}}
    verdict = Verdict(
        "tiny", "a", "b", (judge_speed(blocks, cells, "cpu_seconds", 0.05, 0.01), memory),
        started_at="2026-01-02T10:00:00+00:00", environment=environment,
    )  # fmt: skip
    path = folder / f"bench-{slow}.json"
    path.write_text(to_json(verdict, 0))
    return path


def test_a_bench_is_exported_with_its_rounds_its_date_and_the_revision_of_the_new_side(tmp_path: Path) -> None:
    assert command("export", "pytest-benchmark", benched(tmp_path, 1.5), "--out", tmp_path / "b.json") == 0
    content = json.loads((tmp_path / "b.json").read_text())
    base, new = content["benchmarks"]
    assert base["fullname"] == "tiny-task/majority[fit]::cpu_seconds[base]"
    assert base["group"] == new["group"] == "tiny-task/majority[fit]::cpu_seconds"
    assert base["stats"]["data"] == [0.01] * 4 + [0.011] * 4 + [0.012] * 4
    assert (new["stats"]["rounds"], new["stats"]["mean"]) == (12, pytest.approx(0.015))
    assert new["options"]["timer"] == "process_time"
    assert content["datetime"] == "2026-01-02T10:00:00+00:00"
    assert (content["commit_info"]["id"], content["commit_info"]["dirty"]) == ("c0ffee", True)
    assert content["machine_info"]["python_version"] == "3.12.1"


def test_the_real_tool_compares_the_sides_of_a_bench_and_two_benches(tmp_path: Path) -> None:
    files = []
    for number, slow in ((1, 1.5), (2, 2.0)):
        files.append(tmp_path / f"000{number}_bench.json")
        assert command("export", "pytest-benchmark", benched(tmp_path, slow), "--out", files[-1]) == 0
    said, rows = compared(files, tmp_path)
    assert "benchmark 'tiny-task/majority[fit]::cpu_seconds': 4 tests" in said
    assert len(rows) == 1 + 4
    assert sum("0.02" in row and "[new]" in row for row in rows) == 1


def test_a_bench_without_rounds_and_other_files_have_nothing_to_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(benched(tmp_path, 1.5).read_text())
    for check in content["checks"]:
        del check["samples"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert command("export", "pytest-benchmark", tmp_path / "old.json") == 3
    assert capsys.readouterr().err.endswith("old.json: no rounds in it\n")
    (tmp_path / "other.json").write_text("{}")
    assert command("export", "pytest-benchmark", tmp_path / "other.json") == 2
    assert "not a verdict of fmbench bench" in capsys.readouterr().err


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
