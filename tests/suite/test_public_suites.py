"""The suites of public data sets: they load everywhere, and hold their rows where the data is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.data.dataset import Dataset
from fmbench.registry import KINDS
from fmbench.run.check import check_suite
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan

LIKELIHOODS = ("crows-pairs", "winobias", "winogender")
"""See test_likelihood_suites.py."""
FOLDER = Path(__file__).parents[2] / "suites" / "public"
SUITES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem not in LIKELIHOODS)
ROWS = {
    "banking77": (9003, 1000, 3080),
    "conll2003": (14041, 3250, 3453),
    "ncbi-disease": (5432, 923, 940),
    "sst2": (6920, 872, 1821),
    "stsb": (5749, 1500, 1379),
}
every_suite = pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)


@pytest.fixture
def read(public_data: Path, monkeypatch: pytest.MonkeyPatch, path: Path) -> Dataset:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    (data,) = check_suite(load_suite(path)).values()
    return data


@every_suite
def test_it_says_what_it_is_and_pins_its_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMBENCH_DATA", raising=False)
    suite = load_suite(path)
    assert suite.name == path.stem
    assert suite.seeds == (0, 1, 2)
    assert suite.measures
    (task,) = suite.tasks
    assert task.spec.license
    assert task.source == "hub"
    assert task.source_spec.rows_sha256 and task.source_spec.local.folder
    assert check_suite(suite) == {}, "nothing is at hand"
    used = {(cell.model.name, cell.adaptation) for cell in plan(suite)}
    assert {model for model, _ in used} == {model.name for model in suite.models}


@pytest.mark.data
@every_suite
def test_its_local_rows_are_the_pinned_ones(path: Path, read: Dataset) -> None:
    assert tuple(read.rows.values()) == ROWS[path.stem]
    assert read.fingerprint == load_suite(path).tasks[0].source_spec.rows_sha256
    assert read.source.startswith("local copy: ")


@pytest.mark.data
@pytest.mark.parametrize("path", [FOLDER / "stsb.yaml"], ids=["stsb"])
def test_the_scores_of_sts_benchmark_go_from_0_to_5(path: Path, read: Dataset) -> None:
    assert read.score_range == (0.0, 5.0)
    assert KINDS["sentence-similarity"].score_range(read.train.to_pydict()) == read.score_range
    assert read.labels == ()


@pytest.mark.data
@pytest.mark.parametrize("path", [FOLDER / "banking77.yaml"], ids=["banking77"])
def test_the_validation_split_of_banking77_has_every_intent(path: Path, read: Dataset) -> None:
    intents = {split: rows["label"].to_pylist() for split, rows in read.splits.items()}
    assert len(read.labels) == 77
    assert all(set(labels) == set(read.labels) for labels in intents.values())
    assert read.notes == ("validation cut from train: 10% of the rows, stratified, seed 0",)
