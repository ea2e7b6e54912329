"""Suites of a table, a series, a trajectory and a driver, from file to results."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fmbench.cli import main
from fmbench.run.store import Store

SUITE = """\
suite: numbers
models: [majority, table-logreg, tfidf-logreg, naive, constant-velocity, mlp]
tasks:
  - name: loans
    kind: tabular-classification
    data: {files: {train: loans.csv}, columns: {label: good}}
    options: {missing: allow}
  - name: demand
    kind: time-series-forecasting
    data: {files: {train: demand.csv}, columns: {value: kw}}
    options: {context: 6, horizon: 3, train_stride: 1}
  - name: walkers
    kind: trajectory-forecasting
    data: {files: {train: walkers.csv}}
    options: {observed: 3, predicted: 2}
    cluster_key: window_start
  - name: lane
    kind: imitation-control
    data: {generator: lane-keeping, settings: {train: 3, validation: 1, test: 2, seconds: 3.0}}
adaptations: {fit: {}}
measure: {efficiency: {latency_samples: 2, repeats: 2}}
"""


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str, int]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return out, err, int(left.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = {
        "loans.csv": [
            ["age", "job", "good"],
            *([20 + i % 30, "" if i % 7 == 0 else "cook", i % 30 > 15] for i in range(80)),
        ],
        "demand.csv": [["kw"], *([10 + i % 6] for i in range(150))],
        "walkers.csv": [["frame", "agent", "x", "y"], *([t, a, t * a / 10, a] for a in range(1, 4) for t in range(60))],
    }
    for name, rows in tables.items():
        with (tmp_path / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    (tmp_path / "numbers.yaml").write_text(SUITE)
    return tmp_path


def test_from_file_to_results(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err, code = command(capsys, "run", folder / "numbers.yaml", "--out", folder, "--json")
    assert code == 0, err
    found = {
        (r["task"], r["model"]): {m["metric"]: m for m in r["measurements"] if not m["slice"]} for r in json.loads(out)
    }
    assert {task for task, _ in found} == {"loans", "demand", "walkers", "lane"}
    assert {model for task, model in found if task == "loans"} == {"majority", "table-logreg", "tfidf-logreg", "mlp"}
    assert found["loans", "table-logreg"]["auroc"]["value"] > found["loans", "majority"]["auroc"]["value"] == 0.5
    assert found["demand", "naive"]["relative_mae"]["value"] == 1
    assert found["walkers", "constant-velocity"]["ade"]["value"] == pytest.approx(0, abs=1e-9)
    assert found["walkers", "mlp"]["fde"]["interval"] == "cluster-bootstrap"
    assert 0 <= found["lane", "mlp"]["time_in_lane"]["value"] <= 1
    ceiling = next(r["data"]["ceiling"] for r in json.loads(out) if r["task"] == "lane")
    assert ceiling["collision_rate"] == 0
    stored = Store(folder / "numbers").predictions("lane/mlp/fit/seed-0")
    assert stored is not None and stored["example_id"].to_pylist() == ["test-0", "test-1"]
    out, err, code = command(capsys, "score", folder / "numbers")
    assert code == 0, err
    again = Store(folder / "numbers").result("lane/mlp/fit/seed-0")
    assert again is not None and again.main().value == found["lane", "mlp"]["time_in_lane"]["value"]  # type: ignore[union-attr]


def test_a_hole_in_a_table_is_told_with_file_line_and_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "numbers.yaml").write_text(SUITE.replace("    options: {missing: allow}\n", ""))
    _, err, code = command(capsys, "check", folder / "numbers.yaml")
    assert code == 2
    assert "loans.csv:2: column 'job' has no value here (options: {missing: allow} permits that)" in err
    assert "Traceback" not in err
