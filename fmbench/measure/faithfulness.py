"""Do the words that an attribution names matter to the model (faithfulness), and are they people's (plausibility)?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmbench.measure.attributions import Attributions, Span, Subject, without

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)
"""Shares of a text's words that are taken out, as in ERASER (DeYoung et al. 2020, ACL, section 4); at least a word."""


def highest(attributions: np.ndarray, k: int) -> np.ndarray:
    """bool [n_words]: the `k` words of the highest attribution; of equal ones the first."""
    chosen = np.zeros(len(attributions), dtype=bool)
    chosen[np.argsort(-attributions, kind="stable")[:k]] = True
    return chosen


def faithfulness(subject: Subject, attributions: Attributions) -> tuple[np.ndarray, np.ndarray]:
    """Comprehensiveness and sufficiency of each text, float64 [n] each.

    Comprehensiveness is the mean over `SHARES` of how far the probability of the explained class falls without the
    words of the highest attribution; sufficiency is how far it falls with nothing but those.
    """
    texts: list[str] = []
    for text, words, found in zip(subject.texts, subject.words, attributions, strict=True):
        for share in SHARES:
            chosen = highest(found, max(1, int(np.ceil(share * len(words) - 1e-9))))
            texts += [without(text, words, chosen), without(text, words, ~chosen)]
    classes = np.repeat(subject.classes, 2 * len(SHARES))
    left = subject.ask(texts)[np.arange(len(texts)), classes].reshape(-1, len(SHARES), 2).mean(axis=1)
    whole = subject.ask(subject.texts)[np.arange(len(subject.texts)), subject.classes]
    return whole - left[:, 0], whole - left[:, 1]


def evidence_words(words: Sequence[Span], spans: Sequence[Span]) -> np.ndarray:
    """bool [n_words]: words that share a character with a span."""
    return np.array([any(start < b and a < end for a, b in spans) for start, end in words], dtype=bool)


def plausibility(attributions: np.ndarray, evidence: np.ndarray) -> tuple[float, float, float]:
    """Average precision, token F1 and intersection over union of attributions against evidence words.

    F1 and IOU take as many words as there are evidence words; average precision takes the order of all.
    """
    k = int(evidence.sum())
    shared = int((highest(attributions, k) & evidence).sum())
    return average_precision(attributions, evidence), shared / k, shared / (2 * k - shared)


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Area under the precision-recall curve as a sum of steps, equal scores at once, as in scikit-learn."""
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(relevant[order]), scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())
