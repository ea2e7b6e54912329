"""Options of a question, chosen by what is nearest to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmbench.engine.features import FrozenEncoder
from fmbench.models.options import option_shares


@dataclass(frozen=True)
class CosineChoice:
    """The softmax of the cosines of a question with each of its options; all texts go through the encoder once."""

    encoder: FrozenEncoder
    n_outputs: int

    def predict(self, inputs: Sequence[Sequence[str]]) -> np.ndarray:
        """Lists [question, option, ...] -> probabilities [n, n_outputs]."""

        def vectors(texts: Sequence[str]) -> np.ndarray:
            return self.encoder.features(texts, self.encoder.n_layers)

        return nearest_options(inputs, vectors, self.n_outputs)


def nearest_options(
    inputs: Sequence[Sequence[str]], vectors: Callable[[Sequence[str]], np.ndarray], n_outputs: int
) -> np.ndarray:
    """Probabilities [n, n_outputs] from the cosines of unique texts' vectors [n_texts, width]; 0 for no option."""
    unique = list(dict.fromkeys(text for row in inputs for text in row))
    place = {text: i for i, text in enumerate(unique)}
    found = vectors(unique).astype(np.float64)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    cosines = [
        found[[place[option] for option in options[:n_outputs]]] @ found[place[question]]
        for question, *options in inputs
    ]
    return option_shares(cosines, n_outputs)
