"""Random splits: exact shares, no overlap, the same every time, and never in silence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.data.dataset import Dataset
from fmbench.data.splits import grouped, stratified
from fmbench.errors import InputError

Load = Callable[..., Dataset]
strata = st.lists(st.sampled_from("abcdef"), max_size=120)
shares = st.floats(0.01, 0.99)


@given(strata, shares, st.integers(0, 100))
def test_shares_are_exact_in_all_and_nearly_so_in_each_stratum(values: list[str], share: float, seed: int) -> None:
    chosen = stratified(values, share, seed)
    assert chosen.dtype == bool
    assert len(chosen) == len(values)
    assert abs(chosen.sum() - share * len(values)) <= 0.5 + 1e-9
    taken = Counter(value for value, yes in zip(values, chosen, strict=True) if yes)
    for value, n in Counter(values).items():
        assert abs(taken[value] - share * n) <= 1 + 1e-9


@given(strata, shares, st.integers(0, 100))
def test_the_same_seed_makes_the_same_choice(values: list[str], share: float, seed: int) -> None:
    assert (stratified(values, share, seed) == stratified(values, share, seed)).all()


def test_another_seed_makes_another_choice() -> None:
    values = ["a"] * 50 + ["b"] * 50
    choices = {stratified(values, 0.3, seed).tobytes() for seed in range(20)}
    assert len(choices) == 20


def test_every_row_is_as_likely_as_any_other() -> None:
    values = ["a", "b"] * 10
    picked = sum(stratified(values, 0.3, seed).astype(int) for seed in range(2000))
    assert np.abs(picked / 2000 - 0.3).max() < 0.05


def write(folder: Path, n: int = 100) -> str:
    lines = [f"{'abc'[i % 3] if i % 10 else 'rare'}\ttext {i}" for i in range(n)]
    (folder / "rows.tsv").write_text("label\ttext\n" + "\n".join(lines))
    return "rows.tsv"


def texts(data: Dataset, split: str) -> list[str]:
    return data.splits[split]["text"].to_pylist()


def test_missing_splits_are_cut_from_train_without_overlap_and_noted(tmp_path: Path, load: Load) -> None:
    data = load({"files": {"train": write(tmp_path)}})
    assert data.rows == {"train": 72, "validation": 8, "test": 20}
    everything = [text for split in data.splits for text in texts(data, split)]
    assert sorted(everything) == sorted(f"text {i}" for i in range(100))
    assert data.notes == (
        "test cut from train: 20% of the rows, stratified, seed 0",
        "validation cut from train: 10% of the rows, stratified, seed 0",
    )
    assert Counter(data.test["label"].to_pylist()) == {"a": 6, "b": 6, "c": 6, "rare": 2}
    for split in data.splits:
        numbers = [int(text.split()[1]) for text in texts(data, split)]
        assert numbers == sorted(numbers)


def test_a_split_that_is_there_stays_as_it_is(tmp_path: Path, load: Load) -> None:
    name = write(tmp_path)
    (tmp_path / "test.tsv").write_text("label\ttext\nb\tfirst\na\tsecond\n")
    data = load({"files": {"train": name, "test": "test.tsv"}})
    assert texts(data, "test") == ["first", "second"]
    assert data.rows == {"train": 90, "validation": 10, "test": 2}
    assert data.notes == ("validation cut from train: 10% of the rows, stratified, seed 0",)


def test_shares_and_seed_are_those_declared(tmp_path: Path, load: Load) -> None:
    name = write(tmp_path)
    split = {"test": 0.5, "validation": 0.2, "seed": 7}
    data = load({"files": {"train": name}}, split=split)
    assert data.rows == {"train": 40, "validation": 10, "test": 50}
    assert data.notes[0] == "test cut from train: 50% of the rows, stratified, seed 7"
    assert load({"files": {"train": name}}, split=split).fingerprint == data.fingerprint
    assert load({"files": {"train": name}}, split=split | {"seed": 8}).fingerprint != data.fingerprint


def test_too_few_rows_to_cut_from_is_an_error(tmp_path: Path, load: Load) -> None:
    name = write(tmp_path, 4)
    with pytest.raises(InputError, match="the validation split has no rows"):
        load({"files": {"train": name}})


def test_sentences_are_stratified_by_whether_they_name_anything(tmp_path: Path, load: Load) -> None:
    (tmp_path / "s.conll").write_text("Ada B-PER\n\n" * 40 + "nothing O\n\n" * 60)
    data = load({"files": {"train": "s.conll"}}, kind="token-classification")
    assert Counter(tags[0] for tags in data.test["tags"].to_pylist()) == {"B-PER": 8, "O": 12}


@given(
    groups=st.lists(st.integers(0, 12), min_size=4, max_size=80).filter(lambda groups: len(set(groups)) > 2),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 5),
)
def test_grouped_keeps_groups_whole(groups: list[int], share: float, seed: int) -> None:
    chosen = grouped(groups, share, seed)
    inside = {group for group, pick in zip(groups, chosen, strict=True) if pick}
    outside = {group for group, pick in zip(groups, chosen, strict=True) if not pick}
    assert inside and outside and not inside & outside
    largest = max(groups.count(group) for group in set(groups))
    assert chosen.sum() < share * len(groups) + largest
    np.testing.assert_array_equal(chosen, grouped(groups, share, seed))


def test_a_cluster_is_never_cut_in_two(tmp_path: Path, load: Load) -> None:
    rows = [{"text": f"text {i}", "label": "xy"[i % 2], "who": f"author {i % 9}"} for i in range(90)]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load({"files": {"train": "all.jsonl"}}, cluster_key="who")
    authors = [set(data.splits[split]["who"].to_pylist()) for split in ("train", "validation", "test")]
    assert sum(map(len, authors)) == 9 and set.union(*authors) == {f"author {i}" for i in range(9)}
    assert any("whole whos" in note for note in data.notes)


@given(
    groups=st.lists(st.integers(0, 30), min_size=20, max_size=200).filter(lambda groups: len(set(groups)) > 8),
    seed=st.integers(0, 5),
)
def test_groups_stay_whole_and_strata_in_proportion_at_once(groups: list[int], seed: int) -> None:
    strata = ["even" if group % 2 else "odd" for group in groups]
    chosen = grouped(groups, 0.3, seed, strata)
    inside = {group for group, pick in zip(groups, chosen, strict=True) if pick}
    assert inside and not inside & {group for group, pick in zip(groups, chosen, strict=True) if not pick}
    np.testing.assert_array_equal(chosen, grouped(groups, 0.3, seed, strata))
    largest = max(Counter(groups).values())
    for name, n in Counter(strata).items():
        picked = sum(pick for pick, stratum in zip(chosen, strata, strict=True) if stratum == name)
        assert abs(picked - 0.3 * n) <= largest


def test_no_group_can_be_cut_from_one() -> None:
    assert not grouped(["a"] * 9, 0.3, 0).any()


def test_groups_on_both_sides_of_given_splits_are_a_warning(tmp_path: Path, load: Load) -> None:
    for split, authors in (("train", "abcd"), ("test", "dexy")):
        rows = [{"text": f"{split} {i}", "label": "xy"[i % 2], "who": authors[i % 4]} for i in range(40)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load({"files": {"train": "train.jsonl", "test": "test.jsonl"}}, cluster_key="who")
    assert "warning: 1 of 4 values of who in test also stand in train" in data.notes
