"""`zero-shot`: a pretrained encoder as it is; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

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


class ZeroShot:
    """The cosine of the two texts' vectors, pooled over the last layer as the model's settings say."""

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset({"sentence-similarity"})

    class Settings(Spec):
        pass

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: ZeroShot.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.engine.features import FrozenEncoder

        encoder = FrozenEncoder(model, data.kind.readout, context.device)
        notes = {"execution": encoder.path, "layer": encoder.n_layers}
        predictor = CosinePredictor(encoder)
        return Fitted(predictor, encoder.parameters, 0, {}, notes, CosinesOnce(predictor, context.cache))


@dataclass(frozen=True)
class CosinePredictor:
    """Pairs of texts -> cosines of their vectors, float64 [n_pairs, 1]."""

    encoder: FrozenEncoder

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.run(self.encode(inputs))

    def encode(self, inputs: Sequence[Any]) -> Sequences:
        """Tokens of `inputs`."""
        return self.encoder.tokenize(inputs)

    def run(self, sequences: Sequences) -> np.ndarray:
        """Cosines from tokens."""
        from fmbench.engine.predict import pair_cosines

        return pair_cosines(self.encoder.read_layer(sequences, self.encoder.n_layers))

    def work(self, sequences: Sequences) -> Work:
        """What `run` has to do."""
        return self.encoder.work(sequences, self.encoder.n_layers)


@dataclass(frozen=True)
class CosinesOnce:
    """The same predictor on features that may come from the cache."""

    predictor: CosinePredictor
    cache: ArrayCache

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        from fmbench.engine.predict import pair_cosines

        features, _ = self.predictor.encoder.layers(inputs, self.cache)
        return pair_cosines(features[-1])
