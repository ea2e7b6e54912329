"""Trunk + readout + head: what is trained, and what predicts."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.engine.sequences import Batch
from fmbench.engine.trunks import run_trunk

Pooling = Literal["mean", "max", "cls"]


def read(hidden: Tensor, batch: Batch, pooling: Pooling) -> Tensor:
    """Hidden states of all tokens [total_tokens, hidden] -> one vector a target [n_targets, hidden]."""
    places = places_to_read(batch, pooling)
    return _pooled(hidden, batch.lengths, pooling) if places is None else hidden[places]


def places_to_read(batch: Batch, pooling: Pooling) -> Tensor | None:
    """The tokens whose hidden states make the targets, int64 [n_targets]; None where all tokens do."""
    if batch.reads is not None:
        return batch.reads
    if pooling == "cls":
        lengths = batch.lengths
        return (lengths.cumsum(0) - lengths).to(batch.input_ids.device)
    return None


def vectors(trunk: Any, batch: Batch, pooling: Pooling) -> Tensor:
    """One vector a target, [n_targets, hidden]; the last layer computes no token that is not read."""
    places = places_to_read(batch, pooling)
    hidden = run_trunk(trunk, batch, places)
    return _pooled(hidden, batch.lengths, pooling) if places is None else hidden


def _pooled(hidden: Tensor, lengths: Tensor, pooling: Pooling) -> Tensor:
    return _maxima(hidden, lengths) if pooling == "max" else _means(hidden, lengths)


def _maxima(hidden: Tensor, lengths: Tensor) -> Tensor:
    return torch.stack([part.amax(dim=0) for part in hidden.split(lengths.tolist())])


def _means(hidden: Tensor, lengths: Tensor) -> Tensor:
    sizes = lengths.to(hidden.device)
    owner = torch.repeat_interleave(torch.arange(len(sizes), device=hidden.device), sizes, output_size=len(hidden))
    sums = hidden.new_zeros(len(sizes), hidden.shape[1]).index_add_(0, owner, hidden)
    return sums / sizes[:, None].to(hidden.dtype)


class Classifier(nn.Module):
    """Logits for every target of a batch.

    Args:
        trunk: see engine/trunks.py.
        n_outputs: number of classes.
        pooling: how a sequence becomes one vector, where it is one target.
        dropout: before the linear layer.
    """

    def __init__(self, trunk: Any, n_outputs: int, pooling: Pooling = "mean", dropout: float = 0.1) -> None:
        super().__init__()
        self.trunk = trunk
        self.pooling = pooling
        self.width = n_outputs
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(trunk.hidden_size, n_outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch) -> Tensor:
        """[n_targets, n_outputs]"""
        return self.head(self.dropout(vectors(self.trunk, batch, self.pooling)))


class SentenceEmbedder(nn.Module):
    """Unit vectors of sequences, so that the dot product of two is their cosine."""

    def __init__(self, trunk: Any, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.trunk = trunk
        self.pooling = pooling
        self.width = int(trunk.hidden_size)

    def forward(self, batch: Batch) -> Tensor:
        """[n_sequences, hidden]"""
        return F.normalize(vectors(self.trunk, batch, self.pooling), dim=1)
