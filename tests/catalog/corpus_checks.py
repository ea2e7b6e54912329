"""What every corpus that ships is measured by: its texts, how varied they are, and what their surface gives away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench import catalog
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.neighbours import near_pairs
from fmbench.suite.loader import load_task
from fmbench.suite.schema import Task
from fmbench.tasks.tags import spans

MARKS = ".,;:!?\"'-()/，。、；：？！“”《》…（）"
ENDS = re.compile(r"[.!?。！？…]+")
FINAL = ".!?\"'”)。！？…"


@dataclass(frozen=True)
class Corpus:
    """One task over a corpus, the texts of it that are checked, and its limits.

    Args:
        task: name in the catalog.
        field: column of the texts; tokens are joined.
        rows: there are at least so many texts.
        distinct: among the first 5,000 pieces of train (see `pieces`) at least so many are different.
        trigrams: of all runs of three pieces at least this share is different.
        surface: what a model of position, length and punctuation reaches at most (see `surface_score`), just above what
            it does reach; None where the texts are not what the target hangs on.
        folder: of the corpus, if it is not the name of the task.
        headings: of the data sheet beyond those that all have.
        once: rows of one value in this column tell the same, and are compared as one.
    """

    task: str
    field: str
    rows: int
    distinct: int
    trigrams: float
    surface: float | None
    folder: str = ""
    headings: tuple[str, ...] = ()
    once: str | None = None


CORPORA = {
    "ner-news": Corpus("ner-news", "tokens", 900, 2000, 0.97, 0.417),
    "sentiment-reviews": Corpus("sentiment-reviews", "text", 1200, 1400, 0.93, 0.444, headings=("Evidence words",)),
    "company-headlines": Corpus("company-headlines", "text", 500, 1900, 0.97, 0.395, once="pair"),
    "disclosures": Corpus("disclosures", "tokens", 400, 1250, 0.97, 0.36),
    "short-answers": Corpus("short-answers", "text_pair", 500, 1250, 0.93, 0.177),
    "incident-reports": Corpus("incident-reports", "text", 700, 1350, 0.93, 0.24),
    "clinical-notes": Corpus("clinical-notes", "tokens", 600, 1600, 0.97, 0.378),
    "patient-messages": Corpus("patient-messages", "text", 600, 1250, 0.90, 0.195),
    "patient-urgency": Corpus("patient-urgency", "text", 600, 1250, 0.90, 0.432, folder="patient-messages"),
    "passenger-commands": Corpus("passenger-commands", "text", 400, 1000, 0.92, 0.184),
    "command-object": Corpus("command-object", "text", 400, 1000, 0.92, 0.188, folder="passenger-commands"),
    "rule-questions": Corpus("rule-questions", "question", 400, 950, 0.97, 0.277),
    "rules": Corpus("rule-questions", "context", 100, 850, 0.96, None),
    "ner-zh": Corpus("ner-zh", "tokens", 480, 3900, 0.98, 0.452),
    "sentiment-zh": Corpus("sentiment-zh", "text", 480, 3500, 0.97, 0.439),
}


@cache
def task(name: str) -> Task:
    return load_task(catalog.files("tasks")[name])


@cache
def dataset(name: str) -> Dataset:
    """The rows of a task of the catalog."""
    return load_dataset(task(name))


def chinese(name: str) -> bool:
    return task(name).spec.language == "zh"


@cache
def texts(corpus: Corpus) -> dict[str, list[str]]:
    """Split -> its different texts; tokens with spaces between them, but in Chinese without."""
    found = {}
    for split, table in dataset(corpus.task).splits.items():
        values = table[corpus.field].to_pylist()
        if corpus.once is not None:
            values = list(dict(zip(table[corpus.once].to_pylist(), values, strict=True)).values())
        blank = "" if chinese(corpus.task) else " "
        found[split] = [one if isinstance(one, str) else blank.join(one) for one in values]
    return {split: list(dict.fromkeys(own)) if corpus.field == "context" else own for split, own in found.items()}


def every(corpus: Corpus) -> list[str]:
    return [text for split in texts(corpus).values() for text in split]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def pieces(corpus: Corpus, text: str) -> list[str]:
    """The words of a text; in Chinese its pairs of neighbouring characters."""
    return [text[i : i + 2] for i in range(len(text) - 1)] if chinese(corpus.task) else words(text)


def runs(parts: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(parts[i:] for i in range(n)), strict=False))


def leaks(corpus: Corpus, text: str) -> set[tuple[str, ...]]:
    """What another split should not share with a text: runs of five words, or of eight characters in Chinese."""
    return set(runs(text, 8) if chinese(corpus.task) else runs(words(text), 5))


def near_duplicates(found: Sequence[str], at_least: float = 0.6) -> list[tuple[str, str]]:
    """Pairs of texts whose sets of 5-grams of characters are that similar (Jaccard)."""
    if len(found) < 2:
        return []
    left, right = found[: len(found) // 2], found[len(found) // 2 :]
    across = [(left[i], right[j]) for i, j, _ in near_pairs(left, right, at_least)]
    return across + near_duplicates(left, at_least) + near_duplicates(right, at_least)


def mentions(name: str, split: str) -> list[tuple[str, str]]:
    """(type, string) of each mention of a task of entities."""
    blank = "" if chinese(name) else " "
    rows = dataset(name).splits[split].to_pylist()
    return [(kind, blank.join(row["tokens"][a:b])) for row in rows for kind, a, b in spans(row["tags"])]


def shape(text: str) -> list[float]:
    """Length and punctuation of a text, and no word of it."""
    n, ends = len(text.split()), len(ENDS.findall(text))
    sizes = [len(text), n, len(text) / n, ends, n / max(1, ends), len(text) / max(1, ends)]
    return [*map(float, sizes), *(float(text.count(mark)) for mark in MARKS), float(text[-1] not in FINAL)]


def surface(text: str) -> list[float]:
    """Length, punctuation, digits and capitals of a text, and no word of it."""
    capitals = sum(c.isupper() for c in text)
    style = [capitals, capitals / len(text), len(re.findall(r"\b[A-Z]{2,}\b", text)), text[0].islower()]
    letters = [sum(c.isascii() and c.isalpha() for c in text), sum(c.isdigit() for c in text)]
    return [*shape(text), *map(float, (*style, *letters, sum(0x2190 < ord(c) < 0x3000 for c in text)))]


@cache
def surface_score(corpus: Corpus) -> float:
    """What a linear model of the surface, fitted on train and validation, reaches in the test.

    Classes: accuracy, in five-fold cross-validation over all splits. Scores: Spearman's correlation. Entities: accuracy
    of the type of a mention, out of where it stands and the length and punctuation of its sentence. Choices: accuracy
    of the option that looks rightest, out of its place and its surface against the mean of the row's options.
    """
    kind = task(corpus.task).spec.kind
    splits = {split: table.to_pylist() for split, table in dataset(corpus.task).splits.items()}
    seen, unseen = splits["train"] + splits["validation"], splits["test"]
    if kind == "token-classification":
        return _linear().fit(*_placed(seen)).score(*_placed(unseen))
    if kind == "multiple-choice":
        model = _linear().fit([x for row in seen for x in _options(row)], [y for row in seen for y in _right(row)])
        best = [int(model.decision_function(_options(row)).argmax()) for row in unseen]
        return float(np.mean([_right(row)[at] for row, at in zip(unseen, best, strict=True)]))
    features = [[surface(row[corpus.field]) for row in rows] for rows in (seen, unseen)]
    if kind == "text-regression":
        model = make_pipeline(StandardScaler(), Ridge()).fit(features[0], [row["score"] for row in seen])
        return float(spearmanr(model.predict(features[1]), [row["score"] for row in unseen])[0])
    labels = [row["label"] for row in seen + unseen]
    return float(cross_val_score(_linear(), features[0] + features[1], labels, cv=5).mean())


def surface_chance(corpus: Corpus) -> float:
    """What `surface_score` is without any surface.

    The share of the commonest class of all splits, or of the commonest type of the test's mentions; 0.25 for a choice
    out of four, 0 for a correlation.
    """
    kind = task(corpus.task).spec.kind
    if kind == "text-regression":
        return 0.0
    if kind == "multiple-choice":
        return 0.25
    if kind == "token-classification":
        counts = Counter(one for one, _ in mentions(corpus.task, "test"))
    else:
        counts = Counter(
            label for table in dataset(corpus.task).splits.values() for label in table["label"].to_pylist()
        )
    return max(counts.values()) / counts.total()


def _linear() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=3000))


def _placed(rows: Iterable[dict[str, Any]]) -> tuple[list[list[float]], list[str]]:
    """Place of each mention with the shape of its sentence, and its type."""
    found = [
        ([start, len(row["tokens"]) - start, start / len(row["tokens"]), *shape(" ".join(row["tokens"]))], kind)
        for row in rows
        for kind, start, _ in spans(row["tags"])
    ]
    return [features for features, _ in found], [kind for _, kind in found]


def _options(row: dict[str, Any]) -> list[list[float]]:
    looks = np.array([surface(choice) for choice in row["choices"]])
    return np.hstack([looks - looks.mean(0), np.eye(len(looks))]).tolist()


def _right(row: dict[str, Any]) -> list[bool]:
    return [letter == row["answer"] for letter in "ABCDEFGHIJ"[: len(row["choices"])]]
