"""Ridge regression of several numbers at once: forecasts, paths and actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.classical.views import view_of
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples


class RidgeRegression(Classical):
    """Linear in what is known, as the view of the kind sees it; the validation rows choose the penalty.

    Series: one model for all, of the changes from the last value on those before it and on what is known of the first
    step to come. Trajectories: from the last position, with the heading turned ahead.
    """

    version: ClassVar[int] = 2
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "time-series-forecasting",
            "trajectory-forecasting",
            "imitation-control",
        }
    )
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        alphas: list[float] = Field(default=[0.1, 10.0, 1000.0], min_length=1, description="penalties to choose from")

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import StandardScaler

        train, held = data.inputs(data.train), data.inputs(data.validation)
        view = view_of(data, train)
        scale = StandardScaler().fit(view.features(train))
        x, x_held = scale.transform(view.features(train)), scale.transform(view.features(held))
        y, y_held = view.seen(train, data.targets(data.train)), view.seen(held, data.targets(data.validation))
        models = [Ridge(alpha=alpha).fit(x, y) for alpha in self.settings.alphas]
        errors = [((model.predict(x_held).reshape(y_held.shape) - y_held) ** 2).mean() for model in models]
        best = models[int(np.argmin(errors))]
        n_outputs = y.shape[1]

        def predict(inputs: Sequence[Any]) -> np.ndarray:
            found = best.predict(scale.transform(view.features(inputs))).reshape(-1, n_outputs)
            return view.told(inputs, found)

        return Predicts(predict, int(best.coef_.size + np.size(best.intercept_)))
