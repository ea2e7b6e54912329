"""Classical forecasts of series: persistence, the last season, and trees on lags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.classical.classical import Classical, Predicts
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.time_series_forecasting import Window

KINDS = frozenset({"time-series-forecasting"})


def pasts(inputs: Sequence[Window]) -> np.ndarray:
    """float64 [n, context]."""
    return np.stack([window.past for window in inputs])


class Naive(Classical):
    """Persistence: the last value for every step."""

    kinds: ClassVar[frozenset[str]] = KINDS

    def fit(self, data: Examples, seed: int) -> Predicts:
        horizon = len(data.outputs)
        return Predicts(lambda inputs: np.repeat(pasts(inputs)[:, -1:], horizon, axis=1))


class SeasonalNaive(Classical):
    """The values of one season before."""

    kinds: ClassVar[frozenset[str]] = KINDS

    class Settings(Spec):
        season: int = Field(default=24, ge=1, description="steps of a season; not longer than the task's context")

    def fit(self, data: Examples, seed: int) -> Predicts:
        season = self.settings.season
        context = len(data.inputs(data.validation)[0].past)
        if season > context:
            raise CellFailed(
                f"seasonal-naive: a season of {season} steps is longer than the context of {context} steps "
                "(settings: {season: ...}, or the task's options: {context: ...})"
            )
        at = np.arange(len(data.outputs)) % season - season
        return Predicts(lambda inputs: pasts(inputs)[:, at])


class LagBoosting(Classical):
    """Gradient boosting of the change from the last value, one for all series and steps; the step is a feature.

    Stops when the validation windows no longer gain.
    """

    kinds: ClassVar[frozenset[str]] = KINDS
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        trees: int = Field(default=300, ge=1, description="at most")
        learning_rate: float = Field(default=0.1, gt=0)
        rows: int = Field(default=200_000, ge=1, description="pairs of window and step to learn from, at most")

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.ensemble import HistGradientBoostingRegressor

        train, validation = data.inputs(data.train), data.inputs(data.validation)
        known = KnownColumns(train)
        horizon = len(data.outputs)
        rng = np.random.default_rng(seed)

        def rows(inputs: Sequence[Window], targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            pairs = rng.permutation(len(inputs) * horizon)[: self.settings.rows]
            chosen, step = np.divmod(np.sort(pairs), horizon)
            change = targets[chosen, step] - pasts(inputs)[chosen, -1]
            return step_features(inputs, known, chosen, step), change

        x, y = rows(train, data.targets(data.train))
        seen, wanted = rows(validation, data.targets(data.validation))
        model = HistGradientBoostingRegressor(
            max_iter=self.settings.trees,
            learning_rate=self.settings.learning_rate,
            early_stopping=True,
            random_state=seed,
        ).fit(x, y, X_val=seen, y_val=wanted)

        def predict(inputs: Sequence[Window]) -> np.ndarray:
            chosen, step = (part.ravel() for part in np.indices((len(inputs), horizon)))
            change = model.predict(step_features(inputs, known, chosen, step)).reshape(len(inputs), horizon)
            return np.asarray(pasts(inputs)[:, -1:] + change)

        return Predicts(predict, tree_nodes(model))


class KnownColumns:
    """What is known of the steps to forecast as numbers: categories by their place in the alphabet.

    Args:
        inputs: training windows, which say what there is.
    """

    def __init__(self, inputs: Sequence[Window]) -> None:
        self.codes: dict[str, dict[Any, int] | None] = {}
        for name in inputs[0].known:
            values = {value for window in inputs for value in window.known[name]}
            texts = sorted(value for value in values if isinstance(value, str))
            self.codes[name] = {text: i for i, text in enumerate(texts)} if texts else None

    def numbers(self, inputs: Sequence[Window]) -> np.ndarray:
        """float64 [n, horizon, columns], NaN where a value is missing or new."""
        columns = [[[self._number(name, value) for value in w.known[name]] for w in inputs] for name in self.codes]
        return np.moveaxis(np.asarray(columns, dtype=np.float64), 0, -1)

    def one_hot(self, inputs: Sequence[Window]) -> np.ndarray:
        """float64 [n, k] of the first step to forecast: categories one-hot, numbers as they are, 0 if missing."""
        parts = []
        first = self.numbers(inputs)[:, 0]
        for i, codes in enumerate(self.codes.values()):
            column = first[:, i]
            parts.append(column[:, None] == np.arange(len(codes)) if codes else np.nan_to_num(column)[:, None])
        return np.concatenate(parts, axis=1).astype(np.float64)

    def _number(self, name: str, value: Any) -> float:
        codes = self.codes[name]
        found = value if codes is None else codes.get(value)
        return np.nan if found is None else float(found)


def lag_features(inputs: Sequence[Window], known: KnownColumns | None) -> np.ndarray:
    """float64 [n, context + k]: the last value, the others less it, and what is known of the first step."""
    past = pasts(inputs)
    lags = np.concatenate([past[:, -1:], past[:, :-1] - past[:, -1:]], axis=1)
    return np.concatenate([lags, known.one_hot(inputs)], axis=1) if known is not None and known.codes else lags


def step_features(inputs: Sequence[Window], known: KnownColumns, chosen: np.ndarray, step: np.ndarray) -> np.ndarray:
    """float64 [pairs, context + 1 + k]: lags of the chosen windows, the step, and what is known of it."""
    lags = lag_features(inputs, None)
    parts = [lags[chosen], step[:, None].astype(np.float64)]
    if known.codes:
        parts.append(known.numbers(inputs)[chosen, step])
    return np.concatenate(parts, axis=1)


def tree_nodes(model: Any) -> int:
    """Nodes of all trees of a histogram gradient boosting, each a threshold or a value."""
    return sum(len(tree.nodes) for trees in model._predictors for tree in trees)
