"""A data set is what its rows are: fingerprint, ids, labels, limit, and what may not be one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmbench.data.dataset import Dataset, at_hand
from fmbench.data.fingerprints import fingerprint
from fmbench.data.rows import SPLITS
from fmbench.errors import InputError
from fmbench.suite.schema import Task

Load = Callable[..., Dataset]
ROWS = [("one", "x"), ("two", "y"), ("three", "x"), ("four", "y")]


def jsonl(folder: Path, name: str, rows: list[tuple[str, str]] = ROWS, **extra: list[Any]) -> str:
    lines = [
        json.dumps({"text": text, "label": label} | {key: values[i] for key, values in extra.items()})
        for i, (text, label) in enumerate(rows)
    ]
    (folder / name).write_text("\n".join(lines))
    return name


def splits(name: str) -> dict[str, str]:
    return dict.fromkeys(SPLITS, name)


def test_the_same_rows_as_csv_and_as_jsonl_have_the_same_fingerprint(tmp_path: Path, load: Load) -> None:
    rows = [('a "b", c\nd\r\ne', "1"), ("ü 🙂", "0"), (" spaces ", "1"), ("z", "0")]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("label", "text"), *((label, text) for text, label in rows)])
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": t, "label": int(label)}) for t, label in rows))
    assert load({"files": splits("a.csv")}).fingerprint == load({"files": splits("a.jsonl")}).fingerprint


def test_the_fingerprint_knows_every_row_label_order_and_split(tmp_path: Path, load: Load) -> None:
    other = [
        ROWS,
        [*ROWS, ("five", "x")],
        ROWS[:-1],
        ROWS[::-1],
        [("one ", "x"), *ROWS[1:]],
        [("one", "y"), *ROWS[1:]],
        [("One", "x"), *ROWS[1:]],
    ]
    base = jsonl(tmp_path, "base.jsonl")
    prints = set()
    for i, rows in enumerate(other):
        name = jsonl(tmp_path, f"{i}.jsonl", rows)
        prints |= {load({"files": splits(base) | {split: name}}).fingerprint for split in SPLITS}
    assert len(prints) == 1 + 3 * (len(other) - 1)


def test_the_fingerprint_does_not_look_at_names_of_files_ids_or_other_columns(tmp_path: Path, load: Load) -> None:
    plain = load({"files": splits(jsonl(tmp_path, "a.jsonl"))})
    rich = load({"files": splits(jsonl(tmp_path, "b.jsonl", id=[7, 8, 9, 10], who=list("abcd")))}, cluster_key="who")
    assert plain.fingerprint == rich.fingerprint
    assert rich.test["id"].to_pylist() == ["7", "8", "9", "10"]
    assert rich.test["who"].to_pylist() == list("abcd")
    assert plain.test["id"].to_pylist() == ["test-0", "test-1", "test-2", "test-3"]


texts = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=2)), max_size=4)


@given(texts, texts)
@settings(deadline=None)
def test_fingerprints_are_equal_for_equal_rows_only(one: list[tuple[str, str]], two: list[tuple[str, str]]) -> None:
    def printed(train: list[tuple[str, str]]) -> str:
        table = pa.table({"text": pa.array([t for t, _ in train], pa.string()), "label": [label for _, label in train]})
        return fingerprint(dict.fromkeys(SPLITS, table), ["text", "label"])

    def encodable(rows: list[tuple[str, str]]) -> bool:
        return not any("\ud800" <= c <= "\udfff" for row in rows for field in row for c in field)

    if encodable(one) and encodable(two):
        assert (printed(one) == printed(two)) == (one == two)


def test_a_second_text_is_part_of_the_fingerprint(tmp_path: Path, load: Load) -> None:
    prints = []
    for second in ("yes", "no"):
        rows = [{"text": f"t{i}", "text_pair": f"{second}{i}", "label": "xy"[i % 2]} for i in range(4)]
        (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        prints.append(load({"files": splits("pairs.jsonl")}).fingerprint)
    assert prints[0] != prints[1]


def test_labels_are_those_of_train_sorted_unless_declared(tmp_path: Path, load: Load) -> None:
    name = jsonl(tmp_path, "a.jsonl")
    assert load({"files": splits(name)}).labels == ("x", "y")
    assert load({"files": splits(name)}, labels=["y", "z", "x"]).labels == ("y", "z", "x")


def test_limit_keeps_the_first_rows_of_each_split_and_says_so(tmp_path: Path, load: Load) -> None:
    name = jsonl(tmp_path, "a.jsonl")
    whole, part = load({"files": splits(name)}), load({"files": splits(name)}, limit=3)
    assert part.rows == {"train": 3, "validation": 3, "test": 3}
    assert part.test["text"].to_pylist() == ["one", "two", "three"]
    assert part.notes[0] == "limited to the first 3 rows of each split"
    assert not any("limited" in note for note in whole.notes)
    assert part.fingerprint != whole.fingerprint


def test_files_are_at_hand_and_hub_data_sets_are_not(
    tmp_path: Path, make_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = {"hub": "a/b", "revision": "0" * 40, "local": {"folder": "b", "files": {"train": "t.csv"}}}
    monkeypatch.delenv("FMBENCH_DATA", raising=False)
    assert at_hand(make_task({"files": {"train": "a.csv"}}))
    assert at_hand(make_task({"corpus": "ner-news"}, kind="token-classification"))
    assert not at_hand(make_task(hub))
    monkeypatch.setenv("FMBENCH_DATA", str(tmp_path))
    assert not at_hand(make_task(hub))
    (tmp_path / "b").mkdir()
    assert at_hand(make_task(hub))


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([("a", "x")] * 4, {}, r"only one class \('x'\)"),
        (ROWS, {"labels": ["x", "z"]}, r"a.jsonl:2: the label 'y' is not declared \(2 rows of this file"),
        (ROWS, {"slices": ["lable"]}, r"no column 'lable' \(slices\)"),
        (ROWS, {"slices": ["scores"]}, "'scores' cannot be the slices"),
        (ROWS, {"cluster_key": "author"}, r"no column 'author' \(cluster_key\)"),
        (ROWS, {"cluster_key": "text"}, "'text' cannot be the cluster_key"),
        (ROWS, {"cluster_key": "gold"}, "'gold' cannot be the cluster_key"),
    ],
)
def test_what_cannot_be_learned_or_clustered(
    tmp_path: Path, load: Load, rows: list[tuple[str, str]], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load({"files": splits(jsonl(tmp_path, "a.jsonl", rows))}, **more)


def test_without_train_there_is_nothing(tmp_path: Path, load: Load) -> None:
    with pytest.raises(InputError, match="task 'mine' has no train split"):
        load({"files": {"test": jsonl(tmp_path, "a.jsonl")}})


def test_files_of_one_split_must_have_the_same_columns(tmp_path: Path, load: Load) -> None:
    one, two = jsonl(tmp_path, "one.jsonl", id=[1, 2, 3, 4]), jsonl(tmp_path, "two.jsonl")
    with pytest.raises(InputError, match=r"two.jsonl:1: other columns than the files before it"):
        load({"files": {"train": [one, two]}})


def test_an_unknown_corpus_is_named(load: Load) -> None:
    with pytest.raises(InputError, match="unknown corpus 'ner-new'; did you mean 'ner-news'"):
        load({"corpus": "ner-new"}, kind="token-classification")
