"""Corpus BLEU (Papineni et al. 2002, ACL) with the tokens and the smoothing that sacrebleu takes (Post 2018, WMT).

Scores are shares from 0 to 1, sacrebleu's over 100.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric
from fmbench.measure.texts.grams import grams, shared, summed, words
from fmbench.measure.texts.pairs import KINDS, Texts

ORDER = 4
Tokenize = Callable[[Sequence[str]], list[list[str]]]

_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
"""The language-independent rules of mteval-v13a: symbols apart; periods, commas and dashes unless inside a number."""
_HAN = (
    "\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u33ff\u3400-\u4db5"
    "\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef"
)
"""What sacrebleu takes for Chinese: it means Extension B, and reads U+2001 to U+2A6D (dashes, quotes, arrows)."""
_EACH_HAN = re.compile(f"([{_HAN}])")


def tokens_13a(texts: Sequence[str]) -> list[list[str]]:
    """Tokens of mteval-v13a, the usual ones of machine translation.

    All lines go through the rules at once: none of them looks across the line break between two blanks.
    """
    if not texts:
        return []
    lines = [text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ") for text in texts]
    return [line.split() for line in _apart("\n".join(f" {_plain(line)} " for line in lines)).split("\n")]


def tokens_zh(texts: Sequence[str]) -> list[list[str]]:
    """Every Chinese character for itself, the rest as mteval-v13a does."""
    return [_apart(_EACH_HAN.sub(r" \1 ", text.strip())).split() for text in texts]


def tokens_char(texts: Sequence[str]) -> list[list[str]]:
    """Every character for itself, blanks left out."""
    return [" ".join(text.rstrip()).split() for text in texts]


def _plain(line: str) -> str:
    if "&" in line:
        for code, character in _ENTITIES:
            line = line.replace(code, character)
    return line


def _apart(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def bleu_items(generated: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """Statistics int64 [n, 2 ORDER + 2] of tokens: right and all n-grams by length, tokens, tokens of the reference.

    An n-gram is right as often as the reference with most of it has it; the reference's length is the nearest one, the
    shorter of two that are as near.
    """
    n = len(generated)
    owner = np.repeat(np.arange(n), [len(own) for own in references])
    both = words([*generated, *(tokens for own in references for tokens in own)])
    lengths, others = both.lengths[:n], both.lengths[n:]
    found = np.zeros((n, 2 * ORDER + 2), dtype=np.int64)
    for i, one in enumerate(grams(both, ORDER)):
        ahead = one.sequence < n
        mine, counts = one.keys(ahead, one.sequence)
        theirs, most = one.keys(~ahead, one.sequence - n)
        theirs, most = _highest(owner[theirs // one.size] * one.size + theirs % one.size, most)
        found[:, i] = summed(mine // one.size, shared(mine, counts, theirs, most), n)
    found[:, ORDER : 2 * ORDER] = np.maximum(lengths[:, None] - np.arange(ORDER), 0)
    nearest = np.lexsort((others, np.abs(others - lengths[owner]), owner))
    found[:, -2] = lengths
    found[:, -1] = others[nearest[np.flatnonzero(np.diff(owner[nearest], prepend=-1))]]
    return found


def _highest(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different keys in rising order, each with its highest count."""
    if not len(keys):
        return keys, counts
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    return keys[first], np.maximum.reduceat(counts, first)


def bleu_value(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 2 ORDER + 2] -> BLEU [...]: the geometric mean of the precisions times the brevity penalty.

    The k-th precision without a match counts 1 / (2^k n) instead ("exp" smoothing of mteval); without any match, or
    without n-grams of the longest length, the score is 0.
    """
    right, total = sums[..., :ORDER], sums[..., ORDER : 2 * ORDER]
    length, wanted = sums[..., -2], sums[..., -1]
    misses = np.cumsum(right == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(right > 0, right, 0.5**misses) / total
        mean = np.exp(np.log(precision).mean(axis=-1))
        penalty = np.where(length < wanted, np.exp(1 - wanted / length), 1.0)
        found = mean * penalty
    return np.where((total > 0).all(axis=-1) & (right > 0).any(axis=-1), found, 0.0)


def _metric(name: str, tokenize: Tokenize) -> SummedMetric:
    def items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        texts = Texts.of(predictions)
        flat = iter(tokenize([text for own in texts.references for text in own]))
        references = [[next(flat) for _ in own] for own in texts.references]
        return bleu_items(tokenize(texts.generated), references).astype(np.float64)

    return SummedMetric(name, KINDS, items, bleu_value, lambda n_labels: 0.0)


bleu = _metric("bleu", tokens_13a)
bleu_zh = _metric("bleu_zh", tokens_zh)
bleu_char = _metric("bleu_char", tokens_char)
