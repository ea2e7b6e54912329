"""Classical models of tables: linear models on one-hot columns, gradient boosting, means by groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.classical.series import tree_nodes
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import IGNORED
from fmbench.tasks.tables import Row

KINDS = frozenset(
    {
        "tabular-classification",
        "tabular-regression",
    }
)
MOST_CATEGORIES = 200


class TableNumbers:
    """Rows as numbers: numeric columns as they are, categories one-hot or as codes; learned from training rows.

    Args:
        rows: training rows; a column is numeric if all of its values there are.
        one_hot: categories one-hot and numbers standardised with missing ones at the mean and marked; else categories
            as codes, the rarest beyond 200 together, and missing values as NaN.
    """

    def __init__(self, rows: Sequence[Row], one_hot: bool) -> None:
        self.one_hot = one_hot
        self.names = list(rows[0].features)
        self.categories: dict[str, list[str]] = {}
        for name in self.names:
            values = [row.features[name] for row in rows]
            texts = [value for value in values if isinstance(value, str)]
            if texts:
                counts: dict[str, int] = {}
                for text in texts:
                    counts[text] = counts.get(text, 0) + 1
                by_count = sorted(counts, key=lambda text: (-counts[text], text))
                self.categories[name] = by_count if one_hot else by_count[:MOST_CATEGORIES]
        numbers = self._numbers(rows)
        self.known = ~np.isnan(numbers)
        filled = np.where(self.known, numbers, 0.0)
        count = np.maximum(self.known.sum(axis=0), 1)
        self.mean = filled.sum(axis=0) / count
        spread = np.sqrt((np.where(self.known, numbers - self.mean, 0.0) ** 2).sum(axis=0) / count)
        self.scale = np.where(spread > 0, spread, 1.0)
        self.gaps = ~self.known.all(axis=0)

    @property
    def categorical(self) -> list[bool]:
        """Which columns of the codes are categories."""
        numeric = [name for name in self.names if name not in self.categories]
        return [False] * len(numeric) + [True] * len(self.categories)

    def __call__(self, rows: Sequence[Row]) -> np.ndarray:
        """float64 [n, k]."""
        numbers = self._numbers(rows)
        if not self.one_hot:
            codes = [self._codes(rows, name) for name in self.categories]
            return np.concatenate([numbers, *(code[:, None] for code in codes)], axis=1)
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.scale)
        parts = [scaled, missing[:, self.gaps]]
        for name, known in self.categories.items():
            parts.append(self._codes(rows, name)[:, None] == np.arange(len(known)))
        return np.concatenate(parts, axis=1).astype(np.float64)

    def _numbers(self, rows: Sequence[Row]) -> np.ndarray:
        names = [name for name in self.names if name not in self.categories]
        found = [[_number(row.features.get(name)) for name in names] for row in rows]
        return np.asarray(found, dtype=np.float64).reshape(len(rows), len(names))

    def _codes(self, rows: Sequence[Row], name: str) -> np.ndarray:
        """float64 [n]: the place of each value among the known ones, NaN if it is missing or new."""
        at = {text: i for i, text in enumerate(self.categories[name])}
        return np.asarray([at.get(str(row.features.get(name)), np.nan) for row in rows], dtype=np.float64)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def classes_and_rows(data: Examples, table: Any) -> tuple[list[Any], np.ndarray]:
    """Inputs and targets without the rows whose label is none of the classes."""
    inputs, targets = data.inputs(table), data.targets(table)
    if data.kind.target != "class":
        return list(inputs), targets
    kept = np.flatnonzero(targets != IGNORED)
    return [inputs[int(i)] for i in kept], targets[kept]


def over_all_classes(found: np.ndarray, classes: np.ndarray, n_outputs: int) -> np.ndarray:
    """Probabilities of the classes that were seen, [n, seen] -> [n, n_outputs]."""
    scores = np.zeros((len(found), n_outputs))
    scores[:, classes] = found
    return scores


class TableLogreg(Classical):
    """Standardised numbers and one-hot categories, then logistic regression, or ridge regression for scores."""

    kinds: ClassVar[frozenset[str]] = KINDS
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        C: float = Field(default=1.0, gt=0, description="inverse regularisation strength")

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.linear_model import LogisticRegression, Ridge

        rows, targets = classes_and_rows(data, data.train)
        numbers = TableNumbers(rows, one_hot=True)
        x, n_outputs, strength = numbers(rows), len(data.outputs), self.settings.C
        if data.kind.target == "score":
            ridge = Ridge(alpha=1 / strength).fit(x, targets)
            return Predicts(lambda inputs: ridge.predict(numbers(inputs)).reshape(-1, 1), ridge.coef_.size + 1)
        model = LogisticRegression(C=strength, max_iter=2000, random_state=seed).fit(x, targets)

        def predict(inputs: Sequence[Row]) -> np.ndarray:
            return over_all_classes(model.predict_proba(numbers(inputs)), model.classes_, n_outputs)

        return Predicts(predict, int(model.coef_.size + model.intercept_.size))


class GradientBoosting(Classical):
    """Histogram gradient boosting with categories as such; the validation rows say when to stop."""

    kinds: ClassVar[frozenset[str]] = KINDS
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        trees: int = Field(default=500, ge=1, description="at most, for each class")
        learning_rate: float = Field(default=0.1, gt=0)
        leaves: int = Field(default=31, ge=2, description="of a tree, at most")
        leaf_rows: int = Field(default=20, ge=1, description="training rows of a leaf, at least")
        l2: float = Field(default=0.0, ge=0, description="penalty on the values of leaves")
        patience: int = Field(default=20, ge=1, description="trees without a gain on the validation rows")

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        own, is_score = self.settings, data.kind.target == "score"
        rows, targets = classes_and_rows(data, data.train)
        numbers = TableNumbers(rows, one_hot=False)
        seen, wanted = classes_and_rows(data, data.validation)
        known = np.arange(len(wanted)) if is_score else np.flatnonzero(np.isin(wanted, targets))
        stopping = {"X_val": numbers(seen)[known], "y_val": wanted[known]} if len(known) else {}
        model = (HistGradientBoostingRegressor if is_score else HistGradientBoostingClassifier)(
            max_iter=own.trees,
            learning_rate=own.learning_rate,
            max_leaf_nodes=own.leaves,
            min_samples_leaf=own.leaf_rows,
            l2_regularization=own.l2,
            n_iter_no_change=own.patience,
            early_stopping=bool(stopping),
            categorical_features=numbers.categorical,
            random_state=seed,
        ).fit(numbers(rows), targets, **stopping)
        if is_score:
            return Predicts(lambda inputs: model.predict(numbers(inputs)).reshape(-1, 1), tree_nodes(model))
        n_outputs = len(data.outputs)

        def predict(inputs: Sequence[Row]) -> np.ndarray:
            return over_all_classes(model.predict_proba(numbers(inputs)), model.classes_, n_outputs)

        return Predicts(predict, tree_nodes(model))
