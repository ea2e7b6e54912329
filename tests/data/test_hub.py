"""Data sets of a hub: the real client against a small hub, then against its own cache; and local copies."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from hub.server import Repo, serve

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.hub import _plain
from fmbench.errors import InputError
from fmbench.suite.loader import load_task
from fmbench.suite.schema import Task

CLIENT = Path(__file__).parent.parent / "hub" / "client.py"
OLD, NEW, NEVER = "1" * 40, "2" * 40, "3" * 40
NAMES = ["negative", "positive"]
CARD = """---
license: cc0-1.0
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': negative
          '1': positive
---
# Reviews
"""


def parquet(columns: dict[str, list[Any]], features: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(stream)
    return stream.getvalue()


def reviews(word: str, n: int) -> dict[str, list[Any]]:
    return {"text": [f"{word} {i}" for i in range(n)], "label": [i % 2 for i in range(n)]}


def classified(columns: dict[str, list[Any]]) -> bytes:
    return parquet(columns, {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})


def lines(columns: dict[str, list[Any]]) -> bytes:
    rows = zip(columns["text"], columns["label"], strict=True)
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode()


def repositories() -> list[Repo]:
    tags = datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"]))
    entities = parquet(
        {"tokens": [["Ada", "Byron", "spoke"], ["Yes"]], "ner_tags": [[1, 2, 0], [0]], "uid": ["u1", "u2"]},
        {"tokens": datasets.List(datasets.Value("string")), "ner_tags": tags, "uid": datasets.Value("string")},
    )
    old = {
        "data/train-00000-of-00001.parquet": classified(reviews("old train", 8)),
        "data/validation-00000-of-00001.parquet": classified(reviews("old validation", 4)),
        "data/test-00000-of-00001.parquet": classified(reviews("old test", 4)),
    }
    new = {
        "README.md": CARD.encode(),
        "train.jsonl": lines(reviews("new train", 8)),
        "test.jsonl": lines(reviews("new test", 4)),
    }
    card = "---\nconfigs:\n" + "".join(
        f"- config_name: {name}\n  data_files:\n  - {{split: train, path: {name}/train.jsonl}}\n"
        f"  - {{split: dev, path: {name}/dev.jsonl}}\n" for name in ("one", "two")
    ) + "---\n"  # fmt: skip
    configured = {"README.md": card.encode()} | {
        f"{name}/{split}.jsonl": lines(reviews(f"{name} {split}", 8))
        for name in ("one", "two")
        for split in ("train", "dev")
    }
    return [
        Repo("datasets", "tester/configured", {OLD: configured}),
        Repo("datasets", "tester/reviews", {OLD: old, NEW: new}),
        Repo("datasets", "tester/entities", {OLD: {f"{split}.parquet": entities for split in ("train", "test")}}),
    ]


TWO = {"train": "train", "test": "test"}
TASKS: dict[str, dict[str, Any]] = {
    "old": {"data": {"hub": "tester/reviews", "revision": OLD}},
    "new": {"data": {"hub": "tester/reviews", "revision": NEW, "splits": TWO}},
    "renamed": {
        "data": {"hub": "tester/reviews", "revision": OLD, "values": {"label": {"negative": "bad", "positive": "good"}}}
    },
    "entities": {
        "kind": "token-classification",
        "data": {
            "hub": "tester/entities",
            "revision": OLD,
            "columns": {"tags": "ner_tags", "id": "uid"},
            "splits": dict.fromkeys(("train", "validation", "test"), "train"),
        },
    },
    "config": {
        "data": {
            "hub": "tester/configured",
            "revision": OLD,
            "config": "two",
            "splits": {"train": "train", "test": "dev"},
        }
    },
    "unknown-repository": {"data": {"hub": "tester/nothing", "revision": OLD}},
    "unknown-revision": {"data": {"hub": "tester/reviews", "revision": NEVER}},
    "unknown-split": {"data": {"hub": "tester/reviews", "revision": NEW}},
    "unknown-column": {"data": {"hub": "tester/reviews", "revision": OLD, "columns": {"text": "txt"}}},
    "branch": {"data": {"hub": "tester/reviews", "branch": "main", "splits": TWO}},
    "branch-that-moved": {"data": {"hub": "tester/reviews", "branch": "main", "splits": TWO, "rows_sha256": "0" * 64}},
    "with-local": {
        "data": {
            "hub": "tester/nothing",
            "revision": OLD,
            "local": {"folder": "nothing", "files": {"train": "train.csv"}},
        }
    },
}


def ask(folder: Path, address: str, offline: bool) -> dict[str, dict[str, Any]]:
    orders = [{"task": str(folder / f"{name}.yaml")} for name in TASKS]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "FMBENCH_"))}
    environment = kept | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": str(int(offline)),
        "FMBENCH_CACHE": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, str(CLIENT)],
        input=json.dumps(orders),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(TASKS, json.loads(done.stdout), strict=True))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    """What the client says of every task while the hub is there, and after it is gone."""
    folder = tmp_path_factory.mktemp("hub")
    same = reviews("new train", 8), reviews("new test", 4)
    for name, columns in zip(("train", "test"), same, strict=True):
        (folder / f"{name}.jsonl").write_bytes(lines(columns))
    names = {"label": {"0": "negative", "1": "positive"}}
    files = {"files": {split: f"{split}.jsonl" for split in TWO}, "values": names}
    local = folder / "local.yaml"
    local.write_text(yaml.safe_dump({"name": "local", "kind": "text-classification", "data": files}))
    TASKS["branch"]["data"]["rows_sha256"] = load_dataset(load_task(local)).fingerprint
    for name, content in TASKS.items():
        task = {"name": name, "kind": "text-classification", **content}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))
    with serve(*repositories()) as hub:
        online = ask(folder, hub.address, offline=False)
    return {"online": online, "offline": ask(folder, hub.address, offline=True)}


@pytest.fixture(params=["online", "offline"])
def answer(request: pytest.FixtureRequest, answers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return answers[request.param]


def test_rows_come_with_class_names_source_and_revision(answer: dict[str, dict[str, Any]]) -> None:
    old = answer["old"]
    assert (old["source"], old["revision"]) == ("hub: tester/reviews", OLD)
    assert old["labels"] == NAMES
    assert old["splits"]["test"]["text"] == [f"old test {i}" for i in range(4)]
    assert old["splits"]["test"]["label"] == NAMES * 2
    assert {split: len(rows["id"]) for split, rows in old["splits"].items()} == {"train": 8, "validation": 4, "test": 4}


def test_each_revision_gives_its_own_rows(answer: dict[str, dict[str, Any]]) -> None:
    new = answer["new"]
    assert new["revision"] == NEW
    assert new["splits"]["test"]["text"] == [f"new test {i}" for i in range(4)]
    assert new["splits"]["test"]["label"] == NAMES * 2
    assert new["notes"] == ["validation cut from train: 10% of the rows, stratified, seed 0"]
    assert new["fingerprint"] != answer["old"]["fingerprint"]


def test_a_branch_is_read_while_it_has_the_rows_that_were_declared(answer: dict[str, dict[str, Any]]) -> None:
    branch = answer["branch"]
    assert branch["revision"] == "main"
    assert branch["splits"] == answer["new"]["splits"]
    assert branch["fingerprint"] == answer["new"]["fingerprint"]
    moved = answer["branch-that-moved"]
    assert moved["type"] == "InputError"
    assert len(moved["error"]) == 1
    assert branch["fingerprint"] in moved["error"][0]


def test_a_config_and_its_own_names_of_splits(answer: dict[str, dict[str, Any]]) -> None:
    rows = answer["config"]["splits"]
    assert rows["test"]["text"] == [f"two dev {i}" for i in range(8)]
    assert all(text.startswith("two train") for text in rows["train"]["text"])


def test_class_names_are_renamed(answer: dict[str, dict[str, Any]]) -> None:
    assert answer["renamed"]["labels"] == ["bad", "good"]


def test_lists_of_classes_have_names_too(answer: dict[str, dict[str, Any]]) -> None:
    test = answer["entities"]["splits"]["test"]
    assert test["tags"] == [["B-PER", "I-PER", "O"], ["O"]]
    assert test["id"] == ["u1", "u2"]


def test_the_cache_gives_the_same_rows_as_the_hub(answers: dict[str, dict[str, dict[str, Any]]]) -> None:
    for name in ("old", "new", "renamed", "entities"):
        assert answers["online"][name] == answers["offline"][name]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("unknown-repository", f"cannot load split 'train' of tester/nothing@{OLD[:24]} from the hub: "),
        ("unknown-revision", f"cannot load split 'train' of tester/reviews@{NEVER[:24]} from the hub: "),
        ("unknown-split", f"cannot load split 'validation' of tester/reviews@{NEW[:24]} from the hub: "),
        ("unknown-column", f"tester/reviews@{OLD[:24]} has no column 'txt' (it has text, label); did you mean 'text'?"),
        ("with-local", f"cannot load split 'train' of tester/nothing@{OLD[:24]} from the hub: "),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(answer: dict[str, dict[str, Any]], name: str, start: str) -> None:
    said = answer[name]
    assert said["type"] == "InputError"
    (line,) = said["error"]
    assert line.startswith(start)
    if name == "unknown-repository":
        assert line.endswith("or name a `local` copy)") and "load tester/nothing once with network" in line
    if name == "with-local":
        assert line.endswith("(offline: put a copy in $FMBENCH_DATA/nothing)")


LOCAL = {
    "hub": "tester/nothing",
    "revision": OLD,
    "columns": {"text": "sentence"},
    "local": {
        "folder": "copy",
        "files": {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"},
        "columns": {"text": 1, "label": 0},
        "header": False,
        "values": {"label": {"0": "negative", "1": "positive"}},
    },
}


def test_a_local_copy_is_preferred_and_recorded_as_such(
    tmp_path: Path, load: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(tmp_path))
    (tmp_path / "copy").mkdir()
    for name in ("train", "dev", "test"):
        (tmp_path / "copy" / f"{name}.tsv").write_text(f"0\t{name} one\n1\t{name} two\n")
    data = load(LOCAL)
    assert data.test["text"].to_pylist() == ["test one", "test two"]
    assert data.labels == ("negative", "positive")
    assert data.source == "local copy: $FMBENCH_DATA/copy (train.tsv, dev.tsv, test.tsv)"
    assert data.revision is None


def test_a_local_copy_that_is_broken_is_not_passed_over(
    tmp_path: Path, load: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(tmp_path))
    (tmp_path / "copy").mkdir()
    with pytest.raises(InputError) as caught:
        load(LOCAL)
    assert [problem.message for problem in caught.value.problems] == ["no such file"] * 3


@pytest.mark.parametrize("key", ["columns", "values"])
def test_a_field_that_the_task_lacks_is_named(load: Callable[..., Dataset], key: str) -> None:
    setting: Any = {"txt": "sentence"} if key == "columns" else {"txt": {"a": "b"}}
    with pytest.raises(InputError, match=f"{key}: this task has no field 'txt'"):
        load({"hub": "tester/reviews", "revision": OLD, key: setting})


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": "main"},
        {"revision": OLD[:8]},
        {"hub": "a/b/c"},
        {"local": {"folder": "../up", "files": {"test": "t"}}},
        {"branch": "main"},
    ],
)
def test_what_is_not_pinned_or_leaves_its_folder_is_refused(
    make_task: Callable[..., Task], wrong: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        make_task({"hub": "tester/reviews", "revision": OLD, **wrong})


def test_hidden_labels_are_none_and_missing_lists_stay() -> None:
    label = datasets.ClassLabel(names=NAMES)
    assert _plain(label, [1, -1, None], {}) == ["positive", None, None]
    assert _plain(datasets.List(label), [[0, 1], None, []], {}) == [NAMES, None, []]
    assert _plain(datasets.Value("int64"), [3, 4], {"3": "three"}) == ["three", 4]
    assert _plain(datasets.List(label), [[0, 1]], {"negative": "no"}) == [["no", "positive"]]
