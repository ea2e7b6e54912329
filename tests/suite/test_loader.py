from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench import catalog
from fmbench.adapt.finetune import Finetune
from fmbench.adapt.probe import Probe
from fmbench.data.files import Files
from fmbench.errors import InputError
from fmbench.run.check import check_suite
from fmbench.suite.loader import load_model, load_suite, load_task
from fmbench.suite.plan import plan
from fmbench.suite.schema import Limits, Suite

SUITES = sorted(Path(__file__).parents[2].glob("suites/*.yaml"))
MINE = {
    "name": "mine",
    "kind": "text-classification",
    "data": {"files": {"train": "mine.csv"}},
    "metrics": ["macro_f1", "accuracy"],
}
GOOD: dict[str, Any] = {
    "suite": "good",
    "models": ["majority", {"name": "small", "loader": "bilstm", "settings": {"epochs": 2}}, "minilm-l6"],
    "tasks": ["ner-news", MINE],
    "adaptations": {"fit": {}, "finetune": {"epochs": 2, "learning_rate": 5e-4}, "probe": None},
    "seeds": [0, 1],
    "measure": {"efficiency": {"repeats": 2}},
    "limits": {"minutes_per_cell": 3},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_text("text,label\n" + "".join(f"word{i},{'yn'[i % 2]}\n" for i in range(20)))
    return tmp_path


def load(folder: Path, overrides: tuple[str, ...] = (), **changes: Any) -> Suite:
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}, sort_keys=False))
    return load_suite(path, overrides)


