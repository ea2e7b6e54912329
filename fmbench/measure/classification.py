"""Metrics of classification: one label an example, or any number of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.counted import CountMetric
from fmbench.measure.metric import Counts
from fmbench.stats.sums import f1, macro, micro, recall, weighted

SETS = frozenset({"multi-label-classification"})
CHOICES = frozenset({"multiple-choice"})
KINDS = frozenset(
    {
        "text-classification",
        "tabular-classification",
        "image-classification",
        "audio-classification",
        "image-text-classification",
    }
)


def class_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every example over the label space and whatever else is in the gold or the predictions."""
    if pa.types.is_list(predictions["gold"].type):
        return _set_counts(predictions, labels)
    gold = np.array(predictions["gold"].to_pylist(), dtype=object)
    predicted = np.array(predictions["prediction"].to_pylist(), dtype=object)
    space = tuple(dict.fromkeys([*labels, *sorted({*gold, *predicted} - set(labels))]))
    array = np.zeros((len(gold), len(space), 3), dtype=np.int32)
    for i, label in enumerate(space):
        array[:, i, 1] = predicted == label
        array[:, i, 2] = gold == label
        array[:, i, 0] = array[:, i, 1] & array[:, i, 2]
    return Counts(space, array)


def _set_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    gold, predicted = (predictions[name].to_pylist() for name in ("gold", "prediction"))
    seen = {label for sets in (gold, predicted) for one in sets for label in one}
    space = tuple(dict.fromkeys([*labels, *sorted(seen - set(labels))]))
    index = {label: i for i, label in enumerate(space)}
    array = np.zeros((len(gold), len(space), 3), dtype=np.int32)
    for column, sets in ((2, gold), (1, predicted)):
        for row, one in enumerate(sets):
            array[row, [index[label] for label in one], column] = 1
    array[:, :, 0] = array[:, :, 1] & array[:, :, 2]
    return Counts(space, array)


def subset_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """One count an example: whether its whole set of labels is right."""
    pairs = zip(predictions["gold"].to_pylist(), predictions["prediction"].to_pylist(), strict=True)
    right = np.array([set(gold) == set(predicted) for gold, predicted in pairs], dtype=np.int32)
    one = np.ones_like(right)
    return Counts(("set",), np.stack([right, one, one], axis=1)[:, None, :])


def _nothing(n_labels: int) -> float:
    return 0.0


def _uniform(n_labels: int) -> float:
    return 1 / n_labels


accuracy = CountMetric("accuracy", KINDS | CHOICES, class_counts, micro(recall), _uniform, proportion=True, report="")
macro_f1 = CountMetric("macro_f1", KINDS | SETS, class_counts, macro(f1), _uniform, report="")
weighted_f1 = CountMetric("weighted_f1", KINDS | SETS, class_counts, weighted(f1), _uniform, report="")
micro_f1 = CountMetric("micro_f1", SETS, class_counts, micro(f1), _nothing, report="")
subset_accuracy = CountMetric("subset_accuracy", SETS, subset_counts, micro(recall), _nothing, proportion=True)
