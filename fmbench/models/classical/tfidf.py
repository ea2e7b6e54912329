"""TF-IDF and a linear model: the classical baseline for texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.classical import Classical
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import IGNORED
from fmbench.tasks.texts import joined


class TfidfLogreg(Classical):
    """Word 1-2-grams and character 2-5-grams, sublinear TF-IDF, then a linear model.

    Classes by multinomial logistic regression, sets of classes by one a class, scores by ridge regression with the
    penalty 1 / C.
    """

    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "multi-label-classification",
            "text-regression",
            "tabular-classification",
            "tabular-regression",
        }
    )
    source: ClassVar[str] = "scikit-learn"

    class Settings(Spec):
        C: float = Field(default=10.0, gt=0, description="inverse regularisation strength")
        word_ngrams: int = Field(default=2, ge=1, le=5)
        char_ngrams: int = Field(default=5, ge=0, le=8, description="longest character n-gram; 0 for none")

    def fit(self, data: Examples, seed: int) -> FittedTfidf:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline, make_union

        words = TfidfVectorizer(ngram_range=(1, self.settings.word_ngrams), sublinear_tf=True, token_pattern=r"\S+")
        parts = [words]
        if self.settings.char_ngrams:
            parts.append(
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, self.settings.char_ngrams), sublinear_tf=True)
            )
        pipeline = make_pipeline(make_union(*parts), _linear(data.kind.target, self.settings.C, seed))
        targets = data.targets(data.train)
        kept = np.flatnonzero(targets != IGNORED) if targets.ndim == 1 else np.arange(len(targets))
        texts = data.inputs(data.train)
        pipeline.fit([joined(texts[int(i)]) for i in kept], targets[kept])
        return FittedTfidf(pipeline, len(data.outputs))


def _linear(target: str, C: float, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier

    if target == "score":
        return Ridge(alpha=1 / C)
    regression = LogisticRegression(C=C, max_iter=2000, random_state=seed)
    return OneVsRestClassifier(regression) if target == "classes" else regression


class FittedTfidf:
    def __init__(self, pipeline: Any, n_outputs: int) -> None:
        self.pipeline, self.n_outputs = pipeline, n_outputs
        linear = pipeline[-1]
        fitted = [one for one in getattr(linear, "estimators_", [linear]) if hasattr(one, "coef_")]
        self.parameters = sum(int(one.coef_.size + np.size(one.intercept_)) for one in fitted)

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        texts = [joined(text) for text in inputs]
        if not hasattr(self.pipeline, "predict_proba"):
            return np.asarray(self.pipeline.predict(texts), dtype=np.float64).reshape(-1, 1)
        found = self.pipeline.predict_proba(texts)
        if hasattr(self.pipeline[-1], "estimators_"):
            return np.asarray(found)
        scores = np.zeros((len(inputs), self.n_outputs))
        scores[:, self.pipeline.classes_] = found
        return scores
