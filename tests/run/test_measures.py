"""Measures in a run: what is stored, that `fmbench score` repeats it to the last digit, and what makes a cell anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmbench.errors import InputError
from fmbench.run.rescore import rescore
from fmbench.tasks.kind import clean

MEASURE = (
    "measure:\n"
    "  calibration: true\n"
    "  slices: true\n"
    "  robustness: [typos: {severity: [2, 4]}, entity-swap: {severity: [5]}, negation]\n"
    "  transfer: [tiny-task, twin]\n"
)
TWIN = (
    "  - name: twin\n    kind: text-classification\n    cluster_key: place\n    slices: [place]\n"
    "    data: {files: {train: twin.tsv}}\n"
)


@pytest.fixture
def measured(bench: Any, tmp_path: Path) -> Any:
    """Two tasks with the same labels, and entities."""
    rows = [f"{'good' if i % 2 else 'bad'}\t{'bright' if i % 3 else 'dull'} item {i}\tp{i % 7}" for i in range(60)]
    (tmp_path / "twin.tsv").write_text("label\ttext\tplace\n" + "\n".join(rows) + "\n")
    bench.edit("tasks:\n", f"{MEASURE}tasks:\n{TWIN}  - ner-news\n")
    return bench


def key(row: Any) -> tuple[Any, ...]:
    return (row.metric, row.slice, row.perturbation, row.severity)


def test_score_repeats_every_figure_of_the_run(measured: Any) -> None:
    measured.run(seeds=[0], limit=60)
    before = measured.results()
    assert len(before) == 5 and all(result.status == "ok" for result in before.values())
    spoiled = {}
    for name, result in before.items():
        rows = [row.model_copy(update={"value": 0.123, "low": None}) for row in result.measurements]
        spoiled[name] = result.model_copy(update={"measurements": rows, "curves": {}})
        measured.store.replace_result(name, spoiled[name])
    rescore(measured.store)
    for name, result in measured.results().items():
        ours, theirs = ({key(row): row for row in one.measurements} for one in (result, before[name]))
        assert len(ours) == len(result.measurements)
        assert list(ours) == list(theirs)
        for at, row in ours.items():
            numbers = [
                [np.nan if x is None else x for x in (one.value, one.low, one.high)] for one in (row, theirs[at])
            ]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-12, nan_ok=True), at
            assert (row.n, row.interval, row.higher_is_better) == (
                theirs[at].n,
                theirs[at].interval,
                theirs[at].higher_is_better,
            )
        assert result.curves == before[name].curves


def test_what_is_measured_and_what_is_said_to_be_missing(measured: Any) -> None:
    measured.run(seeds=[0], models=["majority"], limit=60)
    results = measured.results()
    tiny = results["tiny-task/majority/fit/seed-0"]
    names = {row.metric for row in tiny.measurements}
    assert {"accuracy", "brier", "ece_floor", "accuracy_drop", "flip_rate", "directional_success"} <= names
    assert {row.perturbation for row in tiny.measurements} == {
        *(None, "identity", "typos", "negation", "transfer:twin"),
    }
    missing = tiny.environment["missing"]
    assert missing == {"robustness entity-swap": "perturbation 'entity-swap' works on tokens, not on text"}
    news = results["ner-news/majority/fit/seed-0"]
    assert "another kind" in news.environment["missing"]["transfer:twin"]
    assert {row.slice for row in news.measurements} >= {"length=short", "entity=seen", "entity=unseen"}
    assert {row.slice for row in results["twin/majority/fit/seed-0"].measurements} >= {"place=p2", "length=short"}


def test_the_clean_rows_come_first_and_are_all_there(measured: Any) -> None:
    measured.run(seeds=[0], models=["majority"], tasks=["tiny-task"])
    table = measured.store.predictions("tiny-task/majority/fit/seed-0")
    n = measured.results()["tiny-task/majority/fit/seed-0"].data.rows["test"]
    assert table["severity"].to_pylist()[:n] == [0] * n
    assert len(clean(table)) == n
    assert str(table.schema.field("severity").type) == "int32"


def test_other_measures_or_another_task_beside_it_make_a_cell_anew(measured: Any, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"seeds": [0], "models": ["majority"], "tasks": ["tiny-task"]}
    assert measured.run(**chosen).computed == 1
    assert measured.run(**chosen).computed == 0
    measured.edit("severity: [2, 4]", "severity: [2, 5]")
    assert measured.run(**chosen).computed == 1
    twin = tmp_path / "twin.tsv"
    twin.write_text(twin.read_text().replace("item 3\t", "thing 3\t"))
    assert measured.run(**chosen).computed == 1, "the twin's rows are transferred to"
    assert measured.run(**chosen).computed == 0


def test_declared_slices_are_reported_without_being_asked_for(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.tsv").write_text(
        "label\ttext\twhere\n"
        + "".join(f"{'good' if i % 2 else 'bad'}\tthing {i}\t{'north' if i % 3 else 'south'}\n" for i in range(60))
    )
    bench.edit("kind: text-classification", "kind: text-classification\n    slices: [where]")
    bench.run(seeds=[0], models=["majority"])
    (result,) = bench.results().values()
    groups = {row.slice for row in result.measurements if row.slice and "=" in row.slice}
    assert groups == {"where=north", "where=south"}
    rescore(bench.store)
    (again,) = bench.results().values()
    assert again.measurements == result.measurements


def test_transfer_to_nowhere_is_refused_before_anything_is_computed(measured: Any) -> None:
    measured.edit("transfer: [tiny-task, twin]", "transfer: [tiny-task, ner-news]")
    with pytest.raises(InputError, match="'ner-news': no other task of this suite has its kind and its labels"):
        measured.run()
    measured.edit("ner-news]", "twinn]")
    with pytest.raises(InputError, match="task 'twinn' is not in this suite; did you mean 'twin'"):
        measured.run()
