"""Items that depend on each other (sentences of a document, utterances of a speaker) are one unit: their sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def cluster_sums(statistics: np.ndarray, clusters: Sequence[object] | None) -> np.ndarray:
    """Sums of `statistics` [n_items, ...] within clusters -> [n_clusters, ...]; the items without clusters.

    An item whose label is None belongs to no other and is a cluster of its own.
    """
    if clusters is None:
        return statistics
    index = cluster_index(clusters)
    sums = np.zeros((index.max() + 1, *statistics.shape[1:]), dtype=np.float64)
    np.add.at(sums, index, statistics)
    return sums


def cluster_index(clusters: Sequence[object]) -> np.ndarray:
    """int64 [n_items], the number of each item's cluster; None is a cluster of its own."""
    keys = [f"alone {i}" if label is None else f"cluster {label}" for i, label in enumerate(clusters)]
    return np.unique(np.asarray(keys), return_inverse=True)[1]
