"""Metrics of token classification: an entity is right if its type and both its ends are right (conlleval, seqeval)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.counted import CountMetric
from fmbench.measure.metric import Counts
from fmbench.stats.sums import f1, macro, micro, precision, recall
from fmbench.tasks.tags import spans

KINDS = frozenset({"token-classification"})


def entity_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every sentence over the entity types of the label space, the gold and the predictions."""
    gold = [set(spans(tags)) for tags in predictions["gold"].to_pylist()]
    predicted = [set(spans(tags)) for tags in predictions["prediction"].to_pylist()]
    seen = {entity[0] for sentence in (*gold, *predicted) for entity in sentence}
    types = tuple(dict.fromkeys([*labels, *sorted(seen - set(labels))]))
    index = {type_: i for i, type_ in enumerate(types)}
    array = np.zeros((len(gold), len(types), 3), dtype=np.int32)
    for row, (right, guess) in enumerate(zip(gold, predicted, strict=True)):
        for kind, entities in enumerate((right & guess, guess, right)):
            for entity in entities:
                array[row, index[entity[0]], kind] += 1
    return Counts(types, array)


def token_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every sentence's tokens; a token is right if its whole tag is."""
    array = np.zeros((len(predictions), 1, 3), dtype=np.int32)
    rows = zip(predictions["gold"].to_pylist(), predictions["prediction"].to_pylist(), strict=True)
    for row, (gold, predicted) in enumerate(rows):
        same = sum(a == b for a, b in zip(gold, predicted, strict=True))
        array[row, 0] = same, len(gold), len(gold)
    return Counts(("token",), array)


def _nothing(n_labels: int) -> float:
    return 0.0


entity_f1 = CountMetric("entity_f1", KINDS, entity_counts, micro(f1), _nothing, report="entity_")
entity_precision = CountMetric("entity_precision", KINDS, entity_counts, micro(precision), _nothing, report="entity_")
entity_recall = CountMetric("entity_recall", KINDS, entity_counts, micro(recall), _nothing, report="entity_")
entity_macro_f1 = CountMetric("entity_macro_f1", KINDS, entity_counts, macro(f1), _nothing, report="entity_")
token_accuracy = CountMetric(
    "token_accuracy", KINDS, token_counts, micro(recall), lambda n_labels: 1 / (2 * n_labels + 1)
)
