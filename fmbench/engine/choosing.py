"""Training an encoder to embed items where a taste looks for them: choices against the items of their batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.engine.classifier import Pooling, vectors
from fmbench.engine.devices import Device
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.taste import Choices, Space, Taste, users_of

FILLED = 64
"""A batch of fewer choices is filled up to so many with items that are drawn."""


class ItemEncoder(nn.Module):
    """Items from their texts into the space of a taste, and the taste.

    Args:
        trunk: see engine/trunks.py.
        space: stays as it is.
        taste: where training begins.
    """

    center: Tensor
    axes: Tensor

    def __init__(self, trunk: Any, pooling: Pooling, space: Space, taste: Taste) -> None:
        super().__init__()
        self.trunk, self.pooling = trunk, pooling
        self.width = space.axes.shape[1]
        self.register_buffer("center", torch.from_numpy(space.center.astype(np.float32)))
        self.register_buffer("axes", torch.from_numpy(np.ascontiguousarray(space.axes, dtype=np.float32)))
        self.attraction = nn.Parameter(torch.from_numpy(taste.attraction.copy()))
        self.lean = nn.Parameter(torch.from_numpy(taste.lean.copy()))

    def forward(self, batch: Batch) -> Tensor:
        """float32 [n_sequences, k]"""
        found = F.normalize(vectors(self.trunk, batch, self.pooling).float(), dim=1)
        return (found - self.center) @ self.axes

    def wanted(self, users: Tensor) -> Tensor:
        """What users [n, k] look for, in the same space."""
        return users @ self.attraction / self.width**0.5 + self.lean

    def taste(self) -> Taste:
        """As trained so far."""
        return Taste(self.attraction.detach().cpu().numpy().copy(), self.lean.detach().cpu().numpy().copy())


class ChoiceAgainstBatch:
    """Cross-entropy of what was taken against what the others of the batch took, and drawn items if these are few.

    The logit of every item but the right one is lowered by the logarithm of the probability with which it stands in
    such a batch, which estimates the softmax over all items that somebody took (sampled softmax: Bengio and Senecal
    2008; in batches: Yi et al. 2019). So popular items, which stand in most batches, are not taught to be unwanted.
    Histories are read off frozen vectors; only the items of the batch run through the encoder, each once.

    A step of more choices than fit into memory is split, and each part stands against its own items.

    Args:
        sequences: the texts of all items.
        real: bool [n_items], whether there is a text; items without are 0 in the space.
        items: frozen, float32 [n_items, k].
        exclude_seen: whether items of the history cannot be taken again; they do not count then.
        rng: draws out of those that somebody took.
    """

    def __init__(
        self,
        sequences: Sequences,
        real: np.ndarray,
        items: np.ndarray,
        choices: Choices,
        exclude_seen: bool,
        rng: np.random.Generator,
    ) -> None:
        self.sequences, self.real, self.choices = sequences, real, choices
        self.exclude_seen, self.rng = exclude_seen, rng
        self.users = users_of(items, choices.before).astype(np.float32)
        self.lengths = np.ones(len(choices.taken), dtype=np.int64)
        counts = np.bincount(choices.taken, minlength=len(items))
        self.share = counts / counts.sum()
        self.known = np.unique([*choices.taken, *(item for one in choices.before for item in one)])

    def weight(self, index: np.ndarray) -> float:
        return float(max(len(index), 1))

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        right = self.choices.taken[index]
        drawn = self.rng.choice(self.known, self.drawn(len(index)), replace=False, shuffle=False)
        offered, own = np.unique(np.concatenate([right, drawn]), return_inverse=True)
        own = own[: len(right)]
        correction = np.tile(-np.log(self.presence(offered, len(index))), (len(index), 1)).astype(np.float32)
        correction[np.arange(len(index)), own] = 0
        if self.exclude_seen:
            for row, at, one in zip(correction, own, index, strict=True):
                seen = np.isin(offered, self.choices.before[one])
                seen[at] = False
                row[seen] = -np.inf
        places = model(self.sequences.batch(offered, device)) * device.send(self.real[offered, None])
        logits = model.wanted(device.send(self.users[index])) @ places.T
        return F.cross_entropy(logits.float() + device.send(correction), device.send(own), reduction="sum")

    def drawn(self, n: int) -> int:
        """How many items are drawn beside n choices."""
        return min(max(0, FILLED - n), len(self.known))

    def presence(self, offered: np.ndarray, n: int) -> np.ndarray:
        """How probably each item stands in a batch beside one of its n choices, float64 [n_offered]."""
        missing = (1 - self.share[offered]) ** (n - 1) * (1 - self.drawn(n) / len(self.known))
        return np.asarray(np.maximum(1 - missing, 1e-12))
