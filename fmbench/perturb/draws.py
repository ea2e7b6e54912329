"""Draws whose beginnings agree: more of them keeps the first ones, so a severity contains the lower ones."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = Struct("<16I")
_STEP = 2.0**-32

OF_LETTERS = (0.0, 0.01, 0.03, 0.05, 0.1, 0.2)
"""Share of letters by severity."""
OF_WORDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Share of words by severity."""
OF_FEW = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Share by severity of places that are few in a sentence: names, numbers, contractions."""


class Stream:
    """Uniform random numbers that follow from a key: BLAKE2b of the key, then of the key with a counter.

    A sentence needs a dozen of them, and this gives the first sixteen in a fifth of the time that it takes to seed
    `random.Random`. They are the same on every machine and in every version of Python.
    """

    __slots__ = ("_blocks", "_key", "_left")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._blocks = 1
        self._left = list(_BLOCK.unpack(blake2b(key).digest()))

    def random(self) -> float:
        """A number in [0, 1), a multiple of 2 ** -32."""
        if not self._left:
            more = blake2b(self._key, salt=self._blocks.to_bytes(16, "little"))
            self._blocks += 1
            self._left = list(_BLOCK.unpack(more.digest()))
        return self._left.pop() * _STEP


def count(n: int, share: float) -> int:
    """How many of `n` places; one at least, so that whatever can be changed is."""
    return min(n, max(1, round(n * share)))


def picks(rng: Stream, n: int, k: int) -> list[tuple[int, float]]:
    """`k` different places of range(n) in random order, each with a number in [0, 1) of its own to choose with."""
    random = rng.random
    moved: dict[int, int] = {}
    found = []
    for i in range(k):
        j = i + int(random() * (n - i))
        found.append((moved.get(j, j), random()))
        moved[j] = moved.get(i, i)
    return found


def pick(options: Sequence[T], u: float) -> T:
    """One of `options` by a number in [0, 1)."""
    return options[int(u * len(options))]


def arrays(rng: Stream) -> np.random.Generator:
    """The numpy generator of this stream, for arrays."""
    return np.random.default_rng([int(rng.random() / _STEP), int(rng.random() / _STEP)])
