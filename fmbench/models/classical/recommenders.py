"""Recommenders without gradients: random, popularity, item neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.models.loader import Identity
from fmbench.models.ranking import Ranker, item_ranker, n_items, sequences
from fmbench.suite.schema import Model, Spec
from fmbench.tasks.examples import Examples

RECOMMENDATION = frozenset({"sequential-recommendation", "sampled-recommendation"})


class Recommender:
    """What the loaders of this file share."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"
    kinds: ClassVar[frozenset[str]] = RECOMMENDATION

    class Settings(Spec):
        pass

    def __init__(self, settings: Any = None) -> None:
        self.settings = settings

    @staticmethod
    def check(model: Model) -> list[str]:
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        return Identity("fmbench")

    @classmethod
    def load(cls, model: Model) -> Recommender:
        return cls(model.settings)


@dataclass(frozen=True)
class FittedRecommender:
    """Scores of inputs [user, history], float [n, n_items], and how they become a ranking."""

    score: Callable[[Sequence[Any]], np.ndarray]
    ranker: Ranker
    parameters: int = 0

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """int64 [n, 100]."""
        return self.ranker.rank(self.score, inputs)


class RandomRanking(Recommender):
    """Any order, another for every input: the level of chance."""

    def fit(self, data: Examples, seed: int) -> FittedRecommender:
        import zlib

        size = n_items(data)

        def score(inputs: Sequence[Any]) -> np.ndarray:
            own = [np.random.default_rng([seed, zlib.crc32(str(one[:2]).encode())]) for one in inputs]
            return np.stack([rng.random(size, dtype=np.float32) for rng in own])

        return FittedRecommender(score, item_ranker(data))


class Popularity(Recommender):
    """The same for all: the items that were taken most often in train."""

    def fit(self, data: Examples, seed: int) -> FittedRecommender:
        counts = np.bincount([item for one in sequences(data) for item in one], minlength=n_items(data))
        row = counts.astype(np.float32)
        return FittedRecommender(
            lambda inputs: np.broadcast_to(row, (len(inputs), len(row))), item_ranker(data), len(row)
        )


class ItemKNN(Recommender):
    """The items that were taken by the users who took those of the history (Sarwar et al. 2001, WWW).

    Cosine of the items' columns, shrunk towards 0 where few users are behind it; an item keeps its k nearest only.
    """

    class Settings(Spec):
        k: int = Field(default=200, ge=1, description="neighbours that an item keeps")
        shrink: float = Field(default=10.0, ge=0, description="added to the product of the two lengths")
        last: int = Field(default=20, ge=1, description="how many of the last items of a history speak")
        decay: float = Field(default=0.8, gt=0, le=1, description="weight of an item against the one after it")

    def fit(self, data: Examples, seed: int) -> FittedRecommender:
        from scipy.sparse import csr_matrix

        size, own = n_items(data), self.settings
        taken = matrix([sorted(set(one)) for one in sequences(data)], size)
        near = (taken.T @ taken).tocsr()
        lengths = np.sqrt(near.diagonal())
        near.setdiag(0)
        near.eliminate_zeros()
        rows = np.repeat(np.arange(size), np.diff(near.indptr))
        near.data = near.data / (lengths[rows] * lengths[near.indices] + own.shrink)
        kept = np.zeros(len(near.data), dtype=bool)
        for start, end in zip(near.indptr[:-1], near.indptr[1:], strict=True):
            kept[start + np.argsort(-near.data[start:end], kind="stable")[: own.k]] = True
        neighbours = csr_matrix((near.data[kept], (near.indices[kept], rows[kept])), shape=(size, size)).T.tocsr()

        def score(inputs: Sequence[Any]) -> np.ndarray:
            histories = [one[1][-own.last :] for one in inputs]
            weights = [own.decay ** np.arange(len(one))[::-1] for one in histories]
            return np.asarray((matrix(histories, size, weights) @ neighbours).toarray())

        return FittedRecommender(score, item_ranker(data), int(neighbours.nnz))


def matrix(rows: Sequence[Sequence[int]], width: int, weights: Sequence[np.ndarray] | None = None) -> Any:
    """Sparse float32 [n, width] with 1, or the weights, where a row names a column; what is named twice adds up."""
    from scipy.sparse import csr_matrix

    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    indices = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]) if len(rows) else np.empty(0, np.int64)
    values = np.ones(len(indices)) if weights is None else np.concatenate([*weights, np.empty(0)])
    return csr_matrix((values.astype(np.float32), indices, indptr), shape=(len(rows), width))
