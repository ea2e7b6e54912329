"""Answers without a language model: the beginning of the text itself, and the answer of the most similar known text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.classical.classical import Classical, Predicts
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_WORD_END = re.compile(r"(?<=\S)\s+")
MOST_AUTO = 20
FALLBACK = 3
TOGETHER = 256


def pieces(text: str, unit: str) -> list[str]:
    """The parts of a text in order: its sentences (a line break ends one too), words, or the whole text."""
    if unit == "text":
        return [text]
    parts = (_SENTENCE if unit == "sentences" else _WORD_END).split(text)
    return [part.strip() for part in parts if part.strip()]


def texts(answers: Sequence[str]) -> np.ndarray:
    """Objects [n, 1], what a model of texts gives."""
    found = np.empty((len(answers), 1), dtype=object)
    found[:, 0] = answers
    return found


class Lead(Classical):
    """The first sentences or words of the text, or all of it: what a summary or a translation has to beat.

    `count: auto` takes so many that the mean length comes nearest to that of the training references in characters, 3
    where there are none; no score is looked at.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"text-generation"})

    class Settings(Spec):
        unit: Literal["sentences", "words", "text"] = Field(default="sentences", description="text: all of it")
        count: int | Literal["auto"] = Field(default="auto", description="how many, or auto: as long as references are")

    def fit(self, data: Examples, seed: int) -> Predicts:
        unit, count = self.settings.unit, self.settings.count
        chosen = _as_long_as_references(data, unit) if count == "auto" else count
        return Predicts(lambda inputs: texts([_first(text, unit, chosen) for text in inputs]))


def _first(text: str, unit: str, count: int) -> str:
    return " ".join(pieces(text, unit)[:count])


def _as_long_as_references(data: Examples, unit: str) -> int:
    if not len(data.train) or unit == "text":
        return FALLBACK
    wanted = np.mean([len(text) for text in data.targets(data.train)])
    parts = [pieces(text, unit) for text in data.inputs(data.train)]
    most = max(1, min(max(map(len, parts)), MOST_AUTO if unit == "sentences" else 20 * MOST_AUTO))
    off = [abs(np.mean([len(" ".join(part[:count])) for part in parts]) - wanted) for count in range(1, most + 1)]
    return int(np.argmin(off)) + 1


class NearestAnswer(Classical):
    """The first reference of the training text with the highest cosine of TF-IDF vectors; of equal ones the first."""

    source: ClassVar[str] = "scikit-learn"
    kinds: ClassVar[frozenset[str]] = frozenset({"text-generation"})

    class Settings(Spec):
        char_ngrams: int = Field(default=0, ge=0, le=8, description="longest character n-gram; 0 for whole words")
        sublinear_tf: bool = Field(default=True, description="1 + log of a term's count instead of the count")

    def fit(self, data: Examples, seed: int) -> Predicts:
        from sklearn.feature_extraction.text import TfidfVectorizer

        if not len(data.train):
            raise CellFailed("nearest-answer needs training rows, and this task has none")
        longest = self.settings.char_ngrams
        terms: dict[str, Any] = {"token_pattern": r"\w+"}
        if longest:
            terms = {"analyzer": "char_wb", "ngram_range": (min(2, longest), longest)}
        vectorizer = TfidfVectorizer(sublinear_tf=self.settings.sublinear_tf, **terms)
        try:
            known = vectorizer.fit_transform(data.inputs(data.train)).T.tocsr()
        except ValueError as error:
            raise CellFailed(f"nearest-answer: {error}") from None
        answers = data.targets(data.train)
        return Predicts(_nearest(vectorizer, known, answers), int(known.nnz))


def _nearest(vectorizer: Any, known: Any, answers: np.ndarray) -> Callable[[Sequence[Any]], np.ndarray]:
    def predict(inputs: Sequence[Any]) -> np.ndarray:
        found: list[str] = []
        for start in range(0, len(inputs), TOGETHER):
            cosines = (vectorizer.transform(inputs[start : start + TOGETHER]) @ known).toarray()
            found += answers[np.round(cosines, 10).argmax(axis=1)].tolist()
        return texts(found)

    return predict
