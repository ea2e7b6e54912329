"""The common end of every adaptation that reads a frozen encoder: features of one layer, then what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np

from fmbench.engine import features
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.engine.features import FrozenEncoder
from fmbench.engine.media_features import FrozenMedia
from fmbench.engine.sequences import Sequences
from fmbench.engine.work import Work
from fmbench.errors import CellFailed
from fmbench.models.media_encoder import MediaEncoder
from fmbench.tasks.examples import Examples

T = TypeVar("T", int, float)


@dataclass(frozen=True)
class FrozenPredictor:
    """Inputs -> frozen features of one layer -> scores.

    Args:
        decode: features [n_sequences or n_targets, hidden] -> scores [n_targets, n_outputs].
    """

    encoder: FrozenEncoder
    layer: int
    decode: Callable[[np.ndarray], np.ndarray]

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.run(self.encode(inputs))

    def encode(self, inputs: Sequence[Any]) -> Sequences:
        """Tokens of `inputs`."""
        return self.encoder.tokenize(inputs)

    def run(self, sequences: Sequences) -> np.ndarray:
        """Scores from tokens."""
        return self.decode(self.encoder.read_layer(sequences, self.layer))

    def work(self, sequences: Sequences) -> Work:
        """What the encoder has to do; what is made of its features is left out."""
        return self.encoder.work(sequences, self.layer)


@dataclass(frozen=True)
class FrozenMediaPredictor:
    """Images or recordings -> frozen features of one layer -> scores; it counts no tokens."""

    encoder: FrozenMedia
    layer: int
    decode: Callable[[np.ndarray], np.ndarray]

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.decode(self.encoder.features(inputs, self.layer))


def frozen_encoder(model: Any, data: Examples, device: str) -> FrozenEncoder | FrozenMedia:
    """The encoder as one that only reads the inputs of the task's kind."""
    if isinstance(model, MediaEncoder):
        return FrozenMedia(model, getattr(data.options, "sample_rate", None), device)
    return features.FrozenEncoder(model, data.kind.readout, device)


def frozen_predictor(
    encoder: FrozenEncoder | FrozenMedia, layer: int, decode: Callable[[np.ndarray], np.ndarray]
) -> FrozenPredictor | FrozenMediaPredictor:
    """What predicts from one layer of `encoder`."""
    if isinstance(encoder, FrozenMedia):
        return FrozenMediaPredictor(encoder, layer, decode)
    return FrozenPredictor(encoder, layer, decode)


@dataclass(frozen=True)
class FeaturesOnce:
    """The same predictor on features that may come from the cache."""

    predictor: FrozenPredictor | FrozenMediaPredictor
    cache: ArrayCache

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        layers = self.predictor.encoder.layers(inputs, self.cache)
        return self.predictor.decode(layers.arrays[self.predictor.layer])


def chosen_layers(adaptation: str, asked: list[int] | None, n: int) -> list[int]:
    """Layer numbers from 0; the last ones first, so that they win ties. Raises CellFailed for one that is not there."""
    if asked is None:
        return list(range(n - 1, -1, -1))
    bad = [layer for layer in asked if not -n <= layer < n]
    if bad:
        raise CellFailed(f"{adaptation}: no layer {bad[0]}; this model has 0 (embeddings) to {n - 1}")
    return list(dict.fromkeys(layer % n for layer in asked))


def choose(
    layers: Sequence[int], options: Sequence[T], score: Callable[[int, T], float], context: FitContext
) -> tuple[int, T]:
    """The best layer at the middle option, then the best option there, by their validation scores.

    Args:
        layers, options: to choose from; the first wins a tie, an undefined score never wins.
        score: (layer, option) -> main metric on the validation rows; asked once for each.
    """

    @cache
    def validated(layer: int, option: T) -> float:
        context.check_time()
        found = score(layer, option)
        return -np.inf if np.isnan(found) else found if context.higher_is_better else -found

    layer = max(layers, key=lambda one: validated(one, options[len(options) // 2]))
    return layer, max(options, key=lambda one: validated(layer, one))
