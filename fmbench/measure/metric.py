"""What every metric offers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.stats.intervals import Interval

T = TypeVar("T")


class Counts(NamedTuple):
    """Counts of each item: `array` is int [n_items, n_labels, 3] (true positives, predicted, gold)."""

    labels: tuple[str, ...]
    array: np.ndarray


class Scored(NamedTuple):
    """A score, its 95 % interval, and how many things it is measured on."""

    value: float
    interval: Interval
    n: int


class Sample:
    """Predictions to be scored; what several metrics need of them is made once.

    Args:
        predictions: the table of `predictions_table`, clean rows only.
        labels: label space.
        clusters: a label for each row, of which the rows with the same one depend on each other; or None.
    """

    def __init__(self, predictions: pa.Table, labels: Sequence[str], clusters: Sequence[object] | None = None) -> None:
        self.predictions, self.labels, self.clusters = predictions, labels, clusters
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made at the first call with `key`."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made


class Metric(Protocol):
    """A score of stored predictions; the objects named in the registry METRICS follow this.

    A score is a function of `statistics`: an array with one entry an item, which can be resampled.
    """

    @property
    def name(self) -> str:
        """The field's usual name."""

    @property
    def kinds(self) -> frozenset[str]:
        """Task kinds it is for."""

    @property
    def higher_is_better(self) -> bool: ...

    @property
    def unit(self) -> str: ...

    @property
    def range(self) -> tuple[float, float]: ...

    def chance(self, n_labels: int) -> float:
        """The score of guessing."""

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        """[n_items, ...]: what each row of predictions contributes."""

    def score(self, statistics: np.ndarray) -> float:
        """The score of all items; NaN where it is undefined."""

    def measure(self, sample: Sample) -> Scored:
        """The score with its interval."""

    def beside(self, sample: Sample) -> list[Measurement]:
        """What is reported beside the score, such as precision, recall and F1 by label."""

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        """Bootstrap scores [draws] of the statistics of each run, a draw with the same items or clusters in all."""

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        """Interval of the mean over training seeds, from the statistics of each, over the same items in order."""
