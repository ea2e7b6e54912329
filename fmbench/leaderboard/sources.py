"""Reports on disk -> what boards are built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fmbench.errors import FmbenchError
from fmbench.leaderboard.entry import Entry, Task, TaskKey, entry_of, tasks_of
from fmbench.measure.contributions import contributions
from fmbench.registry import METRICS
from fmbench.run.result import Result
from fmbench.run.store import Store


class Stored(NamedTuple):
    """A result, where it lies, and the store that has its predictions."""

    store: Store
    folder: str
    result: Result

    @property
    def address(self) -> str:
        """Relative to the folder of reports."""
        return f"{self.store.folder.name}/{self.folder}"


@dataclass(frozen=True)
class Sources:
    """All that the reports hold of a board's suites."""

    stored: tuple[Stored, ...]
    entries: tuple[Entry, ...]
    tasks: tuple[Task, ...]
    planned: frozenset[tuple[str, str, str, str]]


def read_sources(stores: Iterable[Store], tasks: Sequence[str] | None = None) -> Sources:
    """Results with the contributions of their predictions, and what was planned."""
    stored: list[Stored] = []
    planned: set[tuple[str, str, str, str]] = set()
    unmet: dict[tuple[str, str], tuple[int, str]] = {}
    for store in stores:
        plan = store.plan() or {}
        found = [Stored(store, folder, result) for folder, result in store.all()]
        stored += [one for one in found if tasks is None or one.result.task in tasks]
        for cell in plan.get("cells", []):
            if tasks is None or cell["task"] in tasks:
                planned.add((str(plan["suite"]), cell["task"], cell["model"], cell["adaptation"]))
                unmet[str(plan["suite"]), cell["task"]] = (cell["task_version"], cell.get("domain", "not run yet"))
    columns = tasks_of([one.result for one in stored])
    have = {(task.key.suite, task.name) for task in columns}
    columns += [
        Task(TaskKey(suite, task, version, "", ""), domain)
        for (suite, task), (version, domain) in sorted(unmet.items())
        if (suite, task) not in have
    ]
    entries = tuple(entry_of(one.result, contributions_of(one), one.address) for one in stored)
    return Sources(tuple(stored), entries, tuple(columns), frozenset(planned))


def predictions_of(one: Stored) -> pa.Table | None:
    """The stored predictions on clean input."""
    table = one.store.predictions(one.folder) if one.result.status == "ok" else None
    if table is None or "perturbation" not in table.column_names:
        return table
    import pyarrow.compute as pc

    return table.filter(pc.equal(table["perturbation"], ""))


def contributions_of(one: Stored) -> np.ndarray | None:
    """What each test item (or cluster) contributes to the main metric; None of fewer than two or none stored."""
    predictions = predictions_of(one)
    if predictions is None or one.result.data is None or one.result.main_metric not in METRICS:
        return None
    key = one.result.settings.get("cluster_key")
    clusters = predictions[key].to_pylist() if key and key in predictions.column_names else None
    if len(predictions if clusters is None else set(clusters)) < 2:
        return None
    metric = METRICS[one.result.main_metric]
    try:
        return contributions(metric, metric.statistics(predictions, one.result.data.labels), clusters)
    except (FmbenchError, KeyError, ValueError, pa.ArrowInvalid):
        return None
