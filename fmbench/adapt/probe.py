"""`probe`: a logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.engine.features import FrozenEncoder
    from fmbench.models.encoder import Encoder
    from fmbench.tasks.examples import Examples


class Probe:
    """Pooled vectors for texts, first-subword vectors for tokens; standardised, then multinomial logistic regression.

    The features are computed once for a model and its data, and shared by all seeds and settings. The regression itself
    has no randomness, so seeds agree.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text-classification", "token-classification"})

    class Settings(Spec):
        C: list[float] = Field(
            default=[0.01, 0.1], min_length=1, description="inverse regularisation strengths; validation chooses"
        )
        max_iter: int = Field(default=200, ge=1)

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: Probe.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.engine.devices import seed_everything
        from fmbench.engine.features import FrozenEncoder

        seed_everything(context.seed)
        encoder = FrozenEncoder(model, data.kind.readout, context.device)
        train, hit = encoder.cached_features(data.inputs(data.train), context.cache)
        validation, _ = encoder.cached_features(data.inputs(data.validation), context.cache)
        targets = data.targets(data.train)
        tried: list[tuple[float, float, ProbePredictor]] = []
        for strength in settings.C:
            context.check_time()
            head = _logistic(train, targets, strength, settings.max_iter, context.seed)
            predictor = ProbePredictor(encoder, head, len(data.outputs))
            score = context.validate(predictor.classify(validation))
            tried.append((score if context.higher_is_better else -score, strength, predictor))
        best = max(tried, key=lambda entry: -np.inf if np.isnan(entry[0]) else entry[0])
        regression = best[2].head[-1]
        trainable = int(regression.coef_.size + regression.intercept_.size)
        notes = {"execution": encoder.path, "C": best[1], "features_from_cache": hit}
        return Fitted(best[2], encoder.parameters + trainable, trainable, {}, notes)


class ProbePredictor:
    """Inputs -> frozen features -> probabilities."""

    def __init__(self, encoder: FrozenEncoder, head: Any, n_outputs: int) -> None:
        self.encoder, self.head, self.n_outputs = encoder, head, n_outputs

    def classify(self, features: np.ndarray) -> np.ndarray:
        """Features [n_targets, hidden] -> probabilities [n_targets, n_outputs]."""
        scores = np.zeros((len(features), self.n_outputs))
        scores[:, self.head[-1].classes_] = self.head.predict_proba(features)
        return scores

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.classify(self.encoder.features(inputs))


def _logistic(features: np.ndarray, targets: np.ndarray, C: float, max_iter: int, seed: int) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from fmbench.tasks.kind import IGNORED

    kept = targets != IGNORED
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=max_iter, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(features[kept], targets[kept])
