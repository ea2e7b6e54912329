"""A plan -> results: what is there already is not computed, what fails is recorded, and the rest goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.errors import NothingMeasured
from fmbench.models.loader import Identity
from fmbench.registry import LOADERS
from fmbench.run.cell import Job, settings_of
from fmbench.run.device import resolve_device
from fmbench.run.executors.executor import Executor
from fmbench.run.executors.serial import Serial
from fmbench.run.identity import cell_hash
from fmbench.run.measures import elsewhere, measures_of, other_tasks
from fmbench.run.progress import Progress
from fmbench.run.result import Result
from fmbench.run.store import Store
from fmbench.run.workers import check_workers
from fmbench.suite.plan import Cell, plan
from fmbench.suite.schema import Suite


@dataclass
class Outcome:
    """What a run did: every result in the order of the plan, and how many of them it computed itself."""

    results: list[tuple[Cell, Result]] = field(default_factory=list)
    computed: int = 0

    @property
    def failures(self) -> int:
        return sum(result.status == "failed" for _, result in self.results)


def execute(
    suite: Suite,
    cells: Sequence[Cell],
    store: Store,
    datasets: dict[str, Dataset],
    progress: Progress,
    device: str = "auto",
    fresh: bool = False,
    limit: int | None = None,
    workers: int = 1,
) -> Outcome:
    """Run `cells`; a cell whose hash is already stored as ok is taken as it is, unless `fresh`.

    Args:
        datasets: rows that were read while checking; what is missing is read here.
        device: one of run.device.DEVICES.
        limit: keep only this many rows of each split (the datasets given must be limited already).
        workers: 1 computes in this process with all its threads; more are processes of their own, on the CPU only.

    Raises:
        NothingMeasured: there are no cells.
        InputError: data that must be fetched cannot be, the device is not there, or it has no room for `workers`.
    """
    if not cells:
        raise NothingMeasured("no cells selected: no model, task and adaptation of this selection fit together")
    needed = {cell.task.name for cell in cells} | other_tasks(suite)
    for task in suite.tasks:
        if task.name in needed and task.name not in datasets:
            datasets[task.name] = load_dataset(task, limit)
    device = resolve_device(device)
    check_workers(workers, device)
    jobs = [_prepare(suite, cell, datasets, device) for cell in cells]
    store.write_plan(describe(suite, cells))
    results = {} if fresh else _stored(store, jobs)
    missing = [job for job in jobs if job.cell.folder not in results]

    def finished(job: Job, result: Result, predictions: pa.Table | None) -> None:
        store.save(job.cell.folder, result, predictions)
        results[job.cell.folder] = result
        progress.cell_finished(job.cell, result)

    progress.start(len(jobs), len(results))
    try:
        _executor(workers).run(suite, missing, device, progress, finished)
    finally:
        progress.stop()
    store.write_index(store.all())
    return Outcome([(job.cell, results[job.cell.folder]) for job in jobs], len(missing))


def _executor(workers: int) -> Executor:
    if workers == 1:
        return Serial()
    from fmbench.run.executors.pool import Pool

    return Pool(workers)


def _prepare(suite: Suite, cell: Cell, datasets: Mapping[str, Dataset], device: str) -> Job:
    data = datasets[cell.task.name]
    try:
        identity = LOADERS[cell.model.spec.loader].identity(cell.model)
    except Exception as error:  # noqa: BLE001 - a model that cannot be found fails in its cells, whatever it raises
        return Job(cell, data, Identity("unknown"), "", error)
    others = elsewhere(suite, cell, datasets)
    measures = measures_of(suite, cell)
    fingerprints = {name: other.fingerprint for name, other in others.items()}
    hash_ = cell_hash(cell, data, identity, measures, device, fingerprints)
    return Job(cell, data, identity, hash_, elsewhere=others)


def _stored(store: Store, jobs: Sequence[Job]) -> dict[str, Result]:
    found = {}
    for job in jobs:
        folder = job.cell.folder
        result = store.result(folder)
        if result is not None and result.status == "ok" and result.cell_hash == job.hash and store.is_whole(folder):
            found[folder] = result
    return found


def describe(suite: Suite, selected: Sequence[Cell]) -> dict[str, Any]:
    """The plan of the whole suite, and what was selected beside it (other seeds), as it is written with the results."""
    planned = {cell.folder: cell for cell in (*plan(suite), *selected)}
    cells = [
        {
            "folder": cell.folder,
            "task": cell.task.name,
            "task_version": cell.task.spec.version,
            "domain": cell.task.spec.domain,
            "model": cell.model.name,
            "adaptation": cell.adaptation,
            "seed": cell.seed,
            "settings": settings_of(cell),
        }
        for cell in planned.values()
    ]
    return {
        "schema": "fmbench.plan/1",
        "suite": suite.name,
        "suite_version": suite.version,
        "description": suite.description,
        "file": suite.path.name,
        "gate": suite.gate.model_dump(mode="json"),
        "cells": cells,
    }
