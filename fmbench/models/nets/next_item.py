"""Networks over histories of items: numbers from 1 (0 is padding, at the end) -> a vector after each item.

An item's score is the product of that vector with the item's own embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class GRUNetwork(nn.Module):
    """Embedding -> dropout -> one GRU layer -> a linear layer back to the width of the embeddings."""

    def __init__(self, n_items: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items + 1, hidden_size, padding_idx=0)
        nn.init.normal_(self.items.weight, std=0.05)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, histories: Tensor) -> Tensor:
        """int64 [n, length] -> [n, length, hidden]."""
        states, _ = self.gru(self.dropout(self.items(histories)))
        out: Tensor = self.out(states)
        return out


class AttentionNetwork(nn.Module):
    """Embeddings of items and places -> layers of causal self-attention and feed-forward, normalised before."""

    def __init__(
        self, n_items: int, hidden_size: int, dropout: float, max_length: int, layers: int, heads: int
    ) -> None:
        super().__init__()
        if hidden_size % heads:
            raise ValueError(f"hidden_size {hidden_size} is not divisible by {heads} heads")
        self.items = nn.Embedding(n_items + 1, hidden_size, padding_idx=0)
        self.places = nn.Embedding(max_length, hidden_size)
        nn.init.normal_(self.items.weight, std=0.05)
        nn.init.normal_(self.places.weight, std=0.05)
        self.layers = nn.ModuleList(AttentionLayer(hidden_size, dropout, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, histories: Tensor) -> Tensor:
        """int64 [n, length] -> [n, length, hidden]."""
        states = self.items(histories) * self.items.embedding_dim**0.5
        states = self.dropout(states + self.places(torch.arange(histories.shape[1], device=histories.device)))
        for layer in self.layers:
            states = layer(states)
        out: Tensor = self.norm(states)
        return out


class AttentionLayer(nn.Module):
    """Padding stands at the end, so that causality alone keeps it out of every real place."""

    def __init__(self, hidden_size: int, dropout: float, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in range(2))
        self.project = nn.Linear(hidden_size, 3 * hidden_size)
        self.join = nn.Linear(hidden_size, hidden_size)
        self.feed = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        n, length, width = states.shape
        parts = self.project(self.norms[0](states)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        states = states + self.dropout(self.join(mixed.transpose(1, 2).reshape(n, length, width)))
        out: Tensor = states + self.dropout(self.feed(self.norms[1](states)))
        return out
