"""What one should know of a data set before its scores are believed: sizes, doubles, leaks, noise, chance and power."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fmbench.data.checks import row_hashes
from fmbench.data.dataset import Dataset
from fmbench.data.neighbours import near_pairs
from fmbench.data.rows import SPLITS
from fmbench.registry import KINDS
from fmbench.stats.power import detectable, detectable_discordant
from fmbench.suite.schema import Task

NEAR = 0.8
"""Jaccard similarity of 5-grams from which on two texts count as nearly equal."""
MOST_ROWS = 50_000
"""Label noise is looked for in data sets with fewer rows."""
DISCORDANCE = 0.1
SHOWN = 60


@dataclass(frozen=True)
class Near:
    """A row of one split that stands, or nearly, in train."""

    split: str
    id: str
    train_id: str
    similarity: float
    text: str
    train_text: str


@dataclass(frozen=True)
class Suspect:
    """A training row whose label models that did not see it are sure is another."""

    id: str
    label: str
    suggested: str
    probability: float
    text: str


@dataclass(frozen=True)
class Conflict:
    """Equal inputs with different labels."""

    labels: dict[str, int]
    ids: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Audit:
    """The findings on one task.

    Args:
        classes: split -> label -> rows that have it; empty where targets are not classes.
        lengths: split -> quantiles of the inputs' lengths in words (or tokens, or items), "p0" ... "p100"; none without
            rows.
        doubles: split -> rows that repeat an earlier row of the same split.
        leaks: split -> rows whose inputs also stand in train.
        near: rows of validation and test that nearly stand in train, equal ones not counted.
        chance, majority: accuracy on test of guessing evenly, and of the commonest training label (of tokens: of "O").
        detectable: the smallest difference that the test split shows with a power of 80 %.
        detectable_of: what that difference is of.
        skipped: what was not looked for -> why.
    """

    task: str
    kind: str
    source: str
    fingerprint: str
    notes: tuple[str, ...]
    rows: dict[str, int]
    classes: dict[str, dict[str, int]]
    lengths: dict[str, dict[str, float]]
    doubles: dict[str, int]
    leaks: dict[str, int]
    near: tuple[Near, ...]
    conflicts: tuple[Conflict, ...]
    suspects: tuple[Suspect, ...]
    chance: float | None
    majority: float | None
    detectable: float | None
    detectable_of: str
    skipped: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"schema": "fmbench.audit/1", **asdict(self)}


def audit(task: Task, data: Dataset) -> Audit:
    """Look at the rows of `data`."""
    kind = KINDS[task.spec.kind]
    fields = kind.input_fields
    columns = {split: {n: table[n].to_pylist() for n in ("id", *kind.fields)} for split, table in data.splits.items()}
    texts = {
        split: [_text(row) for row in zip(*(rows[n] for n in fields), strict=True)] for split, rows in columns.items()
    }
    lists = [name for name in fields if _lists(columns["test"][name])]
    measured = lists[0] if lists and kind.readout == "none" else fields[0]
    hashes = {split: row_hashes(rows, fields) for split, rows in columns.items()}
    skipped: dict[str, str] = {}
    near: tuple[Near, ...] = ()
    if kind.readout == "none":
        skipped["near-duplicates"] = "the inputs are no texts"
    else:
        near = _near(columns, texts, hashes)
    classes = {s: _classes(rows[kind.label_field]) for s, rows in columns.items()} if kind.target == "class" else {}
    suspects: tuple[Suspect, ...] = ()
    why = _no_noise(kind, len(texts["train"]))
    if why:
        skipped["label noise"] = why
    else:
        suspects = label_noise(columns["train"]["id"], texts["train"], columns["train"][kind.label_field])
    smallest, of = smallest_difference(kind, columns["test"][kind.label_field])
    if smallest is None or np.isnan(smallest):
        skipped["smallest difference"] = of if smallest is None else f"too few test rows for any ({of})"
        smallest = None
    return Audit(
        task.name,
        kind.name,
        data.source,
        data.fingerprint,
        data.notes,
        data.rows,
        classes,
        {
            split: _quantiles(sizes)
            for split, rows in columns.items()
            if (sizes := [_length(v) for v in rows[measured]])
        },
        {split: len(found) - len(np.unique(found)) for split, found in hashes.items()},
        {split: int(np.isin(hashes[split], hashes["train"]).sum()) for split in ("validation", "test")},
        near,
        conflicts(columns, fields, kind.label_field, hashes, texts),
        suspects,
        1 / len(kind.outputs(data.labels)) if classes and kind.readout != "token" else None,
        _majority(classes, columns["test"][kind.label_field]) if classes else None,
        smallest,
        of,
        skipped,
    )


def conflicts(
    columns: Mapping[str, Mapping[str, Sequence[Any]]],
    fields: Sequence[str],
    label_field: str,
    hashes: Mapping[str, np.ndarray],
    texts: Mapping[str, Sequence[str]],
) -> tuple[Conflict, ...]:
    """Equal inputs of any splits whose labels differ, those with most rows first."""
    groups: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for split in SPLITS:
        for i, value in enumerate(hashes[split].tolist()):
            groups[value].append((split, i))
    found = []
    for rows in groups.values():
        labels = Counter(str(columns[split][label_field][i]) for split, i in rows) if len(rows) > 1 else Counter[str]()
        if len(labels) > 1:
            ids = tuple(f"{split}:{columns[split]['id'][i]}" for split, i in rows)
            found.append(Conflict(dict(labels), ids, _short(texts[rows[0][0]][rows[0][1]])))
    return tuple(sorted(found, key=lambda one: -len(one.ids)))


def label_noise(ids: Sequence[str], texts: Sequence[str], labels: Sequence[str]) -> tuple[Suspect, ...]:
    """Rows whose label is likely wrong, the surest first: confident learning (Northcutt et al. 2021, arXiv 1911.00068).

    Probabilities are those of TF-IDF and logistic regression in five folds, none of which saw the row. A row is suspect
    if the class that is most probable among those above their threshold (the mean probability of the class over the
    rows that are labelled so) is not its label.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    names, given = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    spaceless = sum(text.count(" ") for text in texts) * 20 < sum(map(len, texts))
    grams: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)} if spaceless else {"ngram_range": (1, 2)}
    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, min_df=1 if len(texts) < 1000 else 2, max_features=100_000, **grams),
        LogisticRegression(C=10.0, max_iter=200),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probability = cross_val_predict(model, list(texts), given, cv=folds, method="predict_proba")
    threshold = np.array([probability[given == k, k].mean() for k in range(len(names))])
    confident = np.where(probability >= threshold, probability, -1.0)
    suggested = confident.argmax(axis=1)
    rows = np.flatnonzero((confident.max(axis=1) >= 0) & (suggested != given))
    margin = probability[rows, suggested[rows]] - probability[rows, given[rows]]
    return tuple(
        Suspect(ids[i], str(names[given[i]]), str(names[suggested[i]]), round(float(probability[i, suggested[i]]), 4),
                _short(texts[i]))
        for i in rows[np.argsort(-margin, kind="stable")].tolist()
    )  # fmt: skip


