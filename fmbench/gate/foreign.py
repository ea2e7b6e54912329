"""Metrics of other libraries in the gate: their pairs of gold and prediction as numbers, and as text in a baseline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fmbench.measure.foreign import Foreign
from fmbench.measure.metric import Metric


@dataclass(frozen=True)
class Coded:
    """A metric of another library whose statistics are int [n]: which of the distinct pairs each item has.

    Scores of resampled and exchanged items take as long as there are distinct pairs, few where targets are labels.
    """

    metric: Foreign
    gold: list[Any] = field(repr=False)
    predicted: list[Any] = field(repr=False)

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def unit(self) -> str:
        return self.metric.unit

    @property
    def range(self) -> tuple[float, float]:
        return self.metric.range

    @property
    def higher_is_better(self) -> bool:
        return self.metric.higher_is_better

    def score(self, codes: np.ndarray) -> float:
        """NaN where the library has no score of these items."""
        counts = np.bincount(codes, minlength=len(self.gold)).astype(np.float64)
        kept = np.flatnonzero(counts)
        gold, predicted = ([side[i] for i in kept] for side in (self.gold, self.predicted))
        try:
            return float(self.metric.function(gold, predicted, counts[kept]))
        except (ArithmeticError, ValueError):
            return float("nan")

    def answers(self, codes: np.ndarray) -> np.ndarray:
        """Predictions [n] as numbers whose distances say how alike two runs answer: themselves, or a code each."""
        if all(isinstance(one, float) for one in self.predicted):
            return np.array(self.predicted)[codes]
        places: dict[str, int] = {}
        found: np.ndarray = np.array([places.setdefault(repr(one), len(places)) for one in self.predicted])[codes]
        return found


def coded(metric: Foreign, runs: Sequence[np.ndarray]) -> tuple[Metric, list[np.ndarray]]:
    """The metric over codes, and the codes [n] of each of `runs`, objects [n, 2]."""
    places: dict[tuple[str, str], int] = {}
    pairs: list[tuple[Any, Any]] = []
    found = []
    for run in runs:
        codes = np.empty(len(run), dtype=np.int64)
        for row, (gold, predicted) in enumerate(run.tolist()):
            key = (repr(gold), repr(predicted))
            if key not in places:
                places[key] = len(pairs)
                pairs.append((gold, predicted))
            codes[row] = places[key]
        found.append(codes)
    return Coded(metric, [one for one, _ in pairs], [one for _, one in pairs]), found  # type: ignore[return-value]


def to_numbers(statistics: np.ndarray) -> tuple[np.ndarray, list[object] | None]:
    """Objects [n, 2] as an array that can be packed, and the texts that it counts in; None where they are numbers."""
    values = statistics.ravel().tolist()
    for sort in (int, float):
        if all(type(one) is sort for one in values):
            return statistics.astype(sort), None
    texts = sorted({json.dumps(one) for one in values})
    places = {text: place for place, text in enumerate(texts)}
    numbers = np.array([places[json.dumps(one)] for one in values], dtype=np.int64)
    return numbers.reshape(statistics.shape), list(texts)


def from_numbers(numbers: np.ndarray, texts: Sequence[str | None] | None) -> np.ndarray:
    """What `to_numbers` was given."""
    values = None if texts is None else [json.loads(one or "null") for one in texts]
    found = np.empty(numbers.shape, dtype=object)
    for place, one in np.ndenumerate(numbers):
        found[place] = one.item() if values is None else values[one]
    return found
