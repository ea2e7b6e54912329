"""Word embeddings as the mean of hashed n-gram embeddings, and the way between packed and padded words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fmbench.models.nets.words import WordTokenizer


class NgramEmbedding(nn.Module):
    """Word numbers -> vectors.

    Args:
        tokenizer: knows the n-grams of every word type it has numbered.
    """

    def __init__(self, tokenizer: WordTokenizer, size: int) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.bag = nn.EmbeddingBag(tokenizer.buckets, size, mode="mean")

    def forward(self, input_ids: Tensor) -> Tensor:
        """int64 [total_tokens] -> [total_tokens, size]; each word type is computed once."""
        types, inverse = torch.unique(input_ids, return_inverse=True)
        grams = [self.tokenizer.grams[i] for i in types.tolist()]
        offsets = np.concatenate([[0], np.cumsum([len(g) for g in grams])[:-1]])
        flat = torch.from_numpy(np.concatenate(grams)).to(input_ids.device)
        vectors: Tensor = self.bag(flat, torch.from_numpy(offsets).to(input_ids.device))
        return vectors[inverse]


def over_padded(
    packed: Tensor, lengths: Tensor, reads: Tensor | None, compute: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """`compute` on padded vectors [n, longest, size] and what is real [n, longest]; packed again, or only `reads`.

    Args:
        packed: [total_tokens, size], sequences one after the other.
        lengths: int64 [n] on the CPU.
    """
    padded = pad_sequence(packed.split(lengths.tolist()), batch_first=True)
    real = torch.arange(padded.shape[1], device=packed.device)[None] < lengths.to(packed.device)[:, None]
    found = compute(padded, real)[real]
    return found if reads is None else found[reads]
