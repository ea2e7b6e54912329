"""`zero-shot`: a pretrained encoder as it is; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.engine.features import FrozenEncoder
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

        encoder = FrozenEncoder(model, "sequence", context.device)
        notes = {"execution": encoder.path, "layer": encoder.n_layers}
        return Fitted(CosinePredictor(encoder), encoder.parameters, 0, {}, notes)


class CosinePredictor:
    """Pairs of texts -> cosines of their vectors."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        self.encoder = encoder

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """float64 [n_pairs, 1]"""
        texts = [text for pair in inputs for text in pair]
        vectors = self.encoder.features(texts, self.encoder.n_layers).astype(np.float64)
        return cosines(vectors[0::2], vectors[1::2])[:, None]


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each row of `first` [n, width] with the same row of `second`, [n]; 0 where a row is 0."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray(np.einsum("ij,ij->i", first, second) / np.where(lengths > 0, lengths, 1.0))
