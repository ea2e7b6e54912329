"""Quality: every declared metric, and what is reported beside them, from stored predictions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric, Sample
from fmbench.measure.scene import Stored
from fmbench.registry import KINDS, METRICS
from fmbench.tasks.tags import flat


def score(metric: Metric, predictions: pa.Table, labels: Sequence[str]) -> float:
    """The bare score, without an interval: what early stopping looks at."""
    return metric.score(metric.statistics(predictions, labels))


def quality(
    predictions: pa.Table, metrics: Sequence[str], labels: Sequence[str], cluster_key: str | None = None
) -> list[Measurement]:
    """Measurements of clean predictions.

    Args:
        predictions: the table of `predictions_table`, clean rows only.
        metrics: names from the registry, the main metric first.
        labels: label space.
        cluster_key: column of `predictions` whose values group dependent rows, or None.
    """
    sample = Sample(predictions, labels, predictions[cluster_key].to_pylist() if cluster_key else None)
    chosen: list[Metric] = [METRICS[name] for name in metrics]
    found = [_overall(metric, sample) for metric in chosen]
    declared = set(metrics)
    beside: dict[tuple[str, str | None], Measurement] = {}
    for metric in chosen:
        for row in metric.beside(sample):
            if row.slice is not None or row.metric not in declared:
                beside.setdefault((row.metric, row.slice), row)
    return found + sorted(beside.values(), key=lambda row: row.slice is not None)


def _overall(metric: Metric, sample: Sample) -> Measurement:
    value, interval, n = metric.measure(sample)
    return measured(metric.name, value, interval, n, unit=metric.unit, higher_is_better=metric.higher_is_better)


def confusion(stored: Stored) -> dict[str, list[float]]:
    """The confusion matrix of clean predictions, sparse: how often which gold label met which prediction.

    Three curves of equal length: `confusion_gold` and `confusion_prediction` are indices into the label space, -1 for
    anything else, and `confusion_count`. Of tags, every token counts by its type, and index `len(labels)` is "O".
    Empty where targets are not one label each.
    """
    if KINDS[stored.kind].target not in ("class", "choice"):
        return {}
    columns = [_labels_of(stored.clean[name]) for name in ("gold", "prediction")]
    if any(column is None for column in columns):
        return {}
    tagged = pa.types.is_list(stored.clean["gold"].type)
    space = pa.array([*stored.labels, *(["O"] if tagged else [])], pa.string())
    codes = [pc.index_in(column, space).fill_null(-1) for column in columns]
    pairs, counts = np.unique(np.stack([np.asarray(code) for code in codes]), axis=1, return_counts=True)
    return {
        "confusion_gold": pairs[0].tolist(),
        "confusion_prediction": pairs[1].tolist(),
        "confusion_count": counts.tolist(),
    }


def confusion_matrix(curves: Mapping[str, Sequence[float | None]], n_labels: int) -> np.ndarray:
    """The matrix of `confusion`, int64 [n, n] with gold down and predictions across.

    `n` is `n_labels` and, where they occur, one more for "O" and a last one for anything else.
    """
    gold, predicted, counts = (
        np.array(curves[f"confusion_{name}"], dtype=np.int64) for name in ("gold", "prediction", "count")
    )
    n = int(max(n_labels, gold.max(initial=0) + 1, predicted.max(initial=0) + 1))
    n += int((gold < 0).any() or (predicted < 0).any())
    matrix = np.zeros((n, n), dtype=np.int64)
    matrix[gold, predicted] = counts
    return matrix


def _labels_of(column: pa.ChunkedArray) -> pa.Array | None:
    """One label a row, or the type of each token; None where there is neither."""
    if pa.types.is_string(column.type):
        return column.combine_chunks()
    if not pa.types.is_list(column.type) or not pa.types.is_string(column.type.value_type):
        return None
    tags = flat(column)[1]
    return pc.if_else(pc.equal(tags, "O"), "O", pc.utf8_slice_codeunits(tags, 2))
