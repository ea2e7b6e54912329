"""Windows of series as the arrays that a forecasting network reads, and its answers in the unit of the series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fmbench.models.classical.series import KnownColumns, pasts
from fmbench.tasks.time_series_forecasting import Window

Normalise = Literal["series", "window"]
FLAT = 0.05
"""Share of the training values' deviation by which that of a window is raised, so that a flat one is not blown up."""


@dataclass(frozen=True)
class Windows:
    """n windows, normalised.

    Args:
        past: float32 [n, context].
        known: float32 [n, horizon, k]: categories one-hot, numbers standardised, 0 where one is missing or new.
        series: int64 [n], 0 for a series that was not among the training windows.
        level: float32 [n, 2], what normalising took away: mean, and logarithm of the deviation, beside the training's.
        centre, scale: float64 [n, 1].
    """

    past: np.ndarray
    known: np.ndarray
    series: np.ndarray
    level: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.past)

    def take(self, index: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arguments of the network for the windows `index`."""
        return self.past[index], self.known[index], self.series[index], self.level[index]

    def normalised(self, values: np.ndarray) -> np.ndarray:
        """[n, horizon] in the unit of the series -> float32."""
        return ((values - self.centre) / self.scale).astype(np.float32)

    def restored(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `normalised`, float64."""
        return np.asarray(values.astype(np.float64) * self.scale + self.centre)


class WindowReader:
    """Reads windows as the training windows say; from the validation windows it learns only what will be new.

    A series has a vector of its own if the validation windows go on with series of the training windows, and a column
    of categories is read unless most of the validation windows' are new, as the month may be.

    Args:
        train, validation: windows.
        normalise: by mean and deviation of the series in training (of all of them for a new one), or of each window.
    """

    def __init__(self, train: Sequence[Window], validation: Sequence[Window], normalise: Normalise) -> None:
        self.normalise = normalise
        past = pasts(train)
        self.overall = (float(past.mean()), float(past.std()) or 1.0)
        names = sorted({window.series for window in train})
        goes_on = len(names) > 1 and any(window.series in names for window in validation)
        self.series = {name: i for i, name in enumerate(names, 1)} if goes_on else {}
        self.own: dict[str, tuple[float, float]] = {}
        of = np.array([self.series.get(window.series, 0) for window in train])
        for name, i in self.series.items():
            self.own[name] = (float(past[of == i].mean()), float(past[of == i].std()) or self.overall[1])
        self.known = KnownColumns(train)
        learned, held = self.known.numbers(train), self.known.numbers(validation)
        self.columns: dict[str, int] = {}
        """Columns that are read, and where each begins in `Windows.known`."""
        self.moments: dict[str, tuple[float, float]] = {}
        self.n_known = 0
        for i, (name, codes) in enumerate(self.known.codes.items()):
            if codes and np.isnan(held[..., i]).mean() > 0.5:
                continue
            self.columns[name] = self.n_known
            self.n_known += len(codes) if codes else 1
            if not codes:
                there = learned[..., i][~np.isnan(learned[..., i])]
                self.moments[name] = (float(there.mean()), float(there.std()) or 1.0) if there.size else (0.0, 1.0)

    @property
    def column_of(self) -> np.ndarray:
        """int64 [k]: the number of the column that each entry of `Windows.known` comes from."""
        edges = [*self.columns.values(), self.n_known]
        return np.repeat(np.arange(len(self.columns)), np.diff(edges)).astype(np.int64)

    def __call__(self, inputs: Sequence[Window]) -> Windows:
        past = pasts(inputs)
        if self.normalise == "window":
            centre = past.mean(axis=1, keepdims=True)
            scale = np.sqrt(past.var(axis=1, keepdims=True) + (FLAT * self.overall[1]) ** 2)
        else:
            own = np.array([self.own.get(window.series, self.overall) for window in inputs])
            centre, scale = own[:, :1], own[:, 1:]
        mean, deviation = self.overall
        level = np.concatenate([(centre - mean) / deviation, np.log(scale / deviation)], axis=1).astype(np.float32)
        series = np.array([self.series.get(window.series, 0) for window in inputs], dtype=np.int64)
        normal = ((past - centre) / scale).astype(np.float32)
        return Windows(normal, self._known(inputs), series, level, centre, scale)

    def _known(self, inputs: Sequence[Window]) -> np.ndarray:
        if not self.columns:
            return np.zeros((len(inputs), 1, 0), dtype=np.float32)
        numbers = self.known.numbers(inputs)
        found = np.zeros((*numbers.shape[:2], self.n_known), dtype=np.float32)
        for i, (name, codes) in enumerate(self.known.codes.items()):
            if name not in self.columns:
                continue
            start, column = self.columns[name], numbers[..., i]
            if codes:
                found[..., start : start + len(codes)] = column[..., None] == np.arange(len(codes))
            else:
                mean, deviation = self.moments[name]
                found[..., start] = np.nan_to_num((column - mean) / deviation)
        return found
