"""ROUGE-1, -2, -L and -Lsum (Lin 2004) as rouge-score computes them: the mean over items of the F1 with the reference.

Tokens are runs of a-z and 0-9 in lower case, so that other scripts have none; `_stem` takes their stems if they are
longer than three letters, as `use_stemmer=True` does. Of several references the one with the highest F1 counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric
from fmbench.measure.texts.grams import overlaps, words
from fmbench.measure.texts.pairs import KINDS, Pairs, Texts, mapped
from fmbench.measure.texts.porter import stem
from fmbench.stats.sums import ratio, shares

Tokenize = Callable[[str], list[str]]
Tokens = list[str]
_WORD = re.compile(r"[a-z0-9]+")


def plain_tokens(text: str) -> Tokens:
    return _WORD.findall(text.lower())


def stemmed_tokens(text: str) -> Tokens:
    return [stem(token) if len(token) > 3 else token for token in plain_tokens(text)]


def f1(matches: np.ndarray, generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """F1 [n] of how many of both sides' tokens match; 0 where none does."""
    precision, recall = matches / np.maximum(generated, 1), matches / np.maximum(reference, 1)
    with np.errstate(invalid="ignore"):
        found = 2 * precision * recall / (precision + recall)
    return np.where(matches > 0, found, 0.0)


def rouge_n(pairs: Pairs, order: int, tokenize: Tokenize) -> np.ndarray:
    """F1 of the n-grams of each pair, float64 [n_pairs]."""
    tokens = mapped(tokenize, [*pairs.generated, *pairs.references])
    counts = overlaps(words(tokens), order)[:, order - 1]
    return f1(counts[:, 2], counts[:, 0], counts[:, 1])


def rouge_l(pairs: Pairs, tokenize: Tokenize) -> np.ndarray:
    """F1 of the longest common subsequence of each pair, float64 [n_pairs]."""
    generated, references = (mapped(tokenize, side) for side in (pairs.generated, pairs.references))
    counts = np.array([(common(a, b), len(a), len(b)) for a, b in zip(generated, references, strict=True)])
    return f1(*counts.reshape(-1, 3).T)


def rouge_lsum(pairs: Pairs, tokenize: Tokenize) -> np.ndarray:
    """F1 of the union of common subsequences of each line of the reference with all generated ones, [n_pairs]."""

    def lines(text: str) -> list[Tokens]:
        return [tokenize(line) for line in text.split("\n") if line]

    found = []
    for mine, theirs in zip(pairs.generated, pairs.references, strict=True):
        generated, reference = lines(mine), lines(theirs)
        found.append((_union(generated, reference), sum(map(len, generated)), sum(map(len, reference))))
    return f1(*np.array(found).reshape(-1, 3).T)


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bits of whole numbers (Hyyrö 2004, AWOCA)."""
    return len(first) - _rows(first, second)[-1].bit_count()


def _rows(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """After each token of `second`: bit i is 0 where the i-th of `first` makes the common subsequence longer."""
    places: dict[str, int] = {}
    for i, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << i
    full = (1 << len(first)) - 1
    row, rows = full, [full]
    for token in second:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & full
        rows.append(row)
    return rows


def _places(first: Sequence[str], second: Sequence[str]) -> set[int]:
    """Where in `first` its common subsequence with `second` stands; of several the one that ends last."""
    rows, i, j = _rows(first, second), len(first), len(second)
    found: set[int] = set()
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            found.add(i)
        elif not (rows[j] >> (i - 1)) & 1:
            j -= 1
        else:
            i -= 1
    return found


def _union(generated: Sequence[Tokens], reference: Sequence[Tokens]) -> int:
    """Tokens of the reference that stand in a common subsequence with some generated line, none counted twice."""
    left = Counter(token for line in generated for token in line)
    theirs = Counter(token for line in reference for token in line)
    hits = 0
    for line in reference:
        for i in sorted(set().union(*(_places(line, other) for other in generated))):
            if left[line[i]] > 0 and theirs[line[i]] > 0:
                hits += 1
                left[line[i]] -= 1
                theirs[line[i]] -= 1
    return hits


def _metric(name: str, score: Callable[[Pairs], np.ndarray]) -> SummedMetric:
    def items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        pairs = Texts.of(predictions).pairs()
        scores = score(pairs)
        return shares(scores[pairs.best(scores)])

    return SummedMetric(name, KINDS, items, ratio, lambda n_labels: 0.0)


rouge1 = _metric("rouge1", lambda pairs: rouge_n(pairs, 1, plain_tokens))
rouge2 = _metric("rouge2", lambda pairs: rouge_n(pairs, 2, plain_tokens))
rougel = _metric("rougel", lambda pairs: rouge_l(pairs, plain_tokens))
rougelsum = _metric("rougelsum", lambda pairs: rouge_lsum(pairs, plain_tokens))
rouge1_stem = _metric("rouge1_stem", lambda pairs: rouge_n(pairs, 1, stemmed_tokens))
rouge2_stem = _metric("rouge2_stem", lambda pairs: rouge_n(pairs, 2, stemmed_tokens))
rougel_stem = _metric("rougel_stem", lambda pairs: rouge_l(pairs, stemmed_tokens))
rougelsum_stem = _metric("rougelsum_stem", lambda pairs: rouge_lsum(pairs, stemmed_tokens))
