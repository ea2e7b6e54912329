"""Ragged token sequences, and batches of them without padding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """Token sequences laid end to end, and the positions whose hidden states are read.

    Args:
        ids: int64 [total_tokens].
        offsets: int64 [n_sequences + 1], where each sequence starts in `ids`.
        reads: int64 [n_targets], positions in `ids` that give one target each; None if a whole sequence is one target.
        read_offsets: int64 [n_sequences + 1], where the targets of each sequence start in `reads`.
        cut: how many sequences lost tokens because they were too long.
    """

    ids: np.ndarray
    offsets: np.ndarray
    reads: np.ndarray | None = None
    read_offsets: np.ndarray | None = None
    cut: int = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n_sequences], tokens of each sequence."""
        return np.diff(self.offsets)

    @property
    def n_targets(self) -> int:
        return len(self) if self.reads is None else len(self.reads)

    def targets_of(self, index: np.ndarray) -> np.ndarray:
        """Numbers of the targets that the sequences `index` give, in order."""
        if self.read_offsets is None:
            return index
        return _ranges(self.read_offsets[index], np.diff(self.read_offsets)[index])

    def batch(self, index: np.ndarray, device: str = "cpu") -> Batch:
        """The sequences `index` as one packed batch."""
        starts, lengths = self.offsets[index], self.lengths[index]
        reads = None
        if self.reads is not None:
            assert self.read_offsets is not None
            counts = np.diff(self.read_offsets)[index]
            shift = np.concatenate([[0], np.cumsum(lengths)[:-1]]) - starts
            reads = torch.from_numpy(self.reads[self.targets_of(index)] + np.repeat(shift, counts)).to(device)
        ids = torch.from_numpy(self.ids[_ranges(starts, lengths)]).to(device)
        return Batch(ids, torch.from_numpy(lengths), reads)


@dataclass(frozen=True)
class Batch:
    """Packed sequences on a device.

    Args:
        input_ids: int64 [total_tokens].
        lengths: int64 [n_sequences], on the CPU.
        reads: int64 [n_targets], positions in `input_ids`, or None for one target a sequence.
    """

    input_ids: Tensor
    lengths: Tensor
    reads: Tensor | None


def token_budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Index arrays of batches of at most `budget` tokens, of similar length, the longest first.

    A sequence longer than the budget is a batch of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    start, used = 0, 0
    for position, length in enumerate(lengths[order]):
        if used + length > budget and position > start:
            yield order[start:position]
            start, used = position, 0
        used += int(length)
    if start < len(order):
        yield order[start:]


def shuffled_batches(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One epoch of random batches; the last one may be smaller."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(start, start + count)` over all pairs."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - counts), counts)
