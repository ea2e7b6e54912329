"""Convolutions over words as a trunk (Kim 2014, 1408.5882)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fmbench.models.nets.ngrams import NgramEmbedding, over_padded
from fmbench.models.nets.words import WordTokenizer


class CNNTrunk(nn.Module):
    """n-gram embeddings -> dropout -> convolutions of several odd widths side by side -> ReLU -> dropout."""

    def __init__(
        self, tokenizer: WordTokenizer, embedding_size: int, filters: int, widths: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.embedding = NgramEmbedding(tokenizer, embedding_size)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding_size, filters, width, padding=width // 2) for width in widths
        )
        self.dropout = nn.Dropout(dropout)
        self.hidden_size = filters * len(widths)

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """input_ids [total_tokens], lengths [n_sequences] on the CPU -> hidden states of all tokens or of `reads`."""

        def run(padded: Tensor, real: Tensor) -> Tensor:
            columns = padded.transpose(1, 2)
            found = torch.cat([convolution(columns) for convolution in self.convolutions], dim=1)
            return self.dropout(torch.relu(found).transpose(1, 2))

        return over_padded(self.dropout(self.embedding(input_ids)), lengths, reads, run)

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """Useful operations of a forward pass: 2 a weight of the convolutions and token."""
        return float(2 * sum(p.numel() for p in self.convolutions.parameters() if p.ndim == 3) * lengths.sum())
