"""A bidirectional LSTM as a trunk: token numbers in, hidden states out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from fmbench.models.nets.words import WordTokenizer


class BiLSTMTrunk(nn.Module):
    """n-gram embeddings -> dropout -> one bidirectional LSTM layer.

    Args:
        tokenizer: knows the n-grams of every word type it has numbered.
    """

    def __init__(self, tokenizer: WordTokenizer, embedding_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.embedding = nn.EmbeddingBag(tokenizer.buckets, embedding_size, mode="mean")
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden_size = 2 * hidden_size

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """input_ids [total_tokens], lengths [n_sequences] on the CPU -> hidden states of all tokens or of `reads`."""
        types, inverse = torch.unique(input_ids, return_inverse=True)
        grams = [self.tokenizer.grams[i] for i in types.tolist()]
        offsets = np.concatenate([[0], np.cumsum([len(g) for g in grams])[:-1]])
        device = input_ids.device
        flat = torch.from_numpy(np.concatenate(grams)).to(device)
        embedded = self.dropout(self.embedding(flat, torch.from_numpy(offsets).to(device)))[inverse]
        padded = pad_sequence(embedded.split(lengths.tolist()), batch_first=True)
        packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        real = torch.arange(hidden.shape[1], device=device)[None] < lengths.to(device)[:, None]
        found = self.dropout(hidden[real])
        return found if reads is None else found[reads]

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """Useful operations of a forward pass: 2 a weight of the LSTM and token."""
        return float(2 * sum(p.numel() for p in self.lstm.parameters() if p.ndim == 2) * lengths.sum())
