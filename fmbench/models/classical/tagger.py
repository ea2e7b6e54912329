"""The classical baseline for tokens: a linear tagger on features of a word and of its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical, Predicts
from fmbench.models.classical.pixels import fitted_quietly
from fmbench.models.classical.tables import over_all_classes
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import IGNORED

START, END = "\x02", "\x03"
"""What stands before and after a sentence: the characters "start of text" and "end of text"."""
AFFIX = 4
"""Longest prefix and suffix, in characters."""


class WordLogreg(Classical):
    """Multinomial logistic regression on one-hot features of each token and its neighbours (scikit-learn, L-BFGS).

    Every token is tagged on its own: neither the tags before it nor those after it are seen. The features are the
    local ones of Zhang and Johnson, "A Robust Risk Minimization based Named Entity Recognition System" (CoNLL 2003),
    and of the baseline of Ratinov and Roth, "Design Challenges and Misconceptions in Named Entity Recognition" (CoNLL
    2009), without gazetteers, clusters of words, parts of speech and the tags that were given before.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"token-classification"})
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        C: float = Field(default=1.0, gt=0, description="inverse regularisation strength")
        window: int = Field(default=2, ge=0, le=10, description="neighbours on each side that are seen")
        max_iter: int = Field(default=200, ge=1)

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.linear_model import LogisticRegression

        sentences, targets = data.inputs(data.train), data.targets(data.train)
        features, n_outputs = TokenFeatures(sentences, self.settings.window), len(data.outputs)
        kept = np.flatnonzero(targets != IGNORED)
        regression = LogisticRegression(C=self.settings.C, max_iter=self.settings.max_iter)
        model = fitted_quietly(regression, features(sentences)[kept], targets[kept])

        def predict(inputs: Sequence[Sequence[str]]) -> np.ndarray:
            return over_all_classes(model.predict_proba(features(inputs)), model.classes_, n_outputs)

        return Predicts(predict, int(model.coef_.size + model.intercept_.size))


class TokenFeatures:
    """Sentences as sparse rows of 0 and 1; the features are those that occur in the training sentences.

    Args:
        sentences: lists of tokens.
        window: how many neighbours on each side a token's row tells of.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], window: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        words = sorted(set(chain.from_iterable(sentences)))
        self.window = window
        self.own = CountVectorizer(analyzer=own_features, binary=True, dtype=np.float64).fit(words)
        self.around = CountVectorizer(analyzer=features_around, binary=True, dtype=np.float64)
        self.around.fit([START, END, *words])

    def __call__(self, sentences: Sequence[Sequence[str]]) -> Any:
        """A sparse float64 matrix [n_tokens, k]."""
        from scipy.sparse import hstack

        codes = {START: 0, END: 1}
        padded: list[int] = []
        places: list[int] = []
        for tokens in sentences:
            padded += [0] * self.window
            places += range(len(padded), len(padded) + len(tokens))
            padded += [codes.setdefault(token, len(codes)) for token in tokens]
            padded += [1] * self.window
        code, at, words = np.asarray(padded, dtype=np.int64), np.asarray(places, dtype=np.int64), list(codes)
        parts = [self.own.transform(words)[code[at]]]
        around = self.around.transform(words)
        parts += [around[code[at + step]] for step in range(-self.window, self.window + 1) if step]
        return hstack(parts, format="csr")


def own_features(word: str) -> list[str]:
    """What is said of a token itself: the word, its prefixes and suffixes, its shapes, its cases and digits."""
    lower, form = word.lower(), shape(word)
    found = [f"word {lower}", f"shape {form}", f"short {squeezed(form)}"]
    for n in range(1, min(AFFIX, len(lower)) + 1):
        found += [f"prefix {lower[:n]}", f"suffix {lower[-n:]}"]
    found += [flag for flag in ("isupper", "istitle", "isdigit", "isalpha") if getattr(word, flag)()]
    if "0" in form:
        found.append("has digit")
    return found


def features_around(word: str) -> list[str]:
    """What a token's neighbours are told of it, or that there is none."""
    if word in (START, END):
        return [word]
    lower = word.lower()
    return [f"word {lower}", f"suffix {lower[-3:]}", f"short {squeezed(shape(word))}"]


def shape(word: str) -> str:
    """The sort of each character: upper case `X`, lower case `x`, letter without case `c`, digit `0`, else itself."""
    return "".join(
        "X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else "c" if c.isalpha() else c for c in word
    )


def squeezed(text: str) -> str:
    """`text` with every run of one character as that character and `+`."""
    return re.sub(r"(.)\1+", r"\1+", text)
