"""Metrics of classification: one label an example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.counted import CountMetric
from fmbench.measure.metric import Counts
from fmbench.stats.sums import f1, macro, micro, recall, weighted

KINDS = frozenset({"text-classification"})


def class_counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
    """Counts of every example over the label space and whatever else is in the gold or the predictions."""
    gold = np.array(predictions["gold"].to_pylist(), dtype=object)
    predicted = np.array(predictions["prediction"].to_pylist(), dtype=object)
    space = tuple(dict.fromkeys([*labels, *sorted({*gold, *predicted} - set(labels))]))
    array = np.zeros((len(gold), len(space), 3), dtype=np.int32)
    for i, label in enumerate(space):
        array[:, i, 1] = predicted == label
        array[:, i, 2] = gold == label
        array[:, i, 0] = array[:, i, 1] & array[:, i, 2]
    return Counts(space, array)


def _uniform(n_labels: int) -> float:
    return 1 / n_labels


accuracy = CountMetric("accuracy", KINDS, class_counts, micro(recall), _uniform, proportion=True, report="")
macro_f1 = CountMetric("macro_f1", KINDS, class_counts, macro(f1), _uniform, report="")
weighted_f1 = CountMetric("weighted_f1", KINDS, class_counts, weighted(f1), _uniform, report="")
