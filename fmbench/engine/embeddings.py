"""Training only the rows of an embedding table that training data can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReachedRows(nn.Module):
    """An embedding table whose trained part is the rows of `ids`; the other rows have no gradient anyway.

    A word-piece table holds half of a small encoder's parameters, and a training set reaches a tenth of its rows. For
    that table the optimiser, clipping and the gradient then cost a tenth too. The result is that of training the
    whole table, but that weight decay leaves the other rows as they were pretrained.

    Args:
        full: the table [vocabulary, hidden].
        ids: every token id of the training data.
    """

    reached: Tensor
    position: Tensor

    def __init__(self, full: nn.Embedding, ids: np.ndarray) -> None:
        super().__init__()
        reached = torch.from_numpy(np.unique(ids)).to(full.weight.device)
        self.full = full.requires_grad_(False)
        self.rows = nn.Parameter(full.weight[reached].clone())
        position = torch.full((full.num_embeddings,), -1, dtype=torch.int64, device=full.weight.device)
        position[reached] = torch.arange(len(reached), device=full.weight.device)
        self.register_buffer("reached", reached, persistent=False)
        self.register_buffer("position", position, persistent=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """input_ids [...] -> [..., hidden]; in training every id must be one of the reached."""
        position = self.position[input_ids]
        if self.training:
            return F.embedding(position, self.rows)
        known = position >= 0
        hidden = F.embedding(input_ids, self.full.weight)
        return torch.where(known[..., None], F.embedding(position.clamp(min=0), self.rows), hidden)

    def merged(self) -> nn.Embedding:
        """The whole table with the trained rows in place."""
        with torch.no_grad():
            self.full.weight[self.reached] = self.rows
        return self.full.requires_grad_(True)


@contextmanager
def only_reached_rows(network: Any, ids: np.ndarray) -> Iterator[None]:
    """Within: the input embeddings of a transformers network train only the rows of `ids`. After: one table again.

    Tables of another sort than a plain `nn.Embedding`, and frozen ones, are left as they are.
    """
    table = network.get_input_embeddings()
    if type(table) is not nn.Embedding or table.max_norm is not None or not table.weight.requires_grad:
        yield
        return
    part = ReachedRows(table, ids)
    network.set_input_embeddings(part)
    try:
        yield
    finally:
        network.set_input_embeddings(part.merged())
