"""`probe`: a logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.cache import ArrayCache
    from fmbench.engine.context import FitContext
    from fmbench.engine.features import FrozenEncoder
    from fmbench.engine.sequences import Sequences
    from fmbench.engine.work import Work
    from fmbench.models.encoder import Encoder
    from fmbench.tasks.examples import Examples

SELECTION_TARGETS = 5_000


class Probe:
    """Pooled vectors for texts, first-subword vectors for tokens; standardised, then multinomial logistic regression.

    The validation rows choose the layer (at the middle strength), then the strength. All layers come from one forward
    pass, shared by all seeds and settings. The regression itself has no randomness, so seeds agree.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text-classification", "token-classification"})

    class Settings(Spec):
        layers: list[int] | None = Field(
            default=None, min_length=1, description="layers to choose from, 0 the embeddings, -1 the last; else all"
        )
        C: list[Annotated[float, Field(gt=0)]] = Field(
            default=[0.003, 0.03, 0.3], min_length=1, description="inverse regularisation strengths to choose from"
        )
        max_iter: int = Field(default=200, ge=1)

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: Probe.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.engine.devices import seed_everything
        from fmbench.engine.features import FrozenEncoder

        seed_everything(context.seed)
        encoder = FrozenEncoder(model, data.kind.readout, context.device)
        train, hit = encoder.layers(data.inputs(data.train), context.cache)
        validation, _ = encoder.layers(data.inputs(data.validation), context.cache)
        targets = data.targets(data.train)
        part = _selection_part(len(targets))

        @cache
        def validated(layer: int, strength: float) -> float:
            context.check_time()
            head = _logistic(train[layer][part], targets[part], strength, settings.max_iter)
            score = context.validate(_classify(head, validation[layer], len(data.outputs)))
            return -np.inf if np.isnan(score) else score if context.higher_is_better else -score

        middle = settings.C[len(settings.C) // 2]
        layer = max(_layers(settings.layers, len(train)), key=lambda one: validated(one, middle))
        strength = max(settings.C, key=lambda one: validated(layer, one))
        head = _logistic(train[layer], targets, strength, settings.max_iter)
        regression = head[-1]
        trainable = int(regression.coef_.size + regression.intercept_.size)
        notes = {"execution": encoder.path, "layer": layer, "C": strength, "features_from_cache": hit}
        predictor = ProbePredictor(encoder, layer, head, len(data.outputs))
        return Fitted(
            predictor, encoder.parameters + trainable, trainable, {}, notes, FeaturesOnce(predictor, context.cache)
        )


@dataclass(frozen=True)
class ProbePredictor:
    """Inputs -> frozen features of one layer -> probabilities."""

    encoder: FrozenEncoder
    layer: int
    head: Any
    n_outputs: int

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.run(self.encode(inputs))

    def encode(self, inputs: Sequence[Any]) -> Sequences:
        """Tokens of `inputs`."""
        return self.encoder.tokenize(inputs)

    def run(self, sequences: Sequences) -> np.ndarray:
        """Probabilities from tokens."""
        return _classify(self.head, self.encoder.read_layer(sequences, self.layer), self.n_outputs)

    def work(self, sequences: Sequences) -> Work:
        """What `run` has to do."""
        return self.encoder.work(sequences, self.layer)


@dataclass(frozen=True)
class FeaturesOnce:
    """The same predictor on features that may come from the cache."""

    predictor: ProbePredictor
    cache: ArrayCache

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        own = self.predictor
        features, _ = own.encoder.layers(inputs, self.cache)
        return _classify(own.head, features[own.layer], own.n_outputs)


def _layers(asked: list[int] | None, n: int) -> list[int]:
    """Layer numbers from 0; the last ones first, so that they win ties."""
    from fmbench.errors import CellFailed

    if asked is None:
        return list(range(n - 1, -1, -1))
    bad = [layer for layer in asked if not -n <= layer < n]
    if bad:
        raise CellFailed(f"probe: no layer {bad[0]}; this model has 0 (embeddings) to {n - 1}")
    return list(dict.fromkeys(layer % n for layer in asked))


def _selection_part(n: int) -> np.ndarray:
    """Which targets layer and strength are chosen on: all, or a fixed random part of a large set."""
    if n <= SELECTION_TARGETS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, SELECTION_TARGETS, replace=False))


def _classify(head: Any, features: np.ndarray, n_outputs: int) -> np.ndarray:
    """Features [n_targets, hidden] -> probabilities [n_targets, n_outputs]."""
    scores = np.zeros((len(features), n_outputs))
    scores[:, head[-1].classes_] = head.predict_proba(features)
    return scores


def _logistic(features: np.ndarray, targets: np.ndarray, C: float, max_iter: int) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    from fmbench.tasks.kind import IGNORED

    kept = targets != IGNORED
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=max_iter))
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):  # its threads and torch's get in their way
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(features[kept], targets[kept])
