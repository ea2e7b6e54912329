"""One side of a comparison as values: the cells of a report or a baseline, and what each row adds to a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from fmbench.errors import InputError, Place, Problem
from fmbench.gate.baseline import BASELINE_FILE, Baseline, CellOfBaseline, array_of, read_baseline
from fmbench.gate.foreign import from_numbers
from fmbench.gate.verdict import Cells
from fmbench.measure.foreign import Foreign
from fmbench.measure.measurement import Measurement
from fmbench.registry import METRICS
from fmbench.run.result import Result
from fmbench.run.store import Store, open_report
from fmbench.suite.schema import Gate


@dataclass(frozen=True)
class Cell:
    """One seed of a task x model x adaptation.

    Args:
        error: why it failed, None where it did not.
        data: the first characters of the data's fingerprint are enough for people, all of them for equality.
        ids: example ids [n], None where there are no predictions.
        statistics: metric name -> [n, ...]; raises KeyError where a baseline does not have the metric.
        answers: (gold, prediction) of a row, None where they are not stored.
    """

    cells: Cells
    seed: int
    kind: str
    task_version: int
    data: str | None
    main: str
    error: str | None
    measurements: tuple[Measurement, ...]
    machine: Mapping[str, Any]
    ids: Sequence[str] | None
    clusters: Sequence[object] | None
    statistics: Callable[[str], np.ndarray]
    answers: Callable[[int], tuple[object, object]] | None = None


@dataclass(frozen=True)
class Side:
    """A report or a baseline."""

    path: Path
    suite: str
    suite_version: int
    gate: Gate
    cells: tuple[Cell, ...]


def read_side(path: Path) -> Side:
    """A report folder, a baseline file, or a folder with one in it.

    Raises:
        InputError: it is neither, or it is damaged or of another schema.
    """
    file = path if path.is_file() else path / BASELINE_FILE
    if file.is_file():
        return side_of_baseline(path, read_baseline(file))
    return side_of_report(open_report(path))


def side_of_report(store: Store) -> Side:
    """The side that a report is. Raises InputError where predictions of a finished cell are missing or damaged."""
    plan = store.plan() or {}
    problems: list[Problem] = []
    cells = []
    for folder, result in store.all():
        predictions = store.predictions(folder) if result.status == "ok" else None
        if result.status == "ok" and predictions is None:
            place = Place(str(store.folder / folder / "predictions.parquet"))
            problems.append(Problem("missing or damaged, though its cell is finished", place))
            continue
        cells.append(_cell_of_report(result, predictions))
    if problems:
        raise InputError(problems)
    return Side(store.folder, *_head(plan, Place(str(store.folder / "plan.json"))), tuple(cells))


def _head(plan: Mapping[str, Any], place: Place) -> tuple[str, int, Gate]:
    """Name, version and rules of the suite that a plan is of. Raises InputError."""
    name, version = plan.get("suite"), plan.get("suite_version")
    if not isinstance(name, str) or not isinstance(version, int):
        raise InputError(Problem("not a plan: it names no suite and version", place))
    try:
        return name, version, Gate.model_validate(plan.get("gate") or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("gate", *first["loc"]))
        raise InputError(Problem(f"not a plan: {where}: {first['msg']}", place)) from None


def _cell_of_report(result: Result, predictions: pa.Table | None) -> Cell:
    clean = None if predictions is None else clean_rows(predictions)
    labels = result.data.labels if result.data else []
    key = result.settings.get("cluster_key")
    found: dict[str, np.ndarray] = {}

    def statistics(metric: str) -> np.ndarray:
        if metric not in found:
            found[metric] = METRICS[metric].statistics(clean, labels)
        return found[metric]

    def answers(row: int) -> tuple[object, object]:
        assert clean is not None
        return clean["gold"][row].as_py(), clean["prediction"][row].as_py()

    return Cell(
        cells=Cells(result.task, result.model, result.adaptation),
        seed=result.seed,
        kind=result.kind,
        task_version=result.task_version,
        data=result.data.fingerprint if result.data else None,
        main=result.main_metric,
        error=result.error.message if result.error else None,
        measurements=tuple(result.measurements),
        machine=machine_of(result),
        ids=None if clean is None else [str(one) for one in clean["example_id"].to_pylist()],
        clusters=clean[key].to_pylist() if clean is not None and key else None,
        statistics=statistics,
        answers=answers,
    )


def side_of_baseline(path: Path, baseline: Baseline) -> Side:
    """The side that a baseline is."""
    cells = tuple(_cell_of_baseline(baseline, cell) for cell in baseline.cells)
    return Side(path, baseline.suite, baseline.suite_version, baseline.gate, cells)


def _cell_of_baseline(baseline: Baseline, cell: CellOfBaseline) -> Cell:
    def statistics(metric: str) -> np.ndarray:
        found = array_of(baseline.arrays[cell.statistics[metric]])
        if not isinstance(METRICS[metric], Foreign):
            return found
        return from_numbers(found, baseline.examples[cell.values[metric]] if metric in cell.values else None)

    return Cell(
        cells=Cells(cell.task, cell.model, cell.adaptation),
        seed=cell.seed,
        kind=cell.kind,
        task_version=cell.task_version,
        data=cell.fingerprint,
        main=cell.main_metric,
        error=None,
        measurements=tuple(cell.measurements),
        machine=baseline.machine,
        ids=[str(one) for one in baseline.examples[cell.examples]],
        clusters=None if cell.clusters is None else baseline.examples[cell.clusters],
        statistics=statistics,
    )


def clean_rows(predictions: pa.Table) -> pa.Table:
    """Rows that went through no perturbation; of several severities the column may not be there at all."""
    if "perturbation" not in predictions.column_names:
        return predictions
    return predictions.filter(pc.equal(predictions["perturbation"], ""))


def machine_of(result: Result) -> dict[str, Any]:
    """What must be equal for two speeds to be comparable at all."""
    names = ("cpu", "cores", "threads", "device", "gpu", "platform", "workers")
    return {name: result.environment[name] for name in names if result.environment.get(name) is not None}
