"""The chance level of a task comes from its rows alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.cli import main
from fmbench.data.dataset import load_dataset
from fmbench.run.chance import chance_level
from fmbench.run.store import Store
from fmbench.suite.loader import load_suite

SUITE = """
suite: s
models: [majority]
tasks:
  - {{name: t, kind: {kind}, data: {{files: {{train: a.csv, validation: a.csv, test: b.csv}}}}}}
adaptations: {{fit: {{}}}}
"""


def level(folder: Path, kind: str, train: str, test: str, metric: str) -> float | None:
    head = "text,label\n" if kind == "text-classification" else "text,score\n"
    (folder / "a.csv").write_text(head + train)
    (folder / "b.csv").write_text(head + test)
    (folder / "s.yaml").write_text(SUITE.format(kind=kind))
    (task,) = load_suite(folder / "s.yaml").tasks
    return chance_level(task, load_dataset(task), metric)


def test_the_majority_class_where_it_beats_guessing(tmp_path: Path) -> None:
    train, test = "a,x\nb,x\nc,y\n", "a,x\nb,x\nc,x\nd,y\n"
    assert level(tmp_path, "text-classification", train, test, "accuracy") == 0.75


def test_guessing_where_it_beats_the_majority_class(tmp_path: Path) -> None:
    train, test = "a,x\nb,x\nc,y\n", "a,x\nb,y\nc,y\nd,y\n"
    assert level(tmp_path, "text-classification", train, test, "accuracy") == 0.5


def test_the_mean_of_train_where_errors_are_scored(tmp_path: Path) -> None:
    assert level(tmp_path, "text-regression", "a,1\nb,3\n", "a,2\nb,5\n", "mae") == pytest.approx(1.5)


def test_popularity_where_items_are_ranked(tmp_path: Path) -> None:
    """The item that most took in train is first for everyone: it is what two of three test users take."""
    rows = [f"u{user},i{item},{time}\n" for user in range(3) for time, item in enumerate((user, 3, 4, 5))]
    rows += [f"v{user},i{item},{time}\n" for user in range(6) for time, item in enumerate((user % 3, 5, 3))]
    (tmp_path / "log.csv").write_text("user,item,time\n" + "".join(rows))
    (tmp_path / "s.yaml").write_text(
        "suite: s\nmodels: [popularity]\ntasks:\n"
        "  - {name: t, kind: sequential-recommendation, data: {files: {train: log.csv}},\n"
        "     metrics: ['hr@1', 'ndcg@10']}\n"
        "adaptations: {fit: {}}\n"
    )
    (task,) = load_suite(tmp_path / "s.yaml").tasks
    data = load_dataset(task)
    found = {metric: chance_level(task, data, metric) for metric in ("hr@1", "ndcg@10")}
    results = tmp_path / "results"
    with pytest.raises(SystemExit):
        main(["run", str(tmp_path / "s.yaml"), "--out", str(results), "--set", "measure.efficiency=false"])
    result = Store(results / "s").result("t/popularity/fit/seed-0")
    assert result is not None and result.data is not None
    measured = {m.metric: m.value for m in result.measurements if m.metric in found and m.slice is None}
    assert found == measured
    assert result.data.chance == found["hr@1"]
    assert 0 < found["ndcg@10"] < 1


def test_an_undefined_trivial_score_leaves_guessing(tmp_path: Path) -> None:
    assert level(tmp_path, "text-regression", "a,1\nb,3\n", "a,2\nb,5\n", "spearman") == 0.0
