"""Frozen encoders and other pretrained models that rank: items by what their texts say, documents by a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmbench.adapt.adaptation import Fitted
from fmbench.engine.context import FitContext
from fmbench.engine.features import FrozenEncoder
from fmbench.errors import CellFailed
from fmbench.models.encoder import Encoder
from fmbench.models.ranking import Ranker, document_ranker, item_ranker
from fmbench.tasks.examples import Examples


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
    table = data.side["documents" if "documents" in data.side else "items"]
    if "text" not in table.column_names:
        raise CellFailed(
            "the items have no texts: give the table `items` (item, text) under `side`, or use other models"
        )
    texts = table["text"].to_pylist()
    encoder = FrozenEncoder(model, "sequence", context.device)
    layers = encoder.layers(texts, context.cache)
    vectors = unit(layers.arrays[encoder.n_layers])
    vectors[[not text.strip() for text in texts]] = 0
    notes = {"execution": encoder.path, "layer": encoder.n_layers, "features_from_cache": layers.from_cache}
    predictor: Any
    if "documents" in data.side:
        predictor = QueryRanker(encoder, vectors, document_ranker(data))
    else:
        predictor = HistoryRanker(vectors, item_ranker(data))
    return Fitted(predictor, encoder.parameters, 0, {}, notes)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32; rows of 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
