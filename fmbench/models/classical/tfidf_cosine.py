"""The cosine of TF-IDF vectors: the classical baseline for the similarity of texts, and for options of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical
from fmbench.models.options import option_shares
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples


class TfidfCosine(Classical):
    """Character n-grams or words, weighted by their inverse frequency in the training texts; no score is looked at."""

    kinds: ClassVar[frozenset[str]] = frozenset({"sentence-similarity", "multiple-choice"})
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        char_ngrams: int = Field(default=5, ge=0, le=8, description="longest character n-gram; 0 for whole words")
        sublinear_tf: bool = Field(default=True, description="1 + log of a term's count instead of the count")

    def fit(self, data: Examples, seed: int) -> FittedTfidfCosine:
        from sklearn.feature_extraction.text import TfidfVectorizer

        from fmbench.errors import CellFailed

        longest = self.settings.char_ngrams
        terms = {"analyzer": "char_wb", "ngram_range": (min(2, longest), longest)} if longest else {}
        vectorizer = TfidfVectorizer(sublinear_tf=self.settings.sublinear_tf, **terms)
        try:
            vectorizer.fit([text for texts in data.inputs(data.train) for text in texts])
        except ValueError as error:
            raise CellFailed(f"tfidf-cosine: {error}") from None
        return FittedTfidfCosine(vectorizer, len(data.outputs), data.kind.readout == "choice")


class FittedTfidfCosine:
    def __init__(self, vectorizer: Any, n_outputs: int, options: bool) -> None:
        self.vectorizer, self.n_outputs, self.options = vectorizer, n_outputs, options
        self.parameters = len(vectorizer.vocabulary_)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Cosines, float64 [n_pairs, 1], 0 where a text has no known term; or probabilities of options."""
        if self.options:
            return self._options(inputs)
        first, second = (self.vectorizer.transform([pair[i] for pair in inputs]) for i in (0, 1))
        return np.asarray(first.multiply(second).sum(axis=1), dtype=np.float64).reshape(-1, 1)

    def _options(self, inputs: Sequence[Any]) -> np.ndarray:
        """[n, n_outputs]: by the cosine of each option with the question."""
        cosines = []
        for question, *options in inputs:
            vectors = self.vectorizer.transform([question, *options[: self.n_outputs]])
            cosines.append((vectors[1:] @ vectors[0].T).toarray()[:, 0])
        return option_shares(cosines, self.n_outputs)
