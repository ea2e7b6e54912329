"""Metrics of stored predictions, computed again."""

from __future__ import annotations

from fmbench.errors import NothingMeasured
from fmbench.measure.judge import judge
from fmbench.run.measures import remembered
from fmbench.run.result import Result, finite
from fmbench.run.store import Store


def rescore(store: Store) -> tuple[list[Result], int]:
    """Replace what predictions tell in every cell of `store`; speed and memory stay as they were measured.

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
        fresh = judge(*remembered(result, predictions))
        names = {row.metric for row in fresh.measurements}
        kept = [row for row in result.measurements if row.metric not in names]
        curves = result.curves | finite(fresh.curves)
        updated = result.model_copy(update={"measurements": [*fresh.measurements, *kept], "curves": curves})
        store.replace_result(folder, updated)
        scored.append(updated)
    if not scored:
        raise NothingMeasured(f"{store.folder}: no cell has stored predictions")
    store.write_index(store.all())
    return scored, without
