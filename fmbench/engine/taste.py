"""What users take next, by vectors of the items: a conditional logit, fitted to the interactions of train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.logistic import blas
from fmbench.errors import CellFailed

VERSION = 1
COMPONENTS = 128
"""Principal components of the items' vectors that are kept; with as many as items, each is learned by heart."""
AGAINST = 1024
"""Items against which a choice stands; of larger catalogues so many are drawn, which leaves the logit consistent."""
BLOCK = 512
"""Choices that are computed at once."""


@dataclass(frozen=True)
class Space:
    """The leading principal components of the vectors of items that somebody took.

    Args:
        center: float64 [hidden].
        axes: float64 [hidden, n_components], scaled so that a coordinate has a variance of 1 on average.
    """

    center: np.ndarray
    axes: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """float32 [n_items, hidden] -> [n_items, n_components]; vectors of 0 (no text) are 0, as the average is."""
        found = (vectors - self.center) @ self.axes
        found[~vectors.any(axis=1)] = 0
        return np.asarray(found, dtype=np.float32)


def space_of(vectors: np.ndarray, taken: np.ndarray) -> Space:
    """The space of the items `taken`, bool [n_items]. Raises CellFailed if their texts do not differ."""
    own = vectors[taken & vectors.any(axis=1)].astype(np.float64)
    center = own.mean(axis=0) if len(own) else np.zeros(vectors.shape[1])
    values, axes = np.linalg.eigh((own - center).T @ (own - center) / max(len(own), 1))
    values, axes = values[::-1][:COMPONENTS], axes[:, ::-1][:, :COMPONENTS]
    kept = values > 1e-6 * max(float(values[0]), 1e-12)
    if not kept.any():
        raise CellFailed(
            "the items that users took have no texts, or all the same: there is nothing to learn from them"
        )
    return Space(center, axes[:, kept] / np.sqrt(values[kept].mean()))


@dataclass(frozen=True)
class Taste:
    """An item's score to a user is (mean of the history @ attraction / sqrt(k) + lean) @ item, in a Space of k axes.

    Args:
        attraction: float32 [k, k], how strongly what was taken draws what is offered.
        lean: float32 [k], what all users like.
    """

    attraction: np.ndarray
    lean: np.ndarray

    @property
    def parameters(self) -> int:
        return int(self.attraction.size + self.lean.size)

    def scores(
        self, items: np.ndarray, histories: Sequence[Sequence[int]], offered: np.ndarray | None = None
    ) -> np.ndarray:
        """float32 [n_users, n_items]; without a history by the lean alone.

        Args:
            items: float32 [n_items, k].
            histories: numbers of items.
            offered: what stands for the items where they are offered, float32 [n_items, k]; None for `items` as well.
        """
        wanted = users_of(items, histories) @ self.attraction / np.sqrt(len(self.lean)) + self.lean
        return np.asarray(wanted @ (items if offered is None else offered).T, dtype=np.float32)


def users_of(items: np.ndarray, histories: Sequence[Sequence[int]]) -> np.ndarray:
    """The mean of each history's items, float32 [n_users, k]; 0 without a history."""
    nothing = np.zeros(items.shape[1], dtype=np.float32)
    return np.stack([items[list(one)].mean(axis=0) if len(one) else nothing for one in histories])


@dataclass(frozen=True)
class Choices:
    """Every item that was taken, what had been taken before, and what else could have been.

    Args:
        taken: int64 [n], the item of each choice.
        before: its history.
        offered: int64 [n_blocks, n_offered], the items against which each block of BLOCK choices stands.
        barred: bool [n, n_offered], those that do not count: the right one, and the history if it is excluded.
    """

    taken: np.ndarray
    before: tuple[tuple[int, ...], ...]
    offered: np.ndarray
    barred: np.ndarray


