"""Texts and token lists -> Sequences, in batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from fmbench.engine.sequences import Sequences
from fmbench.models.encoder import Encoder
from fmbench.models.nets.words import WordTokenizer

Readout = Literal["sequence", "token", "pair"]
Tokenize = Callable[[Sequence[Any]], Sequences]

_BARE: dict[str, Any] = {
    "add_special_tokens": False,
    "truncation": False,
    "padding": False,
    "verbose": False,
    "return_attention_mask": False,
    "return_token_type_ids": False,
}
"""What a call of a tokenizer is told, so that it gives all subwords and nothing else."""


def subword_tokenizer(tokenizer: Any, readout: Readout, max_length: int) -> Tokenize:
    """Batch tokenisation with a fast tokenizer of transformers.

    Texts longer than `max_length` subwords are cut, and counted. Sentences of words are not cut but split at word
    boundaries into several sequences (a single word that is longer loses its end, and is counted); each word is read at
    its first subword (at the first special token if it has none, as a lone control character does).

    Args:
        tokenizer: a fast tokenizer.
        readout: "sequence" for texts, "token" for lists of words.
        max_length: most tokens of a sequence, special ones included.
    """
    prefix, suffix = _special_tokens(tokenizer)
    room = max_length - len(prefix) - len(suffix)

    def texts(inputs: Sequence[Any]) -> Sequences:
        if not len(inputs):
            return _flat([])
        encoded = tokenizer(list(inputs), **_BARE)["input_ids"]
        cut = sum(len(ids) > room for ids in encoded)
        return _flat([[*prefix, *ids[:room], *suffix] for ids in encoded], cut=cut)

    def sentences(inputs: Sequence[Any]) -> Sequences:
        encoded = tokenizer(list(inputs), is_split_into_words=True, **_BARE)
        rows: list[list[int]] = []
        reads: list[list[int]] = []
        cut = 0
        for i, words in enumerate(inputs):
            pieces = _chunks(encoded["input_ids"][i], encoded.word_ids(i), len(words), room)
            cut += sum(len(ids) for ids, _ in pieces) < len(encoded["input_ids"][i])
            for ids, first in pieces:
                rows.append([*prefix, *ids, *suffix])
                reads.append([len(prefix) + at if at >= 0 else 0 for at in first])
        return _flat(rows, reads, cut)

    return texts if readout == "sequence" else sentences


def model_tokenizer(model: Encoder, readout: Readout) -> Tokenize:
    """The tokenisation that belongs to a pretrained encoder, within its longest sequence."""
    tokenizer = model.tokenizer(words=readout == "token")
    limits = [model.settings.max_length, int(tokenizer.model_max_length)]
    config = model.network.config
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        after_padding = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
        limits.append(positions - 2 if after_padding else positions)
    return subword_tokenizer(tokenizer, readout, min(limits))


def word_tokenizer(tokenizer: WordTokenizer, readout: Readout, max_length: int) -> Tokenize:
    """The same for whole words: one token a word."""

    def texts(inputs: Sequence[Any]) -> Sequences:
        split = [tokenizer.words(text) for text in inputs]
        return _flat(
            [tokenizer.encode(words[:max_length]) for words in split],
            cut=sum(len(words) > max_length for words in split),
        )

    def sentences(inputs: Sequence[Any]) -> Sequences:
        pieces = [words[i : i + max_length] for words in inputs for i in range(0, len(words), max_length)]
        return _flat([tokenizer.encode(piece) for piece in pieces], [list(range(len(piece))) for piece in pieces])

    return texts if readout == "sequence" else sentences


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a single sequence."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    return [], []


def _chunks(ids: list[int], words: list[int | None], n_words: int, room: int) -> list[tuple[list[int], list[int]]]:
    """A sentence as pieces of at most `room` subwords: (ids, first subword of each word or -1)."""
    first = np.full(n_words, -1, dtype=np.int64)
    for position in range(len(ids) - 1, -1, -1):
        word = words[position]
        if word is not None:
            first[word] = position
    if len(ids) <= room:
        return [(ids, first.tolist())]
    starts = first.copy()
    following = len(ids)
    for word in range(n_words - 1, -1, -1):
        following = starts[word] = starts[word] if starts[word] >= 0 else following
    ends = np.append(starts[1:], len(ids))
    pieces: list[tuple[list[int], list[int]]] = []
    begin = 0
    for word in range(n_words):
        if word + 1 == n_words or ends[word + 1] - starts[begin] > room:
            base = int(starts[begin])
            reads = [int(at) - base if at >= 0 else -1 for at in first[begin : word + 1]]
            pieces.append((ids[base : min(int(ends[word]), base + room)], reads))
            begin = word + 1
    return pieces


def _flat(rows: list[list[int]], reads: list[list[int]] | None = None, cut: int = 0) -> Sequences:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    ids = np.fromiter((token for row in rows for token in row), dtype=np.int64, count=int(offsets[-1]))
    if reads is None:
        return Sequences(ids, offsets, cut=cut)
    counts = np.array([len(read) for read in reads], dtype=np.int64)
    flat = np.fromiter((at for read in reads for at in read), dtype=np.int64, count=int(counts.sum()))
    return Sequences(
        ids, offsets, flat + np.repeat(offsets[:-1], counts), np.concatenate([[0], np.cumsum(counts)]), cut
    )
