"""N-grams of many sequences at once, as numbers, and how many of them two sequences share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

MOST = 2**62


class Sequences(NamedTuple):
    """Sequences of numbered tokens, end to end: `ids` int64 [total], `lengths` int64 [n]."""

    ids: np.ndarray
    lengths: np.ndarray


class Grams(NamedTuple):
    """All n-grams of one order: in which sequence each stands, int64 [m], and its number, int64 [m], below `size`."""

    sequence: np.ndarray
    gram: np.ndarray
    size: int

    def keys(self, chosen: np.ndarray, sequence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the n-grams `chosen` [m]: `sequence * size + gram`, different ones in rising order, and their counts."""
        return np.unique(sequence[chosen] * self.size + self.gram[chosen], return_counts=True)


def words(sequences: Sequence[Sequence[str]]) -> Sequences:
    """Words as numbers; equal words have equal ones."""
    flat = list(chain.from_iterable(sequences))
    numbers = {word: i for i, word in enumerate(dict.fromkeys(flat))}
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    return Sequences(np.fromiter(map(numbers.__getitem__, flat), dtype=np.int64, count=len(flat)), lengths)


def characters(texts: Sequence[str]) -> Sequences:
    """Characters as numbers."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return Sequences(_renumbered(codes.astype(np.int64)), lengths)


def grams(sequences: Sequences, order: int) -> Iterator[Grams]:
    """The n-grams of 1 to `order` tokens; equal ones of the same order have equal numbers."""
    ids, lengths = sequences
    n = max(1, len(lengths))
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(ids))
    vocabulary = int(ids.max(initial=0)) + 1
    size, found, start = vocabulary, ids, np.arange(len(ids))
    for length in range(1, order + 1):
        if length > 1:
            kept = left[start] >= length
            start, found = start[kept], found[kept]
            if size * vocabulary >= MOST // n:
                found = _renumbered(found)
                size = int(found.max(initial=0)) + 1
            found, size = found * vocabulary + ids[start + length - 1], size * vocabulary
        yield Grams(sequence[start], found, size)


def overlaps(both: Sequences, order: int) -> np.ndarray:
    """Of 2 n sequences the n-grams of the i-th, of the (n + i)-th, and those that both have: int64 [n, order, 3]."""
    n = len(both.lengths) // 2
    counts = np.zeros((n, order, 3), dtype=np.int64)
    for i, found in enumerate(grams(both, order)):
        ahead = found.sequence < n
        mine, own = found.keys(ahead, found.sequence)
        theirs, other = found.keys(~ahead, found.sequence - n)
        counts[:, i, 2] = summed(mine // found.size, shared(mine, own, theirs, other), n)
    steps = np.arange(order)
    counts[:, :, 0] = np.maximum(both.lengths[:n, None] - steps, 0)
    counts[:, :, 1] = np.maximum(both.lengths[n:, None] - steps, 0)
    return counts


def shared(keys: np.ndarray, counts: np.ndarray, others: np.ndarray, other_counts: np.ndarray) -> np.ndarray:
    """For each of `keys` the lower of its counts on both sides, int64 [len(keys)]; both sides rise without repeats."""
    if not len(others):
        return np.zeros(len(keys), dtype=np.int64)
    at = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    return np.where(others[at] == keys, np.minimum(counts, other_counts[at]), 0)


def summed(groups: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Sums of `values` by group, int64 [n]."""
    return np.bincount(groups, weights=values, minlength=n).astype(np.int64)


def _renumbered(numbers: np.ndarray) -> np.ndarray:
    """Equal numbers as equal numbers from 0, without gaps."""
    return np.asarray(np.unique(numbers, return_inverse=True)[1], dtype=np.int64)
