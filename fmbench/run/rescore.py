"""Metrics of stored predictions, computed again."""

from __future__ import annotations

from fmbench.errors import NothingMeasured
from fmbench.measure.judge import judge
from fmbench.run.measures import judged_tables, remembered
from fmbench.run.result import Result, finite
from fmbench.run.store import Store


def rescore(store: Store) -> tuple[list[Result], int]:
    """Replace what predictions and the tables beside them tell, in every cell; speed and memory stay as measured.

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
        stored, measures = remembered(result, predictions)
        fresh = judge(stored, measures)
        again = fresh.measurements + judged_tables(measures, store.tables(folder))
        names = {row.metric for row in again}
        kept = [row for row in result.measurements if row.metric not in names]
        curves = result.curves | finite(fresh.curves)
        updated = result.model_copy(update={"measurements": [*again, *kept], "curves": curves})
        store.replace_result(folder, updated)
        scored.append(updated)
    if not scored:
        raise NothingMeasured(f"{store.folder}: no cell has stored predictions")
    store.write_index(store.all())
    return scored, without
