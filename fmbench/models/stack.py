"""Examples of one shape as arrays: what networks on images and recordings are fed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Stack:
    """n examples.

    Args:
        array: [n, channels, height, width], uint8 or float16.
        cost: of one example, in what a token of a text encoder costs; decides how many are computed at a time.
        texts: int64 [n_tokens] for each example, where there are texts.
    """

    array: np.ndarray
    cost: int
    texts: tuple[np.ndarray, ...] | None = None

    def __len__(self) -> int:
        return len(self.array)

    def take(self, index: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arguments of the network for the examples `index`: the array; token numbers and lengths of texts."""
        if self.texts is None:
            return (self.array[index],)
        chosen = [self.texts[i] for i in index.tolist()]
        return self.array[index], np.concatenate(chosen), np.array([len(text) for text in chosen])


@dataclass(frozen=True)
class Untrained:
    """A network with new weights, and how the inputs of a kind become what it reads.

    Args:
        network: `Stack.take(index)` as tensors -> logits [n, n_outputs].
    """

    network: Any
    prepare: Callable[[Sequence[Any]], Stack]


POSITIONS = 64
"""Positions of an image or a spectrogram that cost about as much as a token."""


def cost_of(array: np.ndarray) -> int:
    """The cost of an example of [n, channels, height, width]."""
    return max(1, array.shape[2] * array.shape[3] // POSITIONS)