def problems(folder: Path, overrides: tuple[str, ...] = (), **changes: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        load(folder, overrides, **changes)
    return [problem.message + (f" -> {problem.hint}" if problem.hint else "") for problem in error.value.problems]


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_suites_that_ship_load(path: Path) -> None:
    suite = load_suite(path)
    assert suite.name
    assert plan(suite)


@pytest.mark.parametrize("name", catalog.files("tasks"))
def test_tasks_of_the_catalog_load_under_their_own_name(name: str) -> None:
    assert load_task(catalog.files("tasks")[name]).name == name


@pytest.mark.parametrize("name", catalog.files("models"))
def test_models_of_the_catalog_load_under_their_own_name(name: str) -> None:
    if name == "vader":
        pytest.importorskip("vaderSentiment")
    assert load_model(catalog.files("models")[name]).name == name


def test_everything_is_typed(folder: Path) -> None:
    suite = load(folder)
    assert [model.name for model in suite.models] == ["majority", "small", "minilm-l6"]
    assert suite.models[1].settings.epochs == 2
    assert suite.models[1].settings.hidden_size == 96, "what is not said is the default"
    assert [task.name for task in suite.tasks] == ["ner-news", "mine"]
    assert suite.tasks[1].source == "files"
    assert suite.tasks[1].source_spec == Files.Spec(files={"train": "mine.csv"})
    assert suite.adaptations["finetune"] == Finetune.Settings(epochs=2, learning_rate=5e-4)
    assert suite.adaptations["probe"] == Probe.Settings(), "nothing means the defaults"
    assert suite.measures["efficiency"].repeats == 2
    assert suite.limits == Limits(minutes_per_cell=3)
    assert suite.seeds == (0, 1)
    assert suite.version == 1


def test_places_are_those_of_the_suite(folder: Path) -> None:
    suite = load(folder)
    lines = (folder / "suite.yaml").read_text().splitlines()
    for thing, text in ((suite.models[2], "minilm-l6"), (suite.tasks[0], "ner-news"), (suite.tasks[1], "name: mine")):
        assert thing.place.file == str(folder / "suite.yaml")
        assert thing.place.line is not None
        assert lines[thing.place.line - 1].endswith(text)


@pytest.mark.parametrize(("value", "kept"), [(True, True), (None, True), ({}, True), (False, False)])
def test_a_measure_is_on_off_or_settings(folder: Path, value: Any, kept: bool) -> None:
    assert ("efficiency" in load(folder, measure={"efficiency": value}).measures) is kept


def test_task_and_model_files_beside_the_suite(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "mine.csv").write_text((folder / "mine.csv").read_text())
    (folder / "sub" / "task.yaml").write_text(yaml.safe_dump(MINE | {"name": "elsewhere"}))
    (folder / "model.yml").write_text("{name: own, loader: majority}")
    suite = load(folder, tasks=["sub/task.yaml"], models=["model.yml"], adaptations={"fit": {}})
    assert suite.tasks[0].name == "elsewhere"
    assert suite.tasks[0].base == folder / "sub", "its paths are relative to the task file"
    assert suite.models[0].name == "own"
    assert check_suite(suite)["elsewhere"].rows["train"] > 0


@pytest.mark.parametrize(
    ("name", "hub", "revision"),
    [
        ("hf:bert-base-uncased", "bert-base-uncased", None),
        ("hf:org/na-me_1.5", "org/na-me_1.5", None),
        ("hf:org/name@v1.0", "org/name", "v1.0"),
        ("hf:org/name@refs/pr/3", "org/name", "refs/pr/3"),
        ("hf:org/name@" + "0a" * 20, "org/name", "0a" * 20),
    ],
)
def test_hub_models_by_name(folder: Path, name: str, hub: str, revision: str | None) -> None:
    (model,) = load(folder, models=[name]).models
    assert model.name == name
    assert model.spec.loader == "encoder"
    assert model.spec.weights is not None
    assert (model.spec.weights.hub, model.spec.weights.revision) == (hub, revision)


@pytest.mark.parametrize(
    "name", ["hf:", "hf:/", "hf:a/b/c", "hf:org/name@", "hf:org/name@a b", "hf:org/name\n", "hf:é!"]
)
def test_bad_hub_names(folder: Path, name: str) -> None:
    assert problems(folder, models=[name]) == [f"model {name!r} is not of the form hf:ORG/NAME or hf:ORG/NAME@revision"]


@pytest.mark.parametrize("absolute", [False, True])
def test_models_in_folders(folder: Path, absolute: bool) -> None:
    (folder / "net").mkdir()
    name = str(folder / "net") if absolute else "./net"
    assert problems(folder, models=[name]) == [f"model {name!r}: no config.json in {folder / 'net'}"]
    (folder / "net" / "config.json").write_text("{}")
    assert "no weights" in problems(folder, models=[name])[0]
    (folder / "net" / "model.safetensors").write_bytes(b"")
    assert [model.name for model in load(folder, models=[name]).models] == [name]


def test_a_folder_in_the_home_of_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert problems(folder, models=["~/net"]) == [f"model '~/net': no such folder: {folder / 'net'}"]


def test_overrides(folder: Path) -> None:
    suite = load(
        folder,
        (
            "adaptations.finetune.epochs=7",
            "limits.minutes_per_cell=1.5",
            "seeds=[3, 4]",
            "measure.efficiency.examples=9",
            "models=[majority, minilm-l6]",
            "description='x=y'",
        ),
    )
    assert suite.adaptations["finetune"].epochs == 7
    assert suite.adaptations["finetune"].learning_rate == 5e-4, "what is not overridden stays"
    assert suite.limits.minutes_per_cell == 1.5
    assert suite.seeds == (3, 4)
    assert suite.description == "x=y"
    assert suite.measures["efficiency"].examples == 9
    assert suite.measures["efficiency"].repeats == 2
    assert [model.name for model in suite.models] == ["majority", "minilm-l6"]


def test_an_override_makes_the_mapping_that_it_needs(folder: Path) -> None:
    assert load(folder, ("limits.minutes_per_cell=2",), limits=None).limits.minutes_per_cell == 2
    assert load(folder, ("adaptations.probe.max_iter=5",)).adaptations["probe"].max_iter == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "--set 'epochs': expected key=value"),
        ("=3", "--set '=3': expected key=value"),
        ("seed=3", "unknown key 'seed' -> seeds"),
        ("suite.name.deep=3", "--set 'suite.name.deep=3': suite is not a mapping"),
        ("models.0=bilstm", "--set 'models.0=bilstm': models is not a mapping"),
        ("seeds=three", "seeds: should be a valid list, got 'three'"),
        ("limits.minutes_per_cell=0", "limits.minutes_per_cell: should be greater than 0, got 0"),
        ("adaptations.finetune.epoch=3", "unknown key 'epoch' -> epochs"),
        ("adaptations.finetun.epochs=3", "unknown adaptation 'finetun' -> finetune"),
        ("models=[majority", "not valid YAML: did not find expected ',' or ']', while parsing a flow sequence"),
        ("seeds=", "seeds: should be a valid list, got None"),
    ],
)
def test_bad_overrides(folder: Path, override: str, message: str) -> None:
    assert problems(folder, (override,)) == [message]


