"""How far a perturbed example is from what it was, in a unit of each sort of input; 0 if nothing changed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from fmbench.errors import InputError
from fmbench.perturb.examples import Audio, Cell, Events, Example, Image, Path, Row, Series, Text, Tokens


def edit_distance(a: Example, b: Example) -> float:
    """The distance of two examples of one sort.

    Text and tokens: Levenshtein distance in letters, tokens joined by spaces. Events: the same in items. Image: mean
    absolute difference, 0 to 255. Audio: root mean square of the difference over that of `a`, after stretching to one
    length, plus the absolute logarithm of the ratio of lengths. Row: columns that changed their place plus, for every
    column, 1 for another or a missing value and |x - y| / (|x| + |y|) for numbers. Series: mean of |x - y| /
    (|x| + |y|) over points, 1 where one of them is missing. Path: mean distance of the positions over the mean
    distance of those of `a` from their middle, or over 1 where that is 0.

    Raises:
        InputError: examples of different sorts.
    """
    match a, b:
        case Text(), Text():
            return levenshtein(a.text, b.text)
        case Tokens(), Tokens():
            moved = a.tokens == b.tokens and a.tags != b.tags
            return levenshtein("\x1f".join(a.tokens), "\x1f".join(b.tokens)) + moved
        case Events(), Events():
            return levenshtein(a.items, b.items)
        case Image(), Image():
            return float(np.abs(a.array.astype(float) - b.array).mean()) if a.array.size else 0.0
        case Audio(), Audio():
            return _of_audio(a.samples.astype(float), b.samples.astype(float))
        case Row(), Row():
            places = sum(x != y for x, y in zip(a.values, b.values, strict=False))
            return places + sum(_of_cells(value, b.values.get(name)) for name, value in a.values.items())
        case Series(), Series():
            return float(_relative(a.values, b.values).mean()) if a.values.size else 0.0
        case Path(), Path():
            return _of_paths(a.positions, b.positions) if len(a.positions) else 0.0
    raise InputError(f"no distance between {a.modality} and {b.modality}")


def levenshtein(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and replacements from `a` to `b` (Wagner and Fischer 1974), O(len a * len b)."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]


def _of_audio(a: np.ndarray, b: np.ndarray) -> float:
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    n = max(len(a), len(b))
    x, y = (np.interp(np.linspace(0, len(one) - 1, n), np.arange(len(one)), one) for one in (a, b))
    level = float(np.sqrt(np.mean(x**2)))
    return float(np.sqrt(np.mean((x - y) ** 2)) / max(level, 1e-12) + abs(np.log(len(b) / len(a))))


def _of_paths(a: np.ndarray, b: np.ndarray) -> float:
    size = float(np.linalg.norm(a - a.mean(axis=0), axis=1).mean())
    return float(np.linalg.norm(a - b, axis=1).mean() / (size or 1.0))


def _of_cells(a: Cell, b: Cell) -> float:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return float(_relative(np.array(a, float), np.array(b, float))) if numbers else float(a != b)


def _relative(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|x - y| / (|x| + |y|), 0 for equal or both missing, 1 for one missing."""
    size = np.abs(a) + np.abs(b)
    with np.errstate(invalid="ignore"):
        found = np.where(size > 0, np.abs(a - b) / np.where(size > 0, size, 1), 0.0)
    missing_a, missing_b = np.isnan(a), np.isnan(b)
    return np.where(missing_a | missing_b, (missing_a != missing_b).astype(float), found)
