"""chrF (Popović 2015, WMT) and chrF++ (Popović 2017, WMT), as sacrebleu computes them by default.

The mean precision and recall of character n-grams up to 6, and for chrF++ of word n-grams up to 2, in one F2 score;
lengths of which one side has no n-gram are left out. Scores are shares from 0 to 1, sacrebleu's over 100.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric
from fmbench.measure.texts.grams import characters, overlaps, words
from fmbench.measure.texts.pairs import KINDS, Pairs, Texts, mapped

CHARACTERS, WORDS, BETA = 6, 2, 2
_SYMBOLS = frozenset(string.punctuation)


def chrf_counts(pairs: Pairs, word_order: int) -> np.ndarray:
    """N-grams of the generated text, of the reference, and of both: int64 [n_pairs, orders, 3]."""
    texts = [*pairs.generated, *pairs.references]
    counts = overlaps(characters(["".join(text.split()) for text in texts]), CHARACTERS)
    if word_order:
        counts = np.concatenate([counts, overlaps(words(mapped(_words, texts)), word_order)], axis=1)
    counts[..., 0] *= counts[..., 1] > 0
    return counts


def _words(text: str) -> list[str]:
    """Words, with a symbol at their end, or else at their beginning, set apart."""
    found: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _SYMBOLS:
            found += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _SYMBOLS:
            found += [word[0], word[1:]]
        else:
            found.append(word)
    return found


def f_score(counts: np.ndarray) -> np.ndarray:
    """Counts [..., orders, 3] -> F score [...]; 0 where nothing is in common."""
    mine, theirs, both = counts[..., 0], counts[..., 1], counts[..., 2]
    used = (mine > 0) & (theirs > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        orders = used.sum(axis=-1)
        precision = np.where(used, both / mine, 0.0).sum(axis=-1) / orders
        recall = np.where(used, both / theirs, 0.0).sum(axis=-1) / orders
        found = (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    return np.where(np.isfinite(found), found, 0.0)


def _metric(name: str, word_order: int) -> SummedMetric:
    orders = CHARACTERS + word_order

    def items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        pairs = Texts.of(predictions).pairs()
        counts = chrf_counts(pairs, word_order)
        best = pairs.best(f_score(counts))
        return counts[best].reshape(len(best), -1).astype(np.float64)

    def value(sums: np.ndarray) -> np.ndarray:
        return f_score(sums.reshape(*sums.shape[:-1], orders, 3))

    return SummedMetric(name, KINDS, items, value, lambda n_labels: 0.0)


chrf = _metric("chrf", 0)
chrf_words = _metric("chrf++", WORDS)
