"""The errors of one cell: the worst fifty, fifty at random, and how classes are confused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

SHOWN = 50
MAX_CLASSES = 30


class Twin(NamedTuple):
    """The same example under a perturbation."""

    perturbation: str
    prediction: str


class Wrong(NamedTuple):
    """One example that was predicted wrongly."""

    example_id: str
    text: str
    gold: str
    prediction: str
    badness: float
    twins: tuple[Twin, ...]
    explanation: str


class Errors(NamedTuple):
    """Out of `total` examples `wrong` were wrong; `worst` come by badness, `random` by lot from the others."""

    total: int
    wrong: int
    worst: tuple[Wrong, ...]
    random: tuple[Wrong, ...]


class Confusion(NamedTuple):
    """counts[i][j]: examples of label i that were predicted as label j."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def find_errors(predictions: pa.Table, texts: Mapping[str, Any], seed: int = 0) -> Errors:
    """Errors of stored predictions, clean rows with their perturbed twins.

    Badness is the distance of numbers, the share of wrong entries of lists, and else the confidence in what was wrong.

    Args:
        predictions: the stored table, perturbed rows included.
        texts: example id -> what may be shown of it.
    """
    rows = predictions.to_pylist()
    clean = [row for row in rows if not row["perturbation"]]
    twins: dict[str, list[Twin]] = defaultdict(list)
    for row in rows:
        if row["perturbation"]:
            twins[row["example_id"]].append(Twin(row["perturbation"], brief(row["prediction"])))
    bad = [(badness(row), i) for i, row in enumerate(clean)]
    wrong = sorted(((b, i) for b, i in bad if b > 0), key=lambda pair: (-pair[0], pair[1]))

    def told(chosen: Sequence[tuple[float, int]]) -> tuple[Wrong, ...]:
        return tuple(_told(clean[i], b, texts, tuple(twins[clean[i]["example_id"]])) for b, i in chosen)

    rest = wrong[SHOWN:]
    picked = np.random.default_rng(seed).permutation(len(rest))[:SHOWN]
    return Errors(len(clean), len(wrong), told(wrong[:SHOWN]), told([rest[i] for i in sorted(picked.tolist())]))


def badness(row: Mapping[str, Any]) -> float:
    """How wrong one prediction is: 0 where it is right."""
    gold, prediction, scores = row["gold"], row["prediction"], row["scores"]
    if isinstance(gold, float) and isinstance(prediction, int | float):
        return abs(prediction - gold)
    if gold == prediction or (isinstance(gold, list) and isinstance(prediction, str) and prediction in gold):
        return 0.0
    if isinstance(gold, list) and isinstance(prediction, list):
        if gold and isinstance(gold[0], float):
            return float(np.mean(np.abs(np.subtract(prediction, gold)))) if len(gold) == len(prediction) else 1.0
        if len(gold) == len(prediction):
            return sum(g != p for g, p in zip(gold, prediction, strict=True)) / max(1, len(gold))
        return 1.0
    numbers = [s for s in scores if isinstance(s, float)] if isinstance(scores, list) else []
    return max(numbers, default=1.0) or 1e-9


def confusion(predictions: pa.Table, labels: Sequence[str]) -> Confusion | None:
    """How often each label was taken for each other; None where predictions are no single labels, or of too many."""
    gold, predicted = predictions["gold"].to_pylist(), predictions["prediction"].to_pylist()
    if not gold or not isinstance(gold[0], str) or not isinstance(predicted[0], str):
        return None
    names = list(dict.fromkeys([*labels, *sorted({*gold, *predicted} - set(labels))]))
    if not 1 < len(names) <= MAX_CLASSES:
        return None
    counts = Counter(zip(gold, predicted, strict=True))
    return Confusion(tuple(names), tuple(tuple(counts[g, p] for p in names) for g in names))


def confidences(predictions: pa.Table) -> tuple[np.ndarray, np.ndarray] | None:
    """Confidence in the predicted label and whether it is right, [n] each, where predictions are labels with scores."""
    gold, predicted = predictions["gold"].to_pylist(), predictions["prediction"].to_pylist()
    scores = predictions["scores"].to_pylist()
    if not gold or not isinstance(gold[0], str) or not isinstance(scores[0], list) or len(scores[0]) < 2:
        return None
    sure = np.array([max(one) for one in scores], dtype=np.float64)
    if sure.min() < 0 or sure.max() > 1 + 1e-6:
        return None
    return np.minimum(sure, 1.0), np.array([g == p for g, p in zip(gold, predicted, strict=True)])


def _told(row: Mapping[str, Any], bad: float, texts: Mapping[str, Any], twins: tuple[Twin, ...]) -> Wrong:
    name, gold, prediction = row["example_id"], row["gold"], row["prediction"]
    content = texts.get(name)
    if isinstance(content, list) and isinstance(gold, list) and len(content) == len(gold) == len(prediction):
        off = [i for i, (g, p) in enumerate(zip(gold, prediction, strict=True)) if g != p]
        told = (
            "; ".join(f"{content[i]}: {gold[i]}" for i in off),
            "; ".join(f"{content[i]}: {prediction[i]}" for i in off),
        )
    elif isinstance(gold, list) and isinstance(prediction, list) and len(gold) == len(prediction) and len(gold) > 3:
        off = [i for i, (g, p) in enumerate(zip(gold, prediction, strict=True)) if g != p]
        told = "; ".join(f"{i + 1}: {gold[i]}" for i in off), "; ".join(f"{i + 1}: {prediction[i]}" for i in off)
    else:
        told = brief(gold), brief(prediction)
    joined = " ".join(map(str, content)) if isinstance(content, list) else "" if content is None else str(content)
    return Wrong(name, joined[:2000], told[0][:1000], told[1][:1000], bad, twins, brief(row.get("explanation") or ""))


def brief(value: Any) -> str:
    """A prediction as one short text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 300 else text[:299] + "…"
