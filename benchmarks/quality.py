"""Whether two systems score the same: the paired difference on the same rows, and its interval."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.pairs import Quality
from fmbench.registry import METRICS
from fmbench.stats.bootstrap import DRAWS, resampled_sums
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import predictions_table


def paired_difference(data: Examples, rows: pa.Table, ours: np.ndarray, peer: np.ndarray) -> Quality:
    """The kind's main metric of both, with the 95 % percentile interval of ours minus the peer's over rows.

    A draw of the bootstrap takes the same rows for both. The interval is about these two trained models; another seed
    would train others.

    Args:
        rows: what was predicted.
        ours, peer: probabilities [n_targets, n_outputs].
    """
    metric = METRICS[data.kind.metrics[0]]
    tables = [predictions_table(data.kind, rows, scores, data.labels) for scores in (ours, peer)]
    counts = [metric.counts(table, data.labels).array for table in tables]
    sums = resampled_sums(counts, DRAWS, np.random.default_rng(0))
    low, high = np.nanpercentile(metric.value(sums[0]) - metric.value(sums[1]), [2.5, 97.5])
    chance = metric.chance(len(data.labels))
    ours_score, peer_score = (float(metric.value(array.sum(axis=0, dtype=np.float64))) for array in counts)
    return Quality(metric.name, ours_score, peer_score, float(low), float(high), len(rows), chance)
