"""A report -> a baseline."""

from __future__ import annotations

from pathlib import Path

from fmbench.errors import InputError, NothingMeasured, Place, Problem
from fmbench.files import write_atomic
from fmbench.gate.baseline import BASELINE_FILE, Baseline, CellOfBaseline, collect, named_list, packed, to_bytes
from fmbench.gate.foreign import to_numbers
from fmbench.gate.rules import Rules, rules_of
from fmbench.gate.side import Side, clean_rows, machine_of, side_of_report
from fmbench.measure.measurement import Measurement
from fmbench.registry import METRICS
from fmbench.run.store import Store


def save_baseline(store: Store, out: Path) -> tuple[Path, Baseline]:
    """Write `out`/baseline.json with every finished cell of the report.

    Raises:
        NothingMeasured: no cell has finished.
        InputError: a cell failed: a baseline that lacks cells would hide regressions of them.
    """
    side = side_of_report(store)
    failed = [f"{cell.cells} seed {cell.seed}" for cell in side.cells if cell.error is not None]
    if failed:
        raise InputError(
            Problem(f"{len(failed)} cells failed ({failed[0]}, ...): run them first", Place(str(store.folder)))
        )
    if not side.cells:
        raise NothingMeasured(f"{store.folder}: no finished cell to save")
    baseline = baseline_of(store, side, rules_of(side.gate))
    path = out if out.suffix == ".json" else out / BASELINE_FILE
    write_atomic(path, to_bytes(baseline))
    return path, baseline


def baseline_of(store: Store, side: Side, rules: Rules) -> Baseline:
    """The baseline of the finished cells of a report."""
    arrays, examples, cells = [], [], []
    results = store.all()
    for folder, result in results:
        predictions = store.predictions(folder)
        assert predictions is not None and result.data is not None
        clean = clean_rows(predictions)
        ids = named_list(clean["example_id"].to_pylist())
        key = result.settings.get("cluster_key")
        clusters = named_list(clean[key].to_pylist()) if key else None
        examples += [ids, *([clusters] if clusters else [])]
        names, values = {}, {}
        measured = [row.metric for row in result.measurements if row.metric in METRICS and row.slice is None]
        for metric in dict.fromkeys([*rules.gated(result.main_metric, result.kind), *measured]):
            numbers, texts = METRICS[metric].statistics(clean, result.data.labels), None
            if numbers.dtype == object:
                numbers, texts = to_numbers(numbers)
            if texts is not None:
                examples.append(named_list(texts))
                values[metric] = examples[-1][0]
            one = packed(numbers)
            arrays.append(one)
            names[metric] = one[0]
        cells.append(
            CellOfBaseline(
                task=result.task,
                task_version=result.task_version,
                kind=result.kind,
                model=result.model,
                adaptation=result.adaptation,
                seed=result.seed,
                cell_hash=result.cell_hash,
                main_metric=result.main_metric,
                fingerprint=result.data.fingerprint,
                measurements=_overall(result.measurements),
                statistics=names,
                examples=ids[0],
                clusters=clusters[0] if clusters else None,
                values=values,
            )
        )
    return Baseline(
        schema="fmbench.baseline/1",
        suite=side.suite,
        suite_version=side.suite_version,
        gate=side.gate,
        machine=machine_of(results[0][1]),
        cells=cells,
        examples=collect(examples),
        arrays=collect(arrays),
    )


def _overall(measurements: list[Measurement]) -> list[Measurement]:
    """Scores of all clean examples; intervals and slices can be made again from the statistics."""
    return [row for row in measurements if row.metric in METRICS and row.slice is None and row.perturbation is None]
