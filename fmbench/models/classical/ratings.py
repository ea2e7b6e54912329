"""Models of ratings: biases of users and items, and factors of what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples


@dataclass(frozen=True)
class Known:
    """Numbers of the users and items of train; others are -1, and get no bias and no factors."""

    users: dict[str, int]
    items: dict[str, int]

    def numbers(self, pairs: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        users = np.array([self.users.get(user, -1) for user, _ in pairs], dtype=np.int64)
        return users, np.array([self.items.get(item, -1) for _, item in pairs], dtype=np.int64)


class BiasModel(Classical):
    """mean + user's bias + item's bias, each shrunk towards 0 (Koren 2010, TKDD 4(1), section 2.1).

    The defaults are Koren's: items first, users on what they leave, once; more sweeps are alternating least squares.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"rating-prediction"})

    class Settings(Spec):
        user_ridge: float = Field(default=10.0, ge=0, description="ratings of bias 0 that are added to each user")
        item_ridge: float = Field(default=25.0, ge=0, description="and to each item")
        sweeps: int = Field(default=1, ge=1, description="over items and users")

    def fit(self, data: Examples, seed: int) -> FittedRatings:
        pairs, ratings = data.inputs(data.train), data.targets(data.train)
        known = Known(*({name: i for i, name in enumerate(dict.fromkeys(p[k] for p in pairs))} for k in (0, 1)))
        users, items = known.numbers(pairs)
        mean = float(ratings.mean())
        of_user, of_item = np.zeros(len(known.users)), np.zeros(len(known.items))
        for _ in range(self.settings.sweeps):
            of_item = _ridge(items, ratings - mean - of_user[users], len(of_item), self.settings.item_ridge)
            of_user = _ridge(users, ratings - mean - of_item[items], len(of_user), self.settings.user_ridge)
        rest = ratings - mean - of_user[users] - of_item[items]
        factors = self.factors(users, items, rest, len(of_user), len(of_item), seed)
        assert data.score_range is not None
        return FittedRatings(known, mean, np.append(of_user, 0.0), np.append(of_item, 0.0), factors, data.score_range)

    def factors(
        self, users: np.ndarray, items: np.ndarray, rest: np.ndarray, n_users: int, n_items: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of users and of items, with a row of zeros for unknown ones: [n + 1, d]."""
        return np.zeros((n_users + 1, 0)), np.zeros((n_items + 1, 0))


class MatrixFactorization(BiasModel):
    """Biases, and the product of d factors for what they leave, by alternating ridge regressions (Zhou et al. 2008)."""

    class Settings(BiasModel.Settings):
        user_ridge: float = Field(default=3.0, ge=0, description="ratings of bias 0 that are added to each user")
        item_ridge: float = Field(default=3.0, ge=0, description="and to each item")
        sweeps: int = Field(default=10, ge=1, description="over items and users, for the biases")
        dimensions: int = Field(default=16, ge=1)
        ridge: float = Field(default=0.1, gt=0, description="times the number of ratings of the user or item")
        rounds: int = Field(default=10, ge=1)

    def factors(
        self, users: np.ndarray, items: np.ndarray, rest: np.ndarray, n_users: int, n_items: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rng, own = np.random.default_rng(seed), self.settings
        of_user = np.zeros((n_users + 1, own.dimensions))
        of_item = rng.normal(0, 0.1, (n_items + 1, own.dimensions))
        of_item[-1] = 0
        for _ in range(own.rounds):
            _solve(of_user, users, of_item, items, rest, own.ridge)
            _solve(of_item, items, of_user, users, rest, own.ridge)
        return of_user, of_item


@dataclass(frozen=True)
class FittedRatings:
    """Arrays end with the entry of unknown users and items, 0; ratings stay within the range of the task."""

    known: Known
    mean: float
    of_user: np.ndarray
    of_item: np.ndarray
    factors: tuple[np.ndarray, np.ndarray]
    range: tuple[float, float]

    @property
    def parameters(self) -> int:
        return 1 + sum(part.size - len(part[-1:].ravel()) for part in (self.of_user, self.of_item, *self.factors))

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """float64 [n, 1]."""
        users, items = self.known.numbers(inputs)
        product = (self.factors[0][users] * self.factors[1][items]).sum(axis=1)
        return np.clip(self.mean + self.of_user[users] + self.of_item[items] + product, *self.range)[:, None]


def _ridge(groups: np.ndarray, values: np.ndarray, n: int, ridge: float) -> np.ndarray:
    """Sum of the values of each group over its size + ridge."""
    counts = np.bincount(groups, minlength=n) + ridge
    return np.asarray(np.bincount(groups, values, minlength=n) / np.maximum(counts, 1e-12))


def _solve(
    into: np.ndarray, rows: np.ndarray, others: np.ndarray, columns: np.ndarray, values: np.ndarray, ridge: float
) -> None:
    """The ridge regression of each row's values on the factors of their columns, in place."""
    order = np.argsort(rows, kind="stable")
    ends = np.cumsum(np.bincount(rows, minlength=len(into)))
    eye = np.eye(into.shape[1])
    for row, (start, end) in enumerate(zip(np.append(0, ends[:-1]), ends, strict=True)):
        if start < end:
            mine = order[start:end]
            x = others[columns[mine]]
            into[row] = np.linalg.solve(x.T @ x + ridge * (end - start) * eye, x.T @ values[mine])
