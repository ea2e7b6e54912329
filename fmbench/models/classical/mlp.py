"""A small multilayer perceptron from scratch, for everything that can be written as numbers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.classical.tables import classes_and_rows, over_all_classes
from fmbench.models.classical.views import view_of
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples


class Mlp(Classical):
    """One hidden layer or more, Adam, stopped when the validation rows no longer gain (scikit-learn's network).

    Series are seen as changes from the last value, trajectories from the last position with the heading turned ahead.
    """

    version: ClassVar[int] = 2
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "tabular-classification",
            "tabular-regression",
            "time-series-forecasting",
            "trajectory-forecasting",
            "imitation-control",
        }
    )
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        hidden: list[int] = Field(default=[64, 64], min_length=1, description="units of each hidden layer")
        epochs: int = Field(default=60, ge=1, description="at most")
        patience: int = Field(default=8, ge=1, description="epochs without a gain on the validation rows")
        learning_rate: float = Field(default=1e-3, gt=0)
        batch_size: int = Field(default=128, ge=1)
        l2: float = Field(default=1e-4, ge=0)

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.preprocessing import StandardScaler

        rows, targets = classes_and_rows(data, data.train)
        held, wanted = classes_and_rows(data, data.validation)
        view = view_of(data, rows)
        scale = StandardScaler().fit(view.features(rows))
        x, x_held = scale.transform(view.features(rows)), scale.transform(view.features(held))
        n_outputs = len(data.outputs)
        if data.kind.target == "class":
            network = self._train(x, targets, x_held, wanted, seed, classes=np.unique(targets))

            def probabilities(inputs: Sequence[Any]) -> np.ndarray:
                found = network.predict_proba(scale.transform(view.features(inputs)))
                return over_all_classes(found, network.classes_, n_outputs)

            return Predicts(probabilities, _size(network))
        answers = StandardScaler()
        y = answers.fit_transform(view.seen(rows, targets.reshape(len(rows), -1)))
        y_held = answers.transform(view.seen(held, wanted.reshape(len(held), -1)))
        network = self._train(x, y, x_held, y_held, seed)

        def numbers(inputs: Sequence[Any]) -> np.ndarray:
            found = network.predict(scale.transform(view.features(inputs))).reshape(len(inputs), -1)
            return view.told(inputs, answers.inverse_transform(found))

        return Predicts(numbers, _size(network))

    def _train(
        self, x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray, seed: int, classes: Any = None
    ) -> Any:
        """The network after its best epoch."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        own = self.settings
        network = (MLPRegressor if classes is None else MLPClassifier)(
            hidden_layer_sizes=tuple(own.hidden),
            learning_rate_init=own.learning_rate,
            batch_size=min(own.batch_size, len(x)),
            alpha=own.l2,
            random_state=np.random.RandomState(seed),
        )
        y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
        best, kept, since = np.inf, network, 0
        for _ in range(own.epochs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network.partial_fit(x, y, **({} if classes is None else {"classes": classes}))
            loss = _loss(network, x_held, y_held, classes)
            since += 1
            if loss < best:
                best, kept, since = loss, copy.deepcopy(network), 0
            if since >= own.patience:
                break
        return kept


def _loss(network: Any, x: np.ndarray, y: np.ndarray, classes: Any) -> float:
    if classes is None:
        return float(((network.predict(x).reshape(len(x), -1) - y.reshape(len(x), -1)) ** 2).mean())
    at = np.searchsorted(classes, np.clip(y, classes[0], classes[-1]))
    known = classes[at] == y
    chosen = network.predict_proba(x)[np.arange(len(y)), at]
    return float(-np.log(np.maximum(chosen[known], 1e-12)).mean()) if known.any() else 0.0


def _size(network: Any) -> int:
    return int(sum(part.size for part in [*network.coefs_, *network.intercepts_]))
