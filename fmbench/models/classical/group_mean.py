"""The mean of the training targets that share some columns: the weekday-and-hour mean of traffic, for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.errors import CellFailed, nearest
from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.classical.tables import classes_and_rows
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.time_series_forecasting import Window

CALENDAR = ("weekday", "hour")


class GroupMean(Classical):
    """Means (of classes: shares) by columns, of all training rows where a combination is new; for series by step."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "tabular-classification",
            "tabular-regression",
            "time-series-forecasting",
        }
    )

    class Settings(Spec):
        by: list[str] = Field(default=[], description="columns; else weekday and hour, where there are dates")

    def fit(self, data: Examples, seed: int) -> Predicts:
        if data.kind.target == "vector":
            return self._of_series(data)
        rows, targets = classes_and_rows(data, data.train)
        by = self._columns(rows[0].features)
        answers = targets[:, None]
        if data.kind.target == "class":
            answers = np.eye(len(data.outputs))[targets]
        means, overall = _means([tuple(row.features[name] for name in by) for row in rows], answers)

        def predict(inputs: Sequence[Any]) -> np.ndarray:
            return np.stack([means.get(tuple(row.features[name] for name in by), overall) for row in inputs])

        return Predicts(predict, (len(means) + 1) * len(overall))

    def _of_series(self, data: Examples) -> Predicts:
        windows: Sequence[Window] = data.inputs(data.train)
        by = self._columns(windows[0].known)
        horizon = len(data.outputs)

        def keys(window: Window) -> list[tuple[Any, ...]]:
            return [(window.series, *(window.known[name][i] for name in by)) for i in range(horizon)]

        everything = [key for window in windows for key in keys(window)]
        targets = data.targets(data.train).reshape(-1, 1)
        means, overall = _means(everything, targets)
        of_series, _ = _means([(key[0],) for key in everything], targets)

        def predict(inputs: Sequence[Window]) -> np.ndarray:
            found = [means.get(k, of_series.get(k[:1], overall)) for window in inputs for k in keys(window)]
            return np.asarray(found).reshape(len(inputs), horizon)

        return Predicts(predict, len(means) + len(of_series) + 1)

    def _columns(self, known: Mapping[str, Any]) -> list[str]:
        by = self.settings.by or [name for name in CALENDAR if name in known]
        missing = [name for name in by if name not in known]
        if missing:
            hint = nearest(missing[0], known)
            other = f"did you mean {hint!r}?" if hint else f"there are {', '.join(known) or 'none'}"
            raise CellFailed(f"group-mean: no column {missing[0]!r} (settings: by); {other}")
        if not by:
            raise CellFailed(f"group-mean: set `by` in its settings to some of {', '.join(known) or 'the columns'}")
        return by


def _means(
    keys: Sequence[tuple[Any, ...]], targets: np.ndarray
) -> tuple[dict[tuple[Any, ...], np.ndarray], np.ndarray]:
    """The mean of `targets` [n, k] for each key, and of all."""
    numbers: dict[tuple[Any, ...], int] = {}
    index = np.asarray([numbers.setdefault(key, len(numbers)) for key in keys])
    sums = np.zeros((len(numbers), targets.shape[1]))
    np.add.at(sums, index, targets)
    means = sums / np.bincount(index)[:, None]
    return {key: means[i] for key, i in numbers.items()}, targets.mean(axis=0)
