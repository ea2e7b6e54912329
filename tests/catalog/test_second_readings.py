"""The second, independent readings of the corpora: readings/TASK.tsv holds both labels of each row that was read.

Entities stand as marked sentences. `first` is the label at the time of the reading; a few were corrected after it.
`text` is the start of the sha256 of what was read (see `digest`): rows that were edited since are counted, so that no
edit passes unseen.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_checks import CORPORA, dataset
from sklearn.metrics import cohen_kappa_score

from fmbench import catalog
from fmbench.tasks.tags import spans

FOLDER = Path(__file__).parent / "readings"
ENTITIES = {"clinical-notes", "disclosures", "ner-news", "ner-zh"}
REWORDED = {"patient-messages-reworded", "patient-urgency-reworded"}  # rows that an earlier reading made us reword
CORRECTED = {"clinical-notes": 2, "command-object": 1, "incident-reports": 1, "ner-zh": 1, "short-answers": 5}
EDITED = {
    "company-headlines": 8,
    "disclosures": 2,
    "ner-zh": 1,
    "patient-messages": 2,
    "patient-messages-reworded": 1,
    "patient-urgency": 2,
    "patient-urgency-reworded": 1,
    "rule-questions": 1,
    "sentiment-zh": 7,
}
"""Rows whose text was edited since; their readings stay where punctuation or the name of a firm is all that changed.

Reworded were two messages and one question, as their data sheets say.
"""
DIGITS = 12
NAMES = sorted(path.stem for path in FOLDER.glob("*.tsv"))
MENTION = re.compile(r"\[([A-Z]+) ([^\]]*)\]|(\S+)")


def reading(name: str) -> list[tuple[str, str, str, str]]:
    """(row, first, second, digest of the text as it was read)."""
    head, *lines = (FOLDER / f"{name}.tsv").read_text("utf-8").splitlines()
    assert head == "row\tfirst\tsecond\ttext"
    return [(row, first, second, text) for row, first, second, text in (line.split("\t") for line in lines)]


def digest(row: dict[str, Any]) -> str:
    """Of the texts of a row that a model sees: tokens with spaces between them, each text on a line of its own."""
    texts = [row[name] for name in ("context", "question", "text", "text_pair") if name in row]
    texts += [" ".join(row["tokens"])] if "tokens" in row else row.get("choices", [])
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:DIGITS]


def rows_of(name: str) -> dict[str, dict[str, Any]]:
    """The rows of all splits, as they ship, by id."""
    splits = dataset(name.removesuffix("-reworded")).splits
    return {row["id"]: row for table in splits.values() for row in table.to_pylist()}


def marked(sentence: str) -> tuple[list[str], set[tuple[str, int, int]]]:
    """Tokens, and mentions (type, start, end)."""
    tokens: list[str] = []
    found = set()
    for kind, inside, plain in MENTION.findall(sentence):
        start = len(tokens)
        tokens += inside.split() if kind else [plain]
        if kind:
            found.add((kind, start, len(tokens)))
    return tokens, found


def figures(name: str) -> str:
    """The agreement of a reading, in the words of the data sheets."""
    _, first, second, _ = zip(*reading(name), strict=True)
    n = len(first)
    if name in ENTITIES:
        one, two = ({(i, *span) for i, text in enumerate(side) for span in marked(text)[1]} for side in (first, second))
        both = len(one & two)
        share = 200 * both / (len(one) + len(two))
        return f"{both} of {len(one)} mentions agree, the reader set {len(two)}: entity F1 {share:.1f} %"
    agree = sum(a == b for a, b in zip(first, second, strict=True))
    if name != "short-answers":
        kappa = 1.0 if agree == n else cohen_kappa_score(first, second)
        return f"{agree} of {n} agree (Cohen's kappa {kappa:.2f})"
    a, b = np.array(first, float), np.array(second, float)
    kappa = cohen_kappa_score((2 * a).astype(int), (2 * b).astype(int), weights="quadratic", labels=range(11))
    return (
        f"Pearson {np.corrcoef(a, b)[0, 1]:.3f}, quadratic weighted kappa in half points {kappa:.3f}, mean absolute "
        f"difference {np.abs(a - b).mean():.2f} points, {agree} of {n} grades equal"
    )


def test_every_corpus_was_read_twice() -> None:
    assert set(NAMES) - REWORDED == {corpus.task for corpus in CORPORA.values()}


@pytest.mark.parametrize("name", NAMES)
class TestReading:
    def test_it_has_a_hundred_different_rows_of_the_test(self, name: str) -> None:
        rows = [row for row, *_ in reading(name)]
        assert len(set(rows)) == len(rows)
        if name not in REWORDED:
            assert len(rows) >= 100
            known = set(dataset(name).splits["test"]["id"].to_pylist())
            assert set(rows) <= known

    def test_the_data_sheet_says_how_far_the_two_agree(self, name: str) -> None:
        task = name.removesuffix("-reworded")
        folder = next(one.folder or one.task for one in CORPORA.values() if one.task == task)
        sheet = (catalog.CORPORA / folder / "DATASHEET.md").read_text("utf-8")
        assert figures(name) in " ".join(sheet.split())

    def test_the_first_labels_are_those_that_ship(self, name: str) -> None:
        task = name.removesuffix("-reworded")
        own = rows_of(name)
        changed = 0
        for row, first, _, _ in reading(name):
            now = own[row]
            if task in ENTITIES:
                tokens, mentions = marked(first)
                assert len(tokens) == len(now["tokens"])
                changed += mentions != set(spans(now["tags"]))
            elif task == "short-answers":
                changed += float(first) != now["score"]
            elif task == "rule-questions":
                changed += "ABCD"[int(first)] != now["answer"]
            else:
                changed += first != now["label"]
        assert changed == CORRECTED.get(name, 0)

    def test_the_texts_that_ship_are_those_that_were_read(self, name: str) -> None:
        own, found = rows_of(name), reading(name)
        if name in ENTITIES:
            read = [(text, *(digest({"tokens": marked(side)[0]}) for side in sides)) for _, *sides, text in found]
            assert [same for same in read if len(set(same)) > 1] == []
        assert sum(text != digest(own[row]) for row, _, _, text in found) == EDITED.get(name, 0)
