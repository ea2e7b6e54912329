from __future__ import annotations

import copy
import re
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fmbench.errors import InputError
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import Selection, fits, idle_models, plan, slug
from fmbench.suite.schema import Suite

TEXT = """\
suite: planned
models: [majority, minilm-l6, bilstm]
tasks: [sentiment-reviews, ner-news]
adaptations: {probe: {}, fit: {}, finetune: {epochs: 1}}
seeds: [2, 0, 1]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    path = tmp_path / "suite.yaml"
    path.write_text(TEXT)
    return load_suite(path)


def test_cells_stand_task_by_task_and_model_by_model_in_the_order_of_the_file(suite: Suite) -> None:
    cells = plan(suite)
    one = [("majority", "fit"), ("minilm-l6", "probe"), ("minilm-l6", "finetune"), ("bilstm", "fit")]
    assert [(cell.task.name, cell.model.name, cell.adaptation, cell.seed) for cell in cells] == [
        (task, model, adaptation, seed)
        for task in ("sentiment-reviews", "ner-news")
        for model, adaptation in one
        for seed in (2, 0, 1)
    ]
    assert len(list(groupby(cells, key=lambda cell: cell.task.name))) == 2


def test_a_plan_is_a_pure_function_of_its_suite(suite: Suite, tmp_path: Path) -> None:
    before = copy.deepcopy(suite)
    assert plan(suite) == plan(suite) == plan(load_suite(suite.path))
    assert suite == before
    assert [path.name for path in tmp_path.iterdir()] == ["suite.yaml"]


def test_what_does_not_go_together_is_left_out(suite: Suite) -> None:
    pairs = {(cell.model.name, cell.adaptation) for cell in plan(suite)}
    assert ("majority", "probe") not in pairs
    assert ("minilm-l6", "fit") not in pairs
    assert all(fits(cell.task, cell.model, cell.adaptation) for cell in plan(suite))


def test_settings_and_folders_of_cells(suite: Suite) -> None:
    cell = next(cell for cell in plan(suite) if cell.adaptation == "finetune")
    assert cell.settings.epochs == 1
    assert cell.folder == "sentiment-reviews/minilm-l6/finetune/seed-2"
    assert cell.name == "sentiment-reviews · minilm-l6 · finetune · seed 2"
    folders = [cell.folder for cell in plan(suite)]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(), 24),
        (Selection(models=["majority"]), 6),
        (Selection(tasks=["ner-news"]), 12),
        (Selection(adaptations=["fit"]), 12),
        (Selection(seeds=[7]), 8),
        (Selection(["minilm-l6"], ["ner-news"], ["probe"], [0, 1]), 2),
        (Selection(models=["majority"], adaptations=["probe"]), 0),
        (Selection(models=[]), 0),
    ],
)
def test_selections(suite: Suite, selection: Selection, count: int) -> None:
    cells = plan(suite, selection)
    assert len(cells) == count
    everything = {(cell.task.name, cell.model.name, cell.adaptation) for cell in plan(suite)}
    assert {(cell.task.name, cell.model.name, cell.adaptation) for cell in cells} <= everything


def test_a_selection_does_not_reorder(suite: Suite) -> None:
    cells = plan(suite, Selection(models=["bilstm", "majority"], seeds=[0]))
    assert [cell.model.name for cell in cells] == ["majority", "bilstm"] * 2


def test_all_unknown_names_of_a_selection_are_told(suite: Suite) -> None:
    with pytest.raises(InputError) as error:
        plan(suite, Selection(models=["majorty", "bilstm"], tasks=["ner-new"], adaptations=["lora"]))
    assert str(error.value).splitlines() == [
        "model 'majorty' is not in this suite; did you mean 'majority'?",
        "task 'ner-new' is not in this suite; did you mean 'ner-news'?",
        "adaptation 'lora' is not in this suite",
    ]


def test_models_without_anything_to_do(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(TEXT.replace("fit: {}, ", ""))
    assert [model.name for model in idle_models(load_suite(path))] == ["majority", "bilstm"]


names = st.text(min_size=1, max_size=40) | st.text("aB1._-/ ~é", min_size=1, max_size=8)


@given(names)
def test_slugs_are_safe_file_names(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]*|x~[0-9a-f]{12}", made)
    assert len(made) <= 93
    assert made not in (".", "..")


@given(names, names)
def test_slugs_of_different_names_differ(one: str, other: str) -> None:
    assume(one != other)
    assert slug(one) != slug(other)


@pytest.mark.parametrize("name", ["hf:org/name", "é", "a b", "..", "x" * 81, "./models/mine"])
def test_no_name_is_the_slug_of_another(name: str) -> None:
    assert slug(slug(name)) != slug(name)


@pytest.mark.parametrize("name", ["minilm-l6", "a", "A.b_c-1", "x" * 80])
def test_plain_names_are_their_own_slugs(name: str) -> None:
    assert slug(name) == name


def test_planning_reads_no_data(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    task = "{name: mine, kind: text-classification, data: {files: {train: nowhere.csv}}}"
    path.write_text(TEXT.replace("sentiment-reviews, ner-news", task))
    assert len(plan(load_suite(path))) == 12
