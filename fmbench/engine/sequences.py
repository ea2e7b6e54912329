"""Ragged token sequences, and batches of them without padding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.devices import CPU, Device


@dataclass(frozen=True)
class Sequences:
    """Token sequences laid end to end, and the positions whose hidden states are read.

    Args:
        ids: int64 [total_tokens].
        offsets: int64 [n_sequences + 1], where each sequence starts in `ids`.
        reads: int64 [n_targets], positions in `ids` that give one target each; None if a whole sequence is one target.
        read_offsets: int64 [n_sequences + 1], where the targets of each sequence start in `reads`.
        cut: how many sequences lost tokens because they were too long.
        states: float32 [total_tokens, hidden], what the first `layer` layers of a frozen encoder make of `ids`.
        layer: the layer at which `states` enter.
    """

    ids: np.ndarray
    offsets: np.ndarray
    reads: np.ndarray | None = None
    read_offsets: np.ndarray | None = None
    cut: int = 0
    states: np.ndarray | None = None
    layer: int = 0

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

    def to_array(self) -> np.ndarray:
        """All of it but `states` as one int64 array, for a cache."""
        parts = [self.ids, self.offsets]
        if self.reads is not None and self.read_offsets is not None:
            parts += [self.reads, self.read_offsets]
        header = [len(parts), *(len(part) for part in parts), self.cut]
        return np.concatenate([np.array(header, dtype=np.int64), *parts])

    @classmethod
    def from_array(cls, array: np.ndarray) -> Sequences:
        """What `to_array` was made of."""
        n_parts = int(array[0])
        sizes, cut = array[1 : n_parts + 1], int(array[n_parts + 1])
        ids, offsets, *reads = np.split(array[n_parts + 2 :], np.cumsum(sizes)[:-1])
        return cls(ids, offsets, reads[0], reads[1], cut) if reads else cls(ids, offsets, cut=cut)

    def batch(self, index: np.ndarray, device: Device = CPU) -> Batch:
        """The sequences `index` as one packed batch."""
        starts, lengths = self.offsets[index], self.lengths[index]
        reads = None
        if self.reads is not None:
            assert self.read_offsets is not None
            counts = np.diff(self.read_offsets)[index]
            shift = np.concatenate([[0], np.cumsum(lengths)[:-1]]) - starts
            reads = device.send(self.reads[self.targets_of(index)] + np.repeat(shift, counts))
        tokens = _ranges(starts, lengths)
        states = None if self.states is None else device.send(self.states[tokens])
        return Batch(device.send(self.ids[tokens]), torch.from_numpy(lengths), reads, states, self.layer)


@dataclass(frozen=True)
class Batch:
    """Packed sequences on a device.

    Args:
        input_ids: int64 [total_tokens].
        lengths: int64 [n_sequences], on the CPU.
        reads: int64 [n_targets], positions in `input_ids`, or None for one target a sequence.
        states: float32 [total_tokens, hidden], the input of layer `layer`; None where all begins with `input_ids`.
    """

    input_ids: Tensor
    lengths: Tensor
    reads: Tensor | None
    states: Tensor | None = None
    layer: int = 0


def token_budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Index arrays of batches of at most `budget` tokens, of similar length, the longest first.

    A sequence longer than the budget is a batch of its own.
    """
    yield from pieces(lengths, np.argsort(-lengths, kind="stable"), budget)


def pieces(lengths: np.ndarray, index: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """`index` in order, in parts of at most `budget` tokens; a sequence that is longer is a part of its own."""
    start, used = 0, 0
    for position, length in enumerate(lengths[index].tolist()):
        if used + length > budget and position > start:
            yield index[start:position]
            start, used = position, 0
        used += length
    if start < len(index):
        yield index[start:]


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
