"""What each test item (or cluster) contributes to a score, so that two models can be paired item by item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fmbench.measure.metric import Metric
from fmbench.stats.bootstrap import jackknife
from fmbench.stats.clusters import cluster_index, cluster_sums
from fmbench.stats.ranks import pseudo_values

GROUPS = 200


def contributions(metric: Metric, statistics: np.ndarray, clusters: Sequence[object] | None = None) -> np.ndarray:
    """Jackknife pseudo-values of a score, float64 [units], whose mean is about the score (Tukey 1958).

    Units are the items, or the clusters where there are some. A metric that is no function of sums (a correlation) is
    jackknifed by leaving out every 200th unit at once (delete-a-group jackknife: Kott 2001). The order of the units
    depends on the rows alone, so those of two models on the same rows can be paired.

    Args:
        statistics: of `Metric.statistics`, [n_items, ...].
        clusters: a label for each item, or None.
    """
    value = getattr(metric, "value", None)
    if value is not None:
        units = cluster_sums(statistics, clusters).astype(np.float64)
        return pseudo_values(float(value(units.sum(axis=0))), jackknife(units, value))
    index = np.arange(len(statistics)) if clusters is None else cluster_index(clusters)
    group = index % min(GROUPS, int(index.max()) + 1)
    without = [metric.score(statistics[group != g]) for g in range(int(group.max()) + 1)]
    return pseudo_values(metric.score(statistics), np.array(without))
