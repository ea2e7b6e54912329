"""The chance level of a task comes from its rows alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.data.dataset import load_dataset
from fmbench.run.chance import chance_level
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


def test_an_undefined_trivial_score_leaves_guessing(tmp_path: Path) -> None:
    assert level(tmp_path, "text-regression", "a,1\nb,3\n", "a,2\nb,5\n", "spearman") == 0.0