def choices_of(sequences: Sequence[Sequence[int]], exclude_seen: bool, most: int) -> Choices:
    """The choices in the sequences of users, or `most` of them that a fixed generator draws.

    Only items that somebody took are offered: those that nobody could take yet say nothing by their absence.
    """
    rng = np.random.default_rng(0)
    steps = np.array([(user, at) for user, one in enumerate(sequences) for at in range(len(one))], dtype=np.int64)
    if len(steps) > most:
        steps = steps[np.sort(rng.permutation(len(steps))[:most])]
    taken = np.array([sequences[user][at] for user, at in steps], dtype=np.int64)
    before = tuple(tuple(sequences[user][:at]) for user, at in steps)
    known = np.unique([item for one in sequences for item in one])
    n_blocks = -(-len(taken) // BLOCK)
    all_of_them = len(known) <= AGAINST
    drawn = [known if all_of_them else np.sort(rng.permutation(known)[:AGAINST]) for _ in range(n_blocks)]
    barred = np.zeros((len(taken), min(len(known), AGAINST)), dtype=bool)
    column = np.full(int(known[-1]) + 1, -1)
    for i, (item, history) in enumerate(zip(taken, before, strict=True)):
        if i % BLOCK == 0:
            column[:] = -1
            column[drawn[i // BLOCK]] = np.arange(barred.shape[1])
        places = column[[item, *history] if exclude_seen else [item]]
        barred[i, places[places >= 0]] = True
    return Choices(taken, before, np.stack(drawn), barred)


def fit_taste(items: np.ndarray, choices: Choices, C: float, max_iter: int, arrays: ArrayCache, source: str) -> Taste:
    """A conditional logit (McFadden 1974) with an L2 penalty of 1 / C, by L-BFGS; there is no randomness in it.

    Args:
        items: float32 [n_items, k].
        arrays: the fit comes from here if it was done before.
        source: a key of `items`: the same key, the same numbers.

    Raises:
        CellFailed: the loss is not finite.
    """
    import scipy
    from scipy.optimize import minimize

    histories = np.array([item for one in choices.before for item in one], dtype=np.int64)
    lengths = np.array([len(one) for one in choices.before], dtype=np.int64)
    given = (choices.taken, histories, lengths, choices.offered, choices.barred.astype(np.uint8))
    key = content_key(["taste", VERSION, scipy.__version__, C, max_iter, source], *given)
    k = items.shape[1]
    found = arrays.load(key)
    if found is None:
        logit = _Logit(items, users_of(items, choices.before) / np.float32(np.sqrt(k)), choices, C)
        options = {"maxiter": max_iter, "ftol": 1e-4}
        with blas().limit(limits=1, user_api="blas"):  # two pools of threads
            best = minimize(logit, np.zeros((k + 1) * k), jac=True, method="L-BFGS-B", options=options)
        if not np.isfinite(best.fun):
            raise CellFailed("the loss of the choices is not finite: the vectors of the items are not numbers")
        found = best.x.reshape(k + 1, k).astype(np.float32)
        arrays.store(key, found)
    return Taste(found[:k], found[k])


@dataclass(frozen=True)
class _Logit:
    """Penalised loss a choice and its gradient, for weights [(k + 1) * k]: the attraction, then the lean."""

    items: np.ndarray
    users: np.ndarray
    choices: Choices
    C: float

    def __call__(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        k, n = self.items.shape[1], len(self.users)
        loss, gradient = float(weights @ weights) / (2 * self.C), weights.reshape(k + 1, k) / self.C
        single = weights.reshape(k + 1, k).astype(np.float32)
        for block, offered in enumerate(self.choices.offered):
            rows = slice(block * BLOCK, (block + 1) * BLOCK)
            users, right, others = self.users[rows], self.items[self.choices.taken[rows]], self.items[offered]
            wanted = users @ single[:k] + single[k]
            logits = wanted @ others.T
            logits[self.choices.barred[rows]] = -np.inf
            own = np.einsum("ij,ij->i", wanted, right)
            top = np.maximum(own, logits.max(axis=1))
            shares, mine = np.exp(logits - top[:, None]), np.exp(own - top)
            total = shares.sum(axis=1) + mine
            loss += float((np.log(total) + top - own).sum(dtype=np.float64))
            pull = (shares / total[:, None]) @ others + (mine / total - 1)[:, None] * right
            gradient[:k] += users.T @ pull
            gradient[k] += pull.sum(axis=0)
        return loss / n, gradient.ravel() / n
