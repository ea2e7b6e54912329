"""Commands to a self-driving car and questions over invented rules: balanced, apart, and not solved by surface."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from itertools import combinations
from statistics import mean
from typing import Any

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench import catalog
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.rows import SPLITS
from fmbench.suite.loader import load_task

TASKS = ["passenger-commands", "command-object"]
RULES = catalog.CORPORA / "rule-questions"
LABEL_SHARE = {"passenger-commands": (0.11, 0.14), "command-object": (0.08, 0.17)}  # even: 0.125
SURFACE_MAX = 0.24  # chance is 0.125
WORDS_MIN, WORDS_MAX = 0.4, 0.85  # accuracy of word counts and a linear model, of all eight classes
BLIND_MAX, CONTEXT_MAX = 0.35, 0.5  # of questions solved without reading; chance is 0.25


@cache
def dataset(task: str) -> Dataset:
    return load_dataset(load_task(catalog.files("tasks")[task]))


@cache
def questions(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RULES / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def grams(text: str, n: int) -> set[tuple[str, ...]]:
    return set(zip(*(words(text)[i:] for i in range(n)), strict=False))


def corpora() -> dict[str, dict[str, list[str]]]:
    """Commands, questions and rules, each as split -> texts."""
    return {
        "commands": {split: table["text"].to_pylist() for split, table in dataset(TASKS[0]).splits.items()},
        "questions": {split: [row["question"] for row in questions(split)] for split in SPLITS},
        "rules": {split: sorted({row["context"] for row in questions(split)}) for split in SPLITS},
    }


def surface(text: str) -> list[float]:
    """Length, punctuation, capitals and digits of a text, and no word of it."""
    marks = [text.count(mark) for mark in ".,;:!?\"'-()/"]
    return [len(text), len(text.split()), *marks, sum(c.isupper() for c in text), sum(c.isdigit() for c in text)]


def solved(score: Callable[[dict[str, Any], str], float]) -> float:
    """Share of the test questions whose right option scores highest; ties count in part."""
    found = [([score(row, choice) for choice in row["choices"]], row["answer"]) for row in questions("test")]
    return mean((scores[right] == max(scores)) / scores.count(max(scores)) for scores, right in found)


def overlap(one: str, other: str) -> float:
    return len(set(words(one)) & set(words(other))) / max(1, len(set(words(one))))


class TestAll:
    def test_texts_are_unique_also_in_part_and_openings_varied(self) -> None:
        for name, texts in corpora().items():
            every = [" ".join(words(text)) for split in texts.values() for text in split]
            assert len(set(every)) == len(every), name
            assert Counter(tuple(text.split()[:2]) for text in every).most_common(1)[0][1] <= 0.03 * len(every), name
            for seen, unseen in combinations(SPLITS, 2):
                known = {gram for text in texts[seen] for gram in grams(text, 5)}
                own = [grams(text, 5) for text in texts[unseen]]
                assert max(len(g & known) / max(1, len(g)) for g in own) <= 0.2, (name, unseen)
                assert sum(len(g & known) for g in own) / sum(map(len, own)) <= 0.003, (name, unseen)

    @pytest.mark.parametrize("corpus", ["passenger-commands", "rule-questions"])
    def test_the_data_sheet_is_whole(self, corpus: str) -> None:
        sheet = (catalog.CORPORA / corpus / "DATASHEET.md").read_text(encoding="utf-8").replace(",", "")
        headings = ["Motivation", "Composition", "Annotation", "Splits", "Hard cases", "Limits", "Maintenance"]
        assert re.findall("(?m)^## (.+)", sheet) == headings and "CC0-1.0" in sheet
        for split in SPLITS:
            count = dataset(corpus).rows[split] if corpus in TASKS else len(questions(split))
            assert re.search(rf"(?m)^\| {split} \|.* {count} \|", sheet)
        whole = b"".join((RULES / f"{split}.jsonl").read_bytes() for split in SPLITS)
        prints = [dataset(task).fingerprint for task in TASKS] if corpus in TASKS else [sha256(whole).hexdigest()]
        assert all(found in sheet for found in prints)


@pytest.mark.parametrize("task", TASKS)
class TestCommands:
    def test_it_is_large_and_balanced(self, task: str) -> None:
        assert sum(dataset(task).rows.values()) >= 400
        low, high = LABEL_SHARE[task]
        for table in dataset(task).splits.values():
            shares = [count / len(table) for count in Counter(table["label"].to_pylist()).values()]
            assert len(shares) == 8 and low <= min(shares) <= max(shares) <= high

    def test_the_surface_gives_nothing_away_and_words_not_all(self, task: str) -> None:
        splits = dataset(task).splits
        texts, labels = ([splits[s][c].to_pylist() for s in SPLITS] for c in ("text", "label"))
        train, given = texts[0] + texts[1], labels[0] + labels[1]
        shallow = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=3000))
        shallow.fit([surface(text) for text in train], given)
        assert shallow.score([surface(text) for text in texts[2]], labels[2]) <= SURFACE_MAX
        counts = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
        assert WORDS_MIN <= counts.fit(train, given).score(texts[2], labels[2]) <= WORDS_MAX


class TestRules:
    def test_rules_are_many_and_in_one_split_only(self) -> None:
        rules = [{(row["document"], row["context"]) for row in questions(split)} for split in SPLITS]
        every = set().union(*rules)
        assert sum(map(len, rules)) == len(every) == len({name for name, _ in every}) >= 100
        assert all(2 <= len(re.findall(r"[.!?](?:\s|$)", context)) <= 5 for _, context in every)
        ids = [row["id"] for split in SPLITS for row in questions(split)]
        assert len(ids) == len(set(ids)) >= 400

    def test_answers_are_balanced_and_no_longer_than_other_options(self) -> None:
        for split in SPLITS:
            places = Counter(row["answer"] for row in questions(split))
            assert sorted(places) == [0, 1, 2, 3] and max(places.values()) - min(places.values()) <= 1
        rows = [row for split in SPLITS for row in questions(split)]
        assert all(len(set(row["choices"])) == 4 for row in rows)
        right = mean(len(row["choices"][row["answer"]]) for row in rows)
        assert right <= mean(len(choice) for row in rows for choice in row["choices"])

    def test_it_is_not_solved_without_reading(self) -> None:
        known = questions("train") + questions("validation")
        right = [place == row["answer"] for row in known for place in range(4)]
        model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
        model.fit([choice for row in known for choice in row["choices"]], right)
        assert solved(lambda row, choice: len(choice)) <= BLIND_MAX
        assert solved(lambda row, choice: -len(choice)) <= BLIND_MAX
        assert solved(lambda row, choice: overlap(choice, row["question"])) <= BLIND_MAX
        assert solved(lambda row, choice: model.decision_function([choice])[0]) <= BLIND_MAX
        assert solved(lambda row, choice: overlap(choice, row["context"])) <= CONTEXT_MAX
        assert solved(lambda row, choice: -overlap(choice, row["context"])) <= CONTEXT_MAX
