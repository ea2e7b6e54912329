"""A bidirectional LSTM as a trunk: token numbers in, hidden states out."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from fmbench.models.nets.ngrams import NgramEmbedding, over_padded
from fmbench.models.nets.words import WordTokenizer


class BiLSTMTrunk(nn.Module):
    """n-gram embeddings -> dropout -> one bidirectional LSTM layer -> dropout."""

    def __init__(self, tokenizer: WordTokenizer, embedding_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = NgramEmbedding(tokenizer, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden_size = 2 * hidden_size

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """input_ids [total_tokens], lengths [n_sequences] on the CPU -> hidden states of all tokens or of `reads`."""

        def run(padded: Tensor, real: Tensor) -> Tensor:
            packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            return self.dropout(hidden)

        return over_padded(self.dropout(self.embedding(input_ids)), lengths, reads, run)

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """Useful operations of a forward pass: 2 a weight of the LSTM and token."""
        return float(2 * sum(p.numel() for p in self.lstm.parameters() if p.ndim == 2) * lengths.sum())
