"""Generated texts with their references, and the best reference of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

KINDS = frozenset({"text-generation"})


class Texts(NamedTuple):
    """What was generated, one text an item, and what it is held against, one or more texts an item."""

    generated: list[str]
    references: list[list[str]]

    @classmethod
    def of(cls, predictions: pa.Table) -> Texts:
        return cls(predictions["prediction"].to_pylist(), predictions["gold"].to_pylist())

    def pairs(self) -> Pairs:
        """Every generated text beside each of its references."""
        counts = np.fromiter(map(len, self.references), dtype=np.int64, count=len(self.references))
        owner = np.repeat(np.arange(len(counts)), counts)
        if len(owner) == len(counts):
            return Pairs(owner, self.generated, list(chain.from_iterable(self.references)))
        generated = [self.generated[i] for i in owner.tolist()]
        return Pairs(owner, generated, list(chain.from_iterable(self.references)))


class Pairs(NamedTuple):
    """One generated text and one reference each; `owner` int64 [n_pairs] is the item, rising."""

    owner: np.ndarray
    generated: list[str]
    references: list[str]

    def best(self, scores: np.ndarray) -> np.ndarray:
        """Of each item the first pair with the highest of `scores` [n_pairs], int64 [n_items]."""
        order = np.lexsort((-scores, self.owner))
        owners = self.owner[order]
        first = np.flatnonzero(np.diff(owners, prepend=-1))
        return np.asarray(order[first])


def mapped(function: Callable[[str], list[str]], texts: Iterable[str]) -> list[list[str]]:
    """`function` of each text, computed once for texts that are equal."""
    known: dict[str, list[str]] = {}
    return [known[text] if text in known else known.setdefault(text, function(text)) for text in texts]