def smallest_difference(kind: Any, gold: Sequence[Any]) -> tuple[float | None, str]:
    """The smallest true difference of two models that a test split shows with 80 % power at 5 %, and what it is of."""
    n = len(gold)
    if kind.target in ("class", "choice") and kind.readout != "token":
        return detectable_discordant(
            n, DISCORDANCE
        ), f"accuracy, if two models disagree on {DISCORDANCE:.0%} of the rows"
    if kind.target == "score":
        return detectable(max(n - 3, 1), 2.0), "Fisher's z of two correlations, taken as independent"
    if kind.readout == "token":
        tokens = sum(len(tags) for tags in gold)
        of = f"token accuracy, if two models disagree on {DISCORDANCE:.0%} of the tokens (which depend on each other)"
        return detectable_discordant(tokens, DISCORDANCE), of
    return None, "not known for this kind of target"


def _near(
    columns: Mapping[str, Any], texts: Mapping[str, Sequence[str]], hashes: Mapping[str, np.ndarray]
) -> tuple[Near, ...]:
    found = []
    for split in ("validation", "test"):
        other = np.flatnonzero(~np.isin(hashes[split], hashes["train"]))
        for i, j, similarity in near_pairs([texts[split][k] for k in other.tolist()], texts["train"], NEAR):
            k = int(other[i])
            found.append(
                Near(split, columns[split]["id"][k], columns["train"]["id"][j], round(similarity, 4),
                     _short(texts[split][k]), _short(texts["train"][j]))
            )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.split, -one.similarity)))


def _no_noise(kind: Any, n: int) -> str | None:
    """Why label noise is not looked for, or None."""
    if kind.readout not in ("sequence", "pair") or kind.target != "class":
        return "only where texts have one class each"
    return f"only below {MOST_ROWS:,} training rows" if n >= MOST_ROWS else None


def _classes(values: Sequence[Any]) -> dict[str, int]:
    """Rows of each label; of tags, entities of each type."""
    flat = [tag[2:] for tags in values for tag in tags if tag[:2] == "B-"] if _lists(values) else list(map(str, values))
    return dict(Counter(flat).most_common())


def _lists(values: Sequence[Any]) -> bool:
    return bool(values) and isinstance(values[0], list)


def _majority(classes: Mapping[str, Mapping[str, int]], gold: Sequence[Any]) -> float:
    if _lists(gold):
        tags = Counter(tag for one in gold for tag in one)
        return tags["O"] / tags.total()
    train = classes["train"]
    return classes["test"].get(max(train, key=train.__getitem__), 0) / len(gold)


def _text(values: Sequence[Any]) -> str:
    """The inputs of a row as one text."""
    return " ".join(" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in values)


def _length(value: Any) -> int:
    return len(value.split()) if isinstance(value, str) else len(value) if hasattr(value, "__len__") else 1


def _quantiles(values: Sequence[int]) -> dict[str, float]:
    return {f"p{q}": float(np.quantile(values, q / 100, method="lower")) for q in (0, 5, 50, 95, 100)}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
