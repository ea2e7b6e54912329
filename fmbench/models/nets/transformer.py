"""A small Transformer encoder over words as a trunk (Vaswani et al. 2017, 1706.03762)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fmbench.models.nets.ngrams import NgramEmbedding, over_padded
from fmbench.models.nets.words import WordTokenizer


class TransformerTrunk(nn.Module):
    """n-gram embeddings + sinusoidal positions -> layers with norms before their blocks -> norm."""

    def __init__(self, tokenizer: WordTokenizer, size: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.embedding = NgramEmbedding(tokenizer, size)
        layer = nn.TransformerEncoderLayer(size, heads, 4 * size, dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(size), enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)
        self.hidden_size = size

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """input_ids [total_tokens], lengths [n_sequences] on the CPU -> hidden states of all tokens or of `reads`."""

        def run(padded: Tensor, real: Tensor) -> Tensor:
            placed = padded * math.sqrt(self.hidden_size) + positions(padded.shape[1], self.hidden_size).to(padded)
            found: Tensor = self.encoder(self.dropout(placed), src_key_padding_mask=~real)
            return found

        return over_padded(self.embedding(input_ids), lengths, reads, run)

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """2 operations a weight of every linear layer and token, and 4 S d a layer and token for attention."""
        weights = sum(p.numel() for p in self.encoder.parameters() if p.ndim == 2)
        sizes = lengths.double()
        attention = 4 * len(self.encoder.layers) * self.hidden_size * (sizes * sizes).sum()
        return float(2 * weights * sizes.sum() + attention)


def positions(length: int, size: int) -> Tensor:
    """Sines and cosines of growing wavelength, float32 [length, size] (section 3.5)."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    return torch.stack([angles.sin(), angles.cos()], dim=2).view(length, size)
