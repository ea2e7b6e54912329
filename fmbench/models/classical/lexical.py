"""Retrieval by words: BM25 and TF-IDF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical
from fmbench.models.ranking import Ranker, document_ranker
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples

_WORDS = re.compile(r"\w+")


class BM25(Classical):
    """Okapi BM25 with Lucene's inverse document frequency (Robertson and Zaragoza 2009; Kamphuis et al. 2020).

    Lower-cased words, English stop words left out, no stemming. A document that shares no word is not returned.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"retrieval"})

    class Settings(Spec):
        k1: float = Field(default=1.5, ge=0, description="how soon more of the same word stops to count")
        b: float = Field(default=0.75, ge=0, le=1, description="how much long documents are held back")
        stop_words: bool = Field(default=True, description="leave out scikit-learn's English stop words")

    def fit(self, data: Examples, seed: int) -> FittedLexical:
        vectorizer = _vectorizer("count", self.settings.stop_words)
        counts = _fit(vectorizer, data).astype(np.float32).tocsr()
        n, own = counts.shape[0], self.settings
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log(1 + (n - df + 0.5) / (df + 0.5))
        row = np.repeat(np.arange(n), np.diff(counts.indptr))
        held = own.k1 * (1 - own.b + own.b * lengths[row] / max(lengths.mean(), 1e-9))
        counts.data = (idf[counts.indices] * counts.data / (counts.data + held)).astype(np.float32)
        return FittedLexical(vectorizer, counts.T.tocsr(), document_ranker(data))


class TfidfRetrieval(BM25):
    """The cosine of TF-IDF vectors of words."""

    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        sublinear_tf: bool = Field(default=True, description="1 + log of a term's count instead of the count")
        stop_words: bool = Field(default=True, description="leave out scikit-learn's English stop words")

    def fit(self, data: Examples, seed: int) -> FittedLexical:
        vectorizer = _vectorizer("tfidf", self.settings.stop_words, sublinear_tf=self.settings.sublinear_tf)
        return FittedLexical(vectorizer, _fit(vectorizer, data).T.tocsr(), document_ranker(data))


@dataclass(frozen=True)
class FittedLexical:
    """Weights of terms in documents, sparse [n_terms, n_documents], and the vectors of queries to multiply with."""

    vectorizer: Any
    weights: Any
    ranker: Ranker

    @property
    def parameters(self) -> int:
        return int(self.weights.nnz)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """int64 [n, 100]; -1 where no further document shares a word with the query."""
        return self.ranker.rank(self._score, inputs)

    def _score(self, queries: Sequence[Any]) -> np.ndarray:
        scores = (self.vectorizer.transform(queries) @ self.weights).toarray().astype(np.float32)
        return np.where(scores > 0, scores, -np.inf)


def _vectorizer(what: str, stop_words: bool, **more: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    made = CountVectorizer if what == "count" else TfidfVectorizer
    return made(stop_words="english" if stop_words else None, tokenizer=_WORDS.findall, token_pattern=None, **more)


def _fit(vectorizer: Any, data: Examples) -> Any:
    from fmbench.errors import CellFailed

    try:
        return vectorizer.fit_transform(data.side["documents"]["text"].to_pylist())
    except ValueError as error:
        raise CellFailed(f"no document has a word to look for: {error}") from None
