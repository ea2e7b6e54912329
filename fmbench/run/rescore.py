"""Metrics of stored predictions, computed again."""

from __future__ import annotations

from fmbench.errors import NothingMeasured
from fmbench.measure.quality import quality
from fmbench.registry import METRICS
from fmbench.run.result import Result
from fmbench.run.store import Store


def rescore(store: Store) -> tuple[list[Result], int]:
    """Replace the quality measurements of every cell in `store`; speed and memory stay as they were measured.

    Returns:
        The new results, and how many cells have no predictions.

    Raises:
        NothingMeasured: no cell has predictions.
    """
    scored: list[Result] = []
    without = 0
    for folder, result in store.all():
        predictions = store.predictions(folder)
        if predictions is None or result.data is None or result.status != "ok":
            without += 1
            continue
        metrics = [row.metric for row in result.measurements if row.slice is None and row.metric in METRICS]
        metrics = list(dict.fromkeys([result.main_metric, *metrics]))
        fresh = quality(predictions, metrics, result.data.labels, result.settings.get("cluster_key"))
        names = {row.metric for row in fresh}
        kept = [row for row in result.measurements if row.metric not in names]
        updated = result.model_copy(update={"measurements": [*fresh, *kept]})
        store.replace_result(folder, updated)
        scored.append(updated)
    if not scored:
        raise NothingMeasured(f"{store.folder}: no cell has stored predictions")
    store.write_index(store.all())
    return scored, without
