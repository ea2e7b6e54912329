"""BPR-MF: factors of users and items, trained so that what was taken scores above what was not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from fmbench.models.classical.recommenders import FittedRecommender, Recommender
from fmbench.models.ranking import item_ranker, n_items, sequences
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples


class BPR(Recommender):
    """Matrix factorisation by Bayesian personalised ranking (Rendle et al. 2009, 1205.2618), Adam on mini-batches.

    A user who is not in train gets the mean factors of the items in the history.
    """

    class Settings(Spec):
        dimensions: int = Field(default=64, ge=1)
        epochs: int = Field(default=90, ge=1)
        batch_size: int = Field(default=4096, ge=1)
        learning_rate: float = Field(default=2e-3, gt=0)
        weight_decay: float = Field(default=1e-4, ge=0, description="on the factors of a batch, per pair")

    def fit(self, data: Examples, seed: int) -> FittedRecommender:
        import torch
        from torch.nn.functional import logsigmoid

        own, size, taken = self.settings, n_items(data), sequences(data)
        number = {user: i for i, user in enumerate(data.train["user"].to_pylist())}
        rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        of_user: Any = (torch.randn(len(taken), own.dimensions, generator=draw) * 0.05).requires_grad_()
        of_item: Any = (torch.randn(size, own.dimensions, generator=draw) * 0.05).requires_grad_()
        bias: Any = torch.zeros(size, requires_grad=True)
        optimizer = torch.optim.Adam([of_user, of_item, bias], lr=own.learning_rate)
        users = np.repeat(np.arange(len(taken)), [len(one) for one in taken])
        items = np.concatenate([np.asarray(one) for one in taken])
        known = np.unique(users * size + items)
        for _ in range(own.epochs):
            order = rng.permutation(len(users))
            for start in range(0, len(order), own.batch_size):
                chosen = order[start : start + own.batch_size]
                u, i = users[chosen], items[chosen]
                j = _untaken(rng, u, size, known)
                p, q, r = of_user[torch.from_numpy(u)], of_item[torch.from_numpy(i)], of_item[torch.from_numpy(j)]
                margin = (p * (q - r)).sum(dim=1) + bias[torch.from_numpy(i)] - bias[torch.from_numpy(j)]
                loss = -logsigmoid(margin).mean() + own.weight_decay * (p.pow(2) + q.pow(2) + r.pow(2)).sum(1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        factors, q, b = (part.detach().numpy() for part in (of_user, of_item, bias))

        def score(inputs: Sequence[Any]) -> np.ndarray:
            rows = [factors[number[one[0]]] if one[0] in number else _mean(q, one[1]) for one in inputs]
            return np.asarray(np.stack(rows) @ q.T + b)

        return FittedRecommender(score, item_ranker(data), factors.size + q.size + b.size)


def _untaken(rng: np.random.Generator, users: np.ndarray, size: int, known: np.ndarray) -> np.ndarray:
    """An item for each user that they did not take; after ten draws one that they did may stand."""
    drawn = rng.integers(0, size, len(users))
    for _ in range(10):
        keys = users * size + drawn
        taken = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
        if not taken.any():
            break
        drawn[taken] = rng.integers(0, size, int(taken.sum()))
    return drawn


def _mean(factors: np.ndarray, history: Sequence[int]) -> np.ndarray:
    return np.asarray(factors[history].mean(axis=0)) if len(history) else np.zeros(factors.shape[1], factors.dtype)
