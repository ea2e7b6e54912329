"""From scores to the best items, in blocks: a dense matrix of all users by all items is never made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmbench.errors import CellFailed
from fmbench.tasks.catalogue import DEPTH
from fmbench.tasks.examples import Examples

BLOCK = 4_000_000
"""Scores that are in memory at once (16 MB in float32)."""


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """The columns of the k highest scores of each row, int64 [n, k]; -1 for scores of -inf, NaN is an error.

    Of equal scores the earlier column comes first, at the cut too: who orders the columns decides ties.
    """
    if np.isnan(scores).any():
        raise CellFailed("the model's scores are not numbers: its training has diverged")
    n, width = scores.shape
    found = np.full((n, k), -1, dtype=np.int64)
    cut = np.partition(scores, width - k, axis=1)[:, width - k] if k < width else np.full(n, -np.inf)
    for i, (row, least) in enumerate(zip(scores, cut, strict=True)):
        columns = np.flatnonzero((row >= least) & (row > -np.inf))
        kept = columns[np.argsort(-row[columns], kind="stable")[:k]]
        found[i, : len(kept)] = kept
    return found


@dataclass(frozen=True)
class Ranker:
    """Ranks numbered things by a score.

    Args:
        order: the numbers in the order in which equal scores are ranked.
        exclude_seen: whether the history of an input [user, history, ...] is left out.
    """

    order: np.ndarray
    exclude_seen: bool = False

    def rank(self, score: Callable[[Sequence[Any]], np.ndarray], inputs: Sequence[Any], k: int = DEPTH) -> np.ndarray:
        """Rankings int64 [n, k]; inputs [user, history, candidates] rank their candidates only.

        Args:
            score: some inputs -> float [n, n_items].
        """
        n_items = len(self.order)
        size = max(1, BLOCK // max(1, n_items))
        parts = [np.full((0, k), -1, dtype=np.int64)]
        for start in range(0, len(inputs), size):
            block = inputs[start : start + size]
            scores = np.array(score(block), dtype=np.float32)
            if isinstance(block[0], list) and len(block[0]) == 3:
                parts.append(self._among(scores, [given for _, _, given in block], k))
                continue
            if self.exclude_seen:
                for row, (_, history) in zip(scores, block, strict=True):
                    row[history] = -np.inf
            columns = best(scores[:, self.order], min(k, n_items))
            ranked = np.where(columns >= 0, self.order[columns], -1)
            parts.append(np.pad(ranked, ((0, 0), (0, k - ranked.shape[1])), constant_values=-1))
        return np.concatenate(parts)

    @staticmethod
    def _among(scores: np.ndarray, candidates: list[list[int]], k: int) -> np.ndarray:
        found = np.full((len(scores), k), -1, dtype=np.int64)
        for i, (row, given) in enumerate(zip(scores, candidates, strict=True)):
            numbers = np.asarray(given)
            columns = best(row[numbers][None], min(k, len(numbers)))[0]
            found[i, : len(columns)] = np.where(columns >= 0, numbers[columns], -1)
        return found


def item_ranker(data: Examples) -> Ranker:
    """The ranker of a recommendation task; equal scores in an order that has nothing to do with the items."""
    order = np.random.default_rng(0).permutation(n_items(data))
    return Ranker(order, bool(getattr(data.options, "exclude_seen", False)))


def document_ranker(data: Examples) -> Ranker:
    """The ranker of a retrieval task; equal scores by falling name, as trec_eval sorts them."""
    documents = data.side["documents"]["document"].to_pylist()
    return Ranker(np.array(sorted(range(len(documents)), key=documents.__getitem__, reverse=True), dtype=np.int64))


def n_items(data: Examples) -> int:
    """Size of the catalogue."""
    return len(data.side["items"])


def sequences(data: Examples) -> list[list[int]]:
    """What each user of the training rows took, oldest first. Raises CellFailed if nobody took anything."""
    histories, items = data.train["history"].to_pylist(), data.train["item"].to_pylist()
    if not items:
        raise CellFailed("this task has no interactions to train on; only pretrained models can be put to it")
    return [[*history, item] for history, item in zip(histories, items, strict=True)]
