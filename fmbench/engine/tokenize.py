"""Texts and token lists -> Sequences, in batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tokenizers

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.sequences import Sequences
from fmbench.models.encoder import Encoder, weights_sha256
from fmbench.models.nets.words import WordTokenizer
from fmbench.tasks.kind import Readout as Readout
from fmbench.tasks.texts import joined

Tokenize = Callable[[Sequence[Any]], Sequences]
VERSION = 2


class SubwordTokenizer:
    """Batch tokenisation with a fast tokenizer of transformers.

    Texts longer than `max_length` subwords are cut, and counted. Sentences of words are not cut but split at word
    boundaries into several sequences (a single word that is longer loses its end, and is counted); each word is read at
    its first subword (at the first special token if it has none, as a lone control character does). A pair of texts
    becomes two sequences; two texts that are read as one become one, with the model's separator between them and the
    longer one cut first. All tokens are of type 0, as in the RoBERTa family and in sentence-transformers' training. A
    question with its options becomes one such sequence an option.

    Args:
        tokenizer: a fast tokenizer.
        readout: "sequence" for texts or lists of two, "token" for lists of words, "pair" for lists of two texts,
            "choice" for lists of a text and its options.
        max_length: most tokens of a sequence, special ones included.
    """

    def __init__(self, tokenizer: Any, readout: Readout, max_length: int) -> None:
        self.prefix, self.suffix = _special_tokens(tokenizer)
        self.readout, self.max_length = readout, max_length
        self.middle = _between(tokenizer, self.prefix, self.suffix)
        self.room = max_length - len(self.prefix) - len(self.suffix)
        self.backend = copy.deepcopy(tokenizer.backend_tokenizer)
        self.backend.no_truncation()
        self.backend.no_padding()

    def __call__(self, inputs: Sequence[Any]) -> Sequences:
        """Tokenise `inputs`."""
        if self.readout == "token":
            return self._sentences(inputs)
        if self.readout == "pair":
            return self._texts([text for pair in inputs for text in pair])
        if self.readout == "choice":
            return self._pairs([[prompt, option] for prompt, *options in inputs for option in options])
        return self._pairs(inputs) if inputs and not isinstance(inputs[0], str) else self._texts(list(inputs))

    @cached_property
    def key(self) -> str:
        """A hash of everything that decides what tokens a text becomes."""
        return content_key(
            [
                VERSION,
                tokenizers.__version__,
                self.backend.to_str(),
                self.prefix,
                self.middle,
                self.suffix,
                self.readout,
                self.room,
            ]
        )

    def _texts(self, texts: list[str]) -> Sequences:
        encoded = [one.ids for one in self.backend.encode_batch_fast(texts, add_special_tokens=False)]
        cut = sum(len(ids) > self.room for ids in encoded)
        return _flat([[*self.prefix, *ids[: self.room], *self.suffix] for ids in encoded], cut=cut)

    def _pairs(self, inputs: Sequence[Sequence[str]]) -> Sequences:
        encoded = [
            one.ids for one in self.backend.encode_batch_fast([t for p in inputs for t in p], add_special_tokens=False)
        ]
        rows, cut, room = [], 0, self.room - len(self.middle)
        for first, second in zip(encoded[::2], encoded[1::2], strict=True):
            keep_first, keep_second = _longest_first(len(first), len(second), room)
            cut += len(first) + len(second) > room
            rows.append([*self.prefix, *first[:keep_first], *self.middle, *second[:keep_second], *self.suffix])
        return _flat(rows, cut=cut)

    def _sentences(self, inputs: Sequence[Sequence[str]]) -> Sequences:
        encoded = self.backend.encode_batch(list(inputs), is_pretokenized=True, add_special_tokens=False)
        rows: list[list[int]] = []
        reads: list[list[int]] = []
        cut = 0
        for words, one in zip(inputs, encoded, strict=True):
            ids = one.ids
            pieces = _chunks(ids, one.word_ids, len(words), self.room)
            cut += sum(len(piece) for piece, _ in pieces) < len(ids)
            for piece, first in pieces:
                rows.append([*self.prefix, *piece, *self.suffix])
                reads.append([len(self.prefix) + at if at >= 0 else 0 for at in first])
        return _flat(rows, reads, cut)


def tokenize_once(tokenize: Tokenize, inputs: Sequence[Any], cache: ArrayCache) -> Sequences:
    """`tokenize(inputs)`, from the cache if these inputs went through this tokenizer before.

    Only tokenizers with a `key` are cached: one that numbers the words it meets must meet them.
    """
    own = getattr(tokenize, "key", None)
    if own is None:
        return tokenize(inputs)
    key = content_key(["tokens", own, list(inputs)])
    stored = cache.load(key)
    if stored is not None:
        return Sequences.from_array(stored)
    made = tokenize(inputs)
    cache.store(key, made.to_array())
    return made


def model_tokenizer(model: Encoder, readout: Readout) -> SubwordTokenizer:
    """The tokenisation that belongs to a pretrained encoder, within its longest sequence; made once in a process."""
    key = (weights_sha256(model.folder), readout, model.settings.max_length, model.trust_remote_code)
    if key not in _MADE:
        while len(_MADE) >= MADE_MOST:
            del _MADE[next(iter(_MADE))]
        _MADE[key] = _model_tokenizer(model, readout)
    return _MADE[key]


_MADE: dict[Any, SubwordTokenizer] = {}
MADE_MOST = 8


def _model_tokenizer(model: Encoder, readout: Readout) -> SubwordTokenizer:
    tokenizer = model.tokenizer(words=readout == "token")
    limits = [model.settings.max_length, int(tokenizer.model_max_length)]
    config = model.network.config
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        after_padding = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
        limits.append(positions - 2 if after_padding else positions)
    return SubwordTokenizer(tokenizer, readout, min(limits))


def word_tokenizer(tokenizer: WordTokenizer, readout: Readout, max_length: int) -> Tokenize:
    """The same for whole words: one token a word."""

    def pairs(inputs: Sequence[Any]) -> Sequences:
        return texts([text for pair in inputs for text in pair])

    def texts(inputs: Sequence[Any]) -> Sequences:
        split = [tokenizer.words(joined(text)) for text in inputs]
        return _flat(
            [tokenizer.encode(words[:max_length]) for words in split],
            cut=sum(len(words) > max_length for words in split),
        )

    def sentences(inputs: Sequence[Any]) -> Sequences:
        pieces = [words[i : i + max_length] for words in inputs for i in range(0, len(words), max_length)]
        return _flat([tokenizer.encode(piece) for piece in pieces], [list(range(len(piece))) for piece in pieces])

    def options(inputs: Sequence[Any]) -> Sequences:
        return texts([[prompt, option] for prompt, *rest in inputs for option in rest])

    return {"sequence": texts, "token": sentences, "pair": pairs, "choice": options}[readout]


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a single sequence."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    return [], []


def _between(tokenizer: Any, prefix: list[int], suffix: list[int]) -> list[int]:
    """What the tokenizer puts between two texts that it reads as one."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", "a", add_special_tokens=True)["input_ids"]
    return list(full[len(prefix) + len(bare) : len(full) - len(suffix) - len(bare)])


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of two texts stay if the longer one is cut first until both fit (transformers' longest_first)."""
    excess = max(0, first + second - room)
    alone = min(excess, abs(first - second))
    first, second = (first - alone, second) if first > second else (first, second - alone)
    rest = excess - alone
    return max(0, first - rest // 2), max(0, second - (rest - rest // 2))


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
