"""Words as bags of hashed character n-grams (Bojanowski et al. 2017, TACL 5), so that unseen words have a meaning."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
"""Kana and ideographs: written without spaces, so each is a word, as in BERT's tokenizer."""

_WORD = re.compile(rf"[{ALONE}]|[^\W{ALONE}]+|[^\w\s]")


class WordTokenizer:
    """Numbers word types as it meets them, and knows the n-grams of each.

    Args:
        buckets: hash buckets; bucket 0 is kept for padding.
    """

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self._ids: dict[str, int] = {}
        self.grams: list[np.ndarray] = []

    def words(self, text: str) -> list[str]:
        """A text as words and punctuation marks; each Chinese or Japanese character is a word."""
        return _WORD.findall(text) or [text]

    def encode(self, words: Sequence[str]) -> list[int]:
        """Type numbers of `words`; new types are added."""
        return [self._ids[word] if word in self._ids else self._add(word) for word in words]

    def _add(self, word: str) -> int:
        lower = f"<{word.lower()}>"
        shape = re.sub(r"\d", "0", re.sub(r"[a-z]", "x", re.sub(r"[A-Z]", "X", word)))
        shape = "shape:" + re.sub(r"(.)\1{3,}", r"\1\1\1", shape)
        grams = {lower, shape, *(lower[i : i + n] for n in (2, 3, 4) for i in range(len(lower) - n + 1))}
        hashed = sorted(1 + zlib.crc32(gram.encode()) % (self.buckets - 1) for gram in grams)
        self.grams.append(np.array(hashed, dtype=np.int64))
        self._ids[word] = len(self._ids)
        return self._ids[word]
