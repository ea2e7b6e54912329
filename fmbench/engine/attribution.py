"""Gradients of a class's score with respect to token embeddings: gradient x input and integrated gradients.

The score is the centred logit, `z_c - mean_j z_j`, which is also the centred log-probability. Pieces of one word are
summed by the caller, so that models with different tokenisers can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fmbench.engine.devices import device_of
from fmbench.engine.sequences import Batch, Sequences, token_budget_batches
from fmbench.engine.tokenize import SubwordTokenizer

GRADIENT_TOKENS = 4096
"""Tokens of a batch that keeps what a backward pass needs."""


def embedding_of(model: nn.Module) -> nn.Module | None:
    """The module that turns token ids into vectors, of pretrained encoders and of networks from scratch."""
    trunk: Any = getattr(model, "trunk", None)
    network = getattr(trunk, "base", None) or getattr(trunk, "network", None)
    if network is not None and hasattr(network, "get_input_embeddings"):
        found: nn.Module = network.get_input_embeddings()
        return found
    embedding = getattr(trunk, "embedding", None)
    return embedding if isinstance(embedding, nn.Module) else None


def token_words(predictor: Any, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]]) -> np.ndarray:
    """For each token of `predictor.encode(texts)` the number of its word within its text, -1 for special tokens.

    Args:
        words: of each text the character spans of its words.
    """
    spans = _token_spans(predictor, texts)
    found: list[int] = []
    for tokens, own in zip(spans, words, strict=True):
        starts = np.array([start for start, _ in own])
        places = np.array([-1 if place is None else place for place in tokens])
        numbers = np.maximum(0, np.searchsorted(starts, places, side="right") - 1)
        found += np.where(places < 0, -1, numbers).tolist()
    return np.array(found, dtype=np.int64)


def _token_spans(predictor: Any, texts: Sequence[str]) -> list[list[int | None]]:
    """Of each token of each text where it starts in the text, None for special tokens."""
    tokenize = predictor.tokenize
    if isinstance(tokenize, SubwordTokenizer):
        encoded = tokenize.backend.encode_batch(list(texts), add_special_tokens=False)
        before, after = [None] * len(tokenize.prefix), [None] * len(tokenize.suffix)
        return [[*before, *(_start(text, *one) for one in found.offsets[: tokenize.room]), *after]
                for text, found in zip(texts, encoded, strict=True)]  # fmt: skip
    lengths = predictor.encode(texts).lengths.tolist()
    words = predictor.model.trunk.tokenizer if hasattr(predictor.model.trunk, "tokenizer") else None
    words = words or predictor.model.trunk.embedding.tokenizer
    spans: list[list[int | None]] = []
    for text, length in zip(texts, lengths, strict=True):
        at, starts = 0, []
        for word in words.words(text)[:length]:
            at = text.index(word, at)
            starts.append(at)
            at += len(word)
        spans.append(list(starts))
    return spans


def _start(text: str, start: int, end: int) -> int:
    """Where a token's own letters begin: some tokenisers count the space before it in."""
    while start < end - 1 and text[start].isspace():
        start += 1
    return start


def integrated_gradients(
    model: nn.Module, sequences: Sequences, classes: np.ndarray, inside: np.ndarray, device: str, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Integrated gradients of embeddings from zero (Sundararajan, Taly and Yan 2017, ICML, equation 1), midpoint rule.

    With `steps` 0 it is gradient x input: the gradient at the embeddings themselves.

    Args:
        classes: int [n_sequences], the class explained.
        inside: bool [total_tokens], tokens that belong to a word; the others keep their embeddings on the path.

    Returns:
        Attribution of each token, float64 [total_tokens], and the score at the inputs minus that at the baseline,
        which the attributions of a text should sum up to, float64 [n_sequences] (zeros for `steps` 0).
    """
    embedding = embedding_of(model)
    if embedding is None:
        raise ValueError("the network has no embeddings of tokens")
    model.eval()
    on = device_of(device)
    attribution, differences = np.zeros(len(sequences.ids)), np.zeros(len(sequences))
    for index in token_budget_batches(sequences.lengths, GRADIENT_TOKENS):
        batch = sequences.batch(index, on)
        tokens = _tokens_of(sequences, index)
        target = torch.from_numpy(classes[index]).to(batch.input_ids.device)
        words = torch.from_numpy(inside[tokens]).to(batch.input_ids.device)
        path = _Path(model, embedding, batch, target, words)
        if steps == 0:
            found = path.gradients(1.0)
        else:
            parts = [path.gradients((step + 0.5) / steps) for step in range(steps)]
            found = torch.stack(parts).mean(dim=0)
            differences[index] = (path.score(1.0) - path.score(0.0)).double().cpu().numpy()
        attribution[tokens] = found.double().cpu().numpy()
    return attribution, differences


class _Path:
    """A batch whose embeddings are scaled on their way: those inside by alpha, the others not at all."""

    def __init__(self, model: nn.Module, embedding: nn.Module, batch: Batch, target: Tensor, inside: Tensor) -> None:
        self.model, self.embedding, self.batch, self.target, self.inside = model, embedding, batch, target, inside

    def score(self, alpha: float) -> Tensor:
        """Centred logits of the explained classes, [n_sequences]."""
        with torch.no_grad():
            return self._run(alpha)[0]

    def gradients(self, alpha: float) -> Tensor:
        """Gradient at alpha, dotted with the whole embedding of each token, [total_tokens]; 0 outside of words."""
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN's LSTM has no backward in eval
            score, given, scaled = self._run(alpha)
            (gradient,) = torch.autograd.grad(score.sum(), scaled)
        found = (gradient * given).sum(dim=-1)
        return self._packed(found) * self.inside

    def _run(self, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
        seen: list[tuple[Tensor, Tensor]] = []

        def scale(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
            given = output.detach()
            factor = self._padded(torch.where(self.inside, alpha, 1.0), given)
            scaled = (given * factor[..., None]).requires_grad_(torch.is_grad_enabled())
            seen.append((given, scaled))
            return scaled

        handle = self.embedding.register_forward_hook(scale)
        try:
            logits = self.model(self.batch)
        finally:
            handle.remove()
        (given, scaled), *_ = seen
        centred = logits - logits.mean(dim=1, keepdim=True)
        return centred.gather(1, self.target[:, None])[:, 0], given, scaled

    def _real(self, rows: int, length: int) -> Tensor:
        lengths = torch.zeros(rows, dtype=torch.int64)
        lengths[: len(self.batch.lengths)] = self.batch.lengths
        return (torch.arange(length)[None] < lengths[:, None]).to(self.batch.input_ids.device)

    def _padded(self, values: Tensor, like: Tensor) -> Tensor:
        """One value a token in the layout of embeddings [total_tokens, d] or [rows, length, d]; ones for padding."""
        if like.ndim == 2:
            return values
        found = torch.ones(like.shape[:2], dtype=values.dtype, device=values.device)
        found[self._real(*like.shape[:2])] = values
        return found

    def _packed(self, values: Tensor) -> Tensor:
        return values if values.ndim == 1 else values[self._real(*values.shape)]


def _tokens_of(sequences: Sequences, index: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(sequences.offsets[i], sequences.offsets[i + 1]) for i in index])