def test_an_override_of_what_is_no_mapping(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(InputError, match="expected a mapping of keys to values"):
        load_suite(tmp_path / "list.yaml", ["seeds=[0]"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["minilm-16"]}, "unknown model 'minilm-16' -> minilm-l6"),
        ({"models": ["Majority"]}, "unknown model 'Majority' -> majority"),
        ({"tasks": ["nre-news"]}, "unknown task 'nre-news' -> ner-news"),
        ({"adaptations": {"fine-tune": {}}}, "unknown adaptation 'fine-tune' -> finetune"),
        ({"measure": {"efficency": True}}, "unknown measure 'efficency' -> efficiency"),
        ({"limit": {}}, "unknown key 'limit' -> limits"),
        (
            {"tasks": [MINE | {"kind": "text-clasification"}]},
            "unknown task kind 'text-clasification' -> text-classification",
        ),
        ({"tasks": [MINE | {"metrics": ["macro-f1"]}]}, "unknown metric 'macro-f1' -> macro_f1"),
        ({"tasks": [MINE | {"data": {"corpora": "x"}}]}, " -> corpus"),
    ],
)
def test_the_nearest_name_is_offered(folder: Path, changes: dict[str, Any], message: str) -> None:
    (found,) = problems(folder, **changes)
    assert found.endswith(message)


def test_problems_come_in_the_order_of_the_file_and_once(folder: Path) -> None:
    path = folder / "suite.yaml"
    path.write_text("suite: a b\nmodels: [x-y-z, 3]\ntasks: [q-q-q]\nseeds: [a]\nadaptations: {fit: 1}\nother: 1\n")
    with pytest.raises(InputError) as error:
        load_suite(path)
    places = [(problem.place.line, problem.place.column) for problem in error.value.problems if problem.place]
    assert places == [(1, 8), (2, 10), (2, 17), (3, 9), (4, 9), (5, 20), (6, 1)]


def test_a_union_is_one_problem(folder: Path) -> None:
    assert problems(folder, models=["majority", 3]) == [
        "models.1: should be a valid string or a valid dictionary, got 3"
    ]
    data = {"files": {"train": ["mine.csv", 3]}}
    assert problems(folder, tasks=[MINE | {"data": data}]) == ["files.train.1: should be a valid string, got 3"]


def test_clusters_may_be_named_by_anything(folder: Path) -> None:
    rows = [{"text": f"word{i}", "label": "yn"[i % 2], "author": [i, f"a{i}", 1.5][i % 3]} for i in range(20)]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = MINE | {"data": {"files": {"train": "mine.jsonl", "test": "mine.jsonl"}}, "cluster_key": "author"}
    data = check_suite(load(folder, tasks=[task]))["mine"]
    assert data.test["author"].to_pylist()[:3] == ["0", "a1", "1.5"]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def mutated(value: Any, path: tuple[Any, ...], new: Any, rename: bool) -> Any:
    """A copy of `value` with what stands at `path` replaced, or put under a new key."""
    if not path:
        return new
    made = copy.deepcopy(value)
    node = made
    for part in path[:-1]:
        node = node[part]
    if rename and isinstance(node, dict):
        node[str(new)] = node.pop(path[-1])
    else:
        node[path[-1]] = new
    return made


odd = ["", ".", "..", "../x", "a.b", "hf:a", "./", "\0", "name", "str", "list[str]", "[key]", "x" * 400, "é"]
odd_mapping = st.dictionaries(
    st.sampled_from(["name", "files", "hub", "package", "a.b"]), st.sampled_from([*odd, None, 1])
)
strange = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(odd),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.lists(st.integers() | st.text("ab", max_size=2), max_size=3),
    odd_mapping,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([path for path in paths(GOOD) if path]), strange, st.booleans())
def test_a_changed_suite_is_good_or_bad_input(folder: Path, at: tuple[Any, ...], new: Any, rename: bool) -> None:
    path = folder / "changed.yaml"
    path.write_text(json.dumps(mutated(GOOD, at, new, rename)))
    try:
        check_suite(load_suite(path), limit=4)
    except InputError as error:
        assert error.problems
        assert all("\n" not in str(problem) for problem in error.problems)


def test_a_model_named_on_the_spot_is_a_language_model_where_only_such_fit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,references,better,worse\na,b,c,d\n")
    suite = "suite: s\nmodels: [hf:org/name]\nadaptations: {zero-shot: {}}\ntasks:\n"
    row = "  - {name: %s, kind: %s, data: {files: {train: t.csv, test: t.csv}}}\n"
    for kinds, loader in (
        (["text-generation"], "language-model"),
        (["text-generation", "minimal-pairs"], "language-model"),
        (["multiple-choice"], "encoder"),
        (["text-generation", "sentence-similarity"], "encoder"),
    ):
        (tmp_path / "s.yaml").write_text(suite + "".join(row % (f"t{i}", kind) for i, kind in enumerate(kinds)))
        assert [model.spec.loader for model in load_suite(tmp_path / "s.yaml").models] == [loader]
