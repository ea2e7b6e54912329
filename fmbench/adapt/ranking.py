"""Frozen encoders and other pretrained models that rank: items by what their texts say, documents by a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmbench.adapt.adaptation import Fitted
from fmbench.engine.cache import content_key
from fmbench.engine.context import FitContext
from fmbench.engine.features import FrozenEncoder
from fmbench.engine.taste import Choices, Space, Taste, choices_of, fit_taste, space_of
from fmbench.errors import CellFailed
from fmbench.models.encoder import Encoder
from fmbench.models.ranking import Ranker, document_ranker, item_ranker, n_items, sequences
from fmbench.tasks.examples import Examples

if TYPE_CHECKING:
    from fmbench.adapt.probe import Probe

SELECTION_CHOICES = 5_000
MOST_CHOICES = 50_000


@dataclass(frozen=True)
class HistoryRanker:
    """Cosine of each item's vector with the mean of the vectors of the history; items that nobody took rank as well.

    Args:
        vectors: of the items, unit length or 0, float32 [n_items, hidden].
    """

    vectors: np.ndarray
    ranker: Ranker

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.ranker.rank(self._score, inputs)

    def _score(self, inputs: Sequence[Any]) -> np.ndarray:
        zero = np.zeros(self.vectors.shape[1], dtype=np.float32)
        users = [self.vectors[one[1]].mean(axis=0) if len(one[1]) else zero for one in inputs]
        return np.asarray(np.stack(users) @ self.vectors.T)


@dataclass(frozen=True)
class QueryRanker:
    """Cosine of a query's vector with those of the documents, float32 [n_documents, hidden] of unit length."""

    encoder: FrozenEncoder
    vectors: np.ndarray
    ranker: Ranker

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        queries = unit(self.encoder.features(inputs, self.encoder.n_layers))
        return self.ranker.rank(lambda block: np.asarray(np.stack(block) @ self.vectors.T), list(queries))


def zero_shot_ranking(model: Encoder, data: Examples, context: FitContext) -> Fitted:
    """Nothing is trained; the vectors of items or documents are made once, and kept in the cache.

    Raises:
        CellFailed: the task has no texts of its items.
    """
    texts = texts_of(data)
    encoder = FrozenEncoder(model, "sequence", context.device)
    layers = encoder.layers(texts, context.cache)
    vectors = text_vectors(layers.arrays[encoder.n_layers], texts)
    notes = {"execution": encoder.path, "layer": encoder.n_layers, "features_from_cache": layers.from_cache}
    predictor: Any
    if "documents" in data.side:
        predictor = QueryRanker(encoder, vectors, document_ranker(data))
    else:
        predictor = HistoryRanker(vectors, item_ranker(data))
    return Fitted(predictor, encoder.parameters, 0, {}, notes)


@dataclass(frozen=True)
class TasteRanker:
    """Items by a fitted taste; those that nobody took rank by their texts as the others do.

    Args:
        items: float32 [n_items, k], in the space in which the taste was fitted.
        offered: what stands for the items where they are ranked, of the same shape; None for `items` as well.
    """

    items: np.ndarray
    taste: Taste
    ranker: Ranker
    offered: np.ndarray | None = None

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.ranker.rank(self._score, inputs)

    def _score(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.taste.scores(self.items, [one[1] for one in inputs], self.offered)


@dataclass(frozen=True)
class Probed:
    """A taste on frozen vectors, and what it was fitted to.

    Args:
        layer: of the encoder; `strength` is the C of the fit. The validation rows chose both.
        taken: bool [n_items], whether somebody took the item in train.
    """

    predictor: TasteRanker
    encoder: FrozenEncoder
    texts: list[str]
    layer: int
    strength: float
    space: Space
    choices: Choices
    taken: np.ndarray
    from_cache: bool

    @property
    def notes(self) -> dict[str, Any]:
        """Facts for the result's settings."""
        notes = {"execution": self.encoder.path, "layer": self.layer, "C": self.strength}
        notes |= {"components": self.predictor.items.shape[1], "choices": len(self.choices.taken)}
        return notes | {"features_from_cache": self.from_cache}


def probe_ranking(model: Any, data: Examples, settings: Probe.Settings, context: FitContext) -> Fitted:
    """A conditional logit of what users take, on frozen vectors of the items' texts; see `probed`."""
    found = probed(model, data, settings, context)
    trainable = found.predictor.taste.parameters
    return Fitted(found.predictor, found.encoder.parameters + trainable, trainable, {}, found.notes)


def probed(model: Any, data: Examples, settings: Probe.Settings, context: FitContext) -> Probed:
    """Fit a taste to the choices in train; see engine/taste.py.

    The validation rows choose the layer (at the middle strength), then the strength, on a fixed part of a large train
    split; without such rows it is the first layer that is asked for, else the last, and the middle strength.

    Args:
        model: an Encoder of texts.

    Raises:
        CellFailed: no texts, no interactions, or no such layer.
    """
    from fmbench.adapt.frozen import choose, chosen_layers

    texts, histories, ranker = texts_of(data), sequences(data), item_ranker(data)
    encoder = FrozenEncoder(model, "sequence", context.device)
    layers = encoder.layers(texts, context.cache)
    taken = np.bincount([item for one in histories for item in one], minlength=n_items(data)) > 0
    some = choices_of(histories, ranker.exclude_seen, SELECTION_CHOICES)
    everything = choices_of(histories, ranker.exclude_seen, MOST_CHOICES)
    validation = data.inputs(data.validation)

    def fit(layer: int, strength: float, choices: Choices) -> tuple[TasteRanker, Space]:
        vectors = text_vectors(layers.arrays[layer], texts)
        space = space_of(vectors, taken)
        items, source = space(vectors), content_key([layers.keys[layer]], taken.astype(np.uint8))
        taste = fit_taste(items, choices, strength, settings.max_iter, context.cache, source)
        return TasteRanker(items, taste, ranker), space

    def score(layer: int, strength: float) -> float:
        return context.validate(fit(layer, strength, some)[0].predict(validation))

    asked = chosen_layers("probe", settings.layers, len(layers.arrays))
    layer, strength = asked[0], settings.C[len(settings.C) // 2]
    if len(data.validation):
        layer, strength = choose(asked, settings.C, score, context)
    predictor, space = fit(layer, strength, everything)
    return Probed(predictor, encoder, texts, layer, strength, space, everything, taken, layers.from_cache)


def texts_of(data: Examples) -> list[str]:
    """The text of each item or document. Raises CellFailed if there are none."""
    table = data.side["documents" if "documents" in data.side else "items"]
    if "text" not in table.column_names:
        raise CellFailed(
            "the items have no texts: give the table `items` (item, text) under `side`, or use other models"
        )
    return [str(text) for text in table["text"].to_pylist()]


def text_vectors(vectors: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Rows of length 1, float32 [n_texts, hidden]; 0 for empty texts."""
    found = unit(vectors)
    found[[not text.strip() for text in texts]] = 0
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32; rows of 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
