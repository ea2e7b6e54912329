"""Metrics of token classification: an entity is right if its type and both its ends are right (conlleval, seqeval)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fmbench.measure.counted import CountMetric
from fmbench.measure.metric import Counts
from fmbench.stats.sums import f1, macro, micro, precision, recall
from fmbench.tasks.tags import Chunks, chunks, flat

KINDS = frozenset({"token-classification"})


def entity_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every sentence over the entity types of the label space, the gold and the predictions."""
    return entity_counts_of(predictions, labels)


def entity_counts_of(
    predictions: pa.Table,
    labels: Sequence[str],
    gold_kept: np.ndarray | None = None,
    predicted_kept: np.ndarray | None = None,
) -> Counts:
    """The same of some of the entities only: bool [n entities], in the order of `chunks`."""
    gold, predicted = chunks(predictions["gold"]), chunks(predictions["prediction"])
    types = tuple(dict.fromkeys([*labels, *sorted({*gold.types, *predicted.types} - set(labels))]))
    right = predicted_right(gold, predicted, gold_kept)
    in_gold, in_predicted = (found.row * len(types) + found.types_in(types) for found in (gold, predicted))
    if gold_kept is not None and predicted_kept is not None:
        in_gold, in_predicted, right = in_gold[gold_kept], in_predicted[predicted_kept], right[predicted_kept]
    array = np.zeros((len(predictions), len(types), 3), dtype=np.int32)
    cells = array.reshape(-1, 3)
    for kind, place in enumerate((in_predicted[right], in_predicted, in_gold)):
        cells[:, kind] = np.bincount(place, minlength=len(cells))
    return Counts(types, array)


def strict_entity_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """`entity_counts` where an entity that does not begin with B- is none, as in seqeval with mode="strict" and IOB2.

    conlleval, and seqeval as it comes, take a stray I- for a beginning and so forgive a wrong tag.
    """
    kept = []
    for name in ("gold", "prediction"):
        found = chunks(predictions[name])
        first = flat(predictions[name])[1].take(pa.array(found.offsets[found.row] + found.start))
        kept.append(np.asarray(pc.starts_with(first, "B-"), dtype=bool))
    return entity_counts_of(predictions, labels, *kept)


def predicted_right(gold: Chunks, predicted: Chunks, gold_kept: np.ndarray | None = None) -> np.ndarray:
    """bool [n predicted]: whether the (kept) gold of the same rows has an entity of the same type and ends."""
    width = 1 + int(max(np.diff(found.offsets).max(initial=0) for found in (gold, predicted)))
    types = sorted({*gold.types, *predicted.types})
    keys = gold.keys(width, types)
    return np.isin(predicted.keys(width, types), keys if gold_kept is None else keys[gold_kept], assume_unique=True)


def token_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every sentence's tokens; a token is right if its whole tag is.

    Raises:
        ValueError: a sentence has not as many predicted tags as gold ones.
    """
    (offsets, gold), (other, predicted) = (flat(predictions[name]) for name in ("gold", "prediction"))
    if not np.array_equal(offsets, other):
        raise ValueError("a sentence has not as many predicted tags as gold ones")
    same = np.concatenate([[0], np.cumsum(np.asarray(pc.equal(gold, predicted)))])
    lengths = np.diff(offsets)
    columns = [same[offsets[1:]] - same[offsets[:-1]], lengths, lengths]
    return Counts(("token",), np.stack(columns, axis=1).astype(np.int32)[:, None, :])


def _nothing(n_labels: int) -> float:
    return 0.0


entity_f1 = CountMetric("entity_f1", KINDS, entity_counts, micro(f1), _nothing, report="entity_")
entity_precision = CountMetric("entity_precision", KINDS, entity_counts, micro(precision), _nothing, report="entity_")
entity_recall = CountMetric("entity_recall", KINDS, entity_counts, micro(recall), _nothing, report="entity_")
entity_macro_f1 = CountMetric("entity_macro_f1", KINDS, entity_counts, macro(f1), _nothing, report="entity_")
entity_f1_strict = CountMetric("entity_f1_strict", KINDS, strict_entity_counts, micro(f1), _nothing)
token_accuracy = CountMetric(
    "token_accuracy", KINDS, token_counts, micro(recall), lambda n_labels: 1 / (2 * n_labels + 1)
)
