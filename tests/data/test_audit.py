"""What the audit finds was put there, and what was not is not found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.cli import main
from fmbench.data.audit import audit, label_noise, smallest_difference
from fmbench.data.dataset import load_dataset
from fmbench.data.neighbours import near_pairs, shingles, signatures
from fmbench.registry import KINDS
from fmbench.suite.schema import Task

WORDS = [
    f"{a}{b}" for a in ("lar", "mon", "tre", "sil", "vok", "pun") for b in ("da", "ki", "mo", "te", "su", "ra", "ne")
]


def sentence(rng: random.Random, mark: str, n: int = 12) -> str:
    return " ".join([*rng.choices(WORDS, k=n), mark])


def rows(n: int, seed: int) -> list[dict[str, str]]:
    rng = random.Random(seed)
    return [{"text": sentence(rng, ["bright", "gloomy"][i % 2]), "label": ["good", "bad"][i % 2]} for i in range(n)]


def write(folder: Path, name: str, content: list[dict[str, str]]) -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    return name


@pytest.fixture
def planted(tmp_path: Path, make_task: Callable[..., Task]) -> Task:
    """Two leaks, one near leak, one double, one conflict and three wrong labels."""
    train, validation, test = rows(120, 0), rows(30, 1), rows(40, 2)
    test[3] = dict(train[5])
    test[4] = {**train[6], "text": "  ".join(train[6]["text"].split())}
    test[7] = {**train[8], "text": train[8]["text"].replace(" ", " x ", 1)}
    train[20] = dict(train[10])
    validation[1] = {"text": train[30]["text"], "label": "bad" if train[30]["label"] == "good" else "good"}
    for i in (50, 61, 72):
        train[i]["label"] = "bad" if train[i]["label"] == "good" else "good"
    files = {"train": write(tmp_path, "train.jsonl", train), "validation": write(tmp_path, "dev.jsonl", validation),
             "test": write(tmp_path, "test.jsonl", test)}  # fmt: skip
    return make_task({"files": files})


def test_what_was_planted_is_found_and_nothing_else(planted: Task) -> None:
    data = load_dataset(planted)
    found = audit(planted, data)
    assert found.rows == {"train": 120, "validation": 30, "test": 40}
    assert found.leaks == {"validation": 1, "test": 2}
    assert [(one.split, one.id, one.train_id) for one in found.near] == [("test", "test-7", "train-8")]
    assert found.doubles == {"train": 1, "validation": 0, "test": 0}
    assert [conflict.ids for conflict in found.conflicts] == [("train:train-30", "validation:validation-1")]
    suspects = {one.id for one in found.suspects}
    assert suspects and suspects <= {"train-50", "train-61", "train-72"}
    assert found.chance == 0.5
    assert (
        found.majority
        == found.classes["test"][max(found.classes["train"], key=found.classes["train"].__getitem__)] / 40
    )
    assert found.detectable is None, "40 rows show nothing below the discordance"
    assert found.lengths["train"]["p50"] == 13
    assert "warning: 2 of 40 test rows also stand in train (the same text)" in data.notes
    assert "warning: 1 of 30 validation rows also stand in train (the same text)" in data.notes


def test_clean_rows_have_no_findings(tmp_path: Path, make_task: Callable[..., Task]) -> None:
    files = {
        split: write(tmp_path, f"{split}.jsonl", rows(60, i)) for i, split in enumerate(("train", "validation", "test"))
    }
    task = make_task({"files": files})
    data = load_dataset(task)
    found = audit(task, data)
    assert not (found.near or found.conflicts or found.suspects or any(found.leaks.values()))
    assert data.notes == ()


def test_the_command_prints_and_gives_json(planted: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def ran(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            main(["audit", *arguments])
        assert not left.value.code
        return capsys.readouterr().out

    text = ran(str(tmp_path / "task.yaml"))
    assert "leaks        test: 2 rows also in train, 1 nearly (7.5% of the split)" in text
    (found,) = json.loads(ran(str(tmp_path / "task.yaml"), "--json"))
    assert found["schema"] == "fmbench.audit/1" and found["leaks"]["test"] == 2
    assert "task 'mine'" not in text and "mine · text-classification" in text


def test_an_unknown_task_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["audit", "ner-new"])
    assert left.value.code == 2
    assert capsys.readouterr().err == "no suite file and no task 'ner-new'; did you mean 'ner-news'?\n"


def test_tags_have_levels_of_tokens(tmp_path: Path, make_task: Callable[..., Task]) -> None:
    (tmp_path / "t.conll").write_text("Ada B-PER\nspoke O\nloudly O\n\nUr B-LOC\nrose O\n\n" * 20)
    task = make_task({"files": {"train": "t.conll"}}, kind="token-classification")
    found = audit(task, load_dataset(task))
    assert found.majority == 0.6 and found.chance is None
    assert set(found.classes["test"]) == {"PER", "LOC"}
    assert "label noise" in found.skipped


@given(st.text(max_size=30), st.text(max_size=30))
def test_shingles_are_those_of_the_text_with_blanks_drawn_together(one: str, two: str) -> None:
    def plain(text: str) -> set[str]:
        text = " ".join(text.lower().split())
        return {text[i : i + 5] for i in range(max(len(text) - 4, 1))}

    assert len(shingles(one)) == len(plain(one))
    assert (set(shingles(one)) == set(shingles(two))) == (plain(one) == plain(two))


def test_minima_estimate_the_jaccard_similarity() -> None:
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.8):
        found = []
        for _ in range(40):
            own = int(200 * (1 - share))
            same, one, two = (rng.integers(0, 2**32, n, dtype=np.uint32) for n in (int(400 * share), own, own))
            both = signatures([np.concatenate([same, one]), np.concatenate([same, two])])
            found.append((both[0] == both[1]).mean())
        assert np.mean(found) == pytest.approx(400 * share / (400 * share + 2 * int(200 * (1 - share))), abs=0.05)


def test_near_pairs_are_those_of_brute_force() -> None:
    rng = random.Random(3)
    left = [sentence(rng, "x", 10) for _ in range(60)]
    right = [text.replace(" ", rng.choice([" ", "  ", " a "]), 1) for text in left[:30]] + [
        sentence(rng, "y") for _ in range(50)
    ]

    def similarity(one: str, two: str) -> float:
        a, b = set(shingles(one).tolist()), set(shingles(two).tolist())
        return len(a & b) / len(a | b)

    best = {i: max(similarity(one, two) for two in right) for i, one in enumerate(left)}
    found = {i: value for i, _, value in near_pairs(left, right, 0.8)}
    assert found == pytest.approx({i: value for i, value in best.items() if value >= 0.8})
    assert len(found) >= 30
    assert near_pairs([], right, 0.8) == near_pairs(left, [], 0.8) == []


def test_no_label_is_suspect_where_all_are_right() -> None:
    content = rows(60, 5)
    assert label_noise([str(i) for i in range(60)], [r["text"] for r in content], [r["label"] for r in content]) == ()


def test_the_smallest_difference_shrinks_with_the_root_of_the_rows() -> None:
    kind: Any = KINDS["text-classification"]
    small, large = (smallest_difference(kind, ["x"] * n)[0] for n in (500, 50_000))
    assert small is not None and large is not None
    assert small / large == pytest.approx(10, rel=0.02)
    assert smallest_difference(KINDS["sentence-similarity"], [1.0, 2.0] * 50)[0] == pytest.approx(
        2.8016 * (2 / 97) ** 0.5, abs=1e-3
    )
