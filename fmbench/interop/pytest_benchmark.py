"""A report, or the JSON of `fmbench bench`, as JSON that pytest-benchmark compare and github-action-benchmark read.

Their unit is seconds. From a report each cell group gives one benchmark a timing (prediction of an example, latency,
fit), whose rounds are the seeds: what was measured is all that is said. Scores and memory are not times and stay out.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fmbench import __version__
from fmbench.errors import NothingMeasured
from fmbench.gate.side import Cell, Side

TIMINGS = {
    "examples_per_s": ("example", lambda value: 1 / value),
    "latency_p50_ms": ("latency_p50", lambda value: value / 1000),
    "latency_p90_ms": ("latency_p90", lambda value: value / 1000),
    "fit_seconds": ("fit", lambda value: value),
    "load_seconds": ("load", lambda value: value),
}
"""Metric of a result -> (name of the benchmark, to seconds)."""


def pytest_benchmark_json(side: Side, commit: dict[str, Any] | None = None) -> str:
    """The document. Raises NothingMeasured where the report has no timings (its suite has no `efficiency`)."""
    benchmarks = list(_benchmarks(side.cells))
    if not benchmarks:
        raise NothingMeasured(f"{side.path}: no timings in it; run the suite with measure: {{efficiency: true}}")
    content = {
        "machine_info": _machine(side.cells[0]),
        "commit_info": {"id": "unversioned", "time": None, "author_time": None, "dirty": False, "project": "fmbench"}
        | {"branch": "(unknown)"}
        | (commit or {}),
        "benchmarks": benchmarks,
        "datetime": datetime.now(UTC).isoformat(),
        "version": f"fmbench {__version__}",
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _benchmarks(cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    for metric, (name, seconds) in TIMINGS.items():
        found: dict[str, list[float]] = {}
        first: dict[str, Cell] = {}
        for cell in cells:
            rows = [row for row in cell.measurements if row.metric == metric and row.slice is None]
            values = [row.value for row in rows if row.value is not None and row.value > 0]
            if values:
                found.setdefault(str(cell.cells), []).append(seconds(values[0]))
                first.setdefault(str(cell.cells), cell)
        for key, data in found.items():
            yield _benchmark(f"{key}::{name}", name, data, first[key])


def _benchmark(fullname: str, group: str, data: list[float], cell: Cell) -> dict[str, Any]:
    params = {"task": cell.cells.task, "model": cell.cells.model, "adaptation": cell.cells.adaptation}
    return {
        "group": group,
        "name": fullname,
        "fullname": fullname,
        "params": params,
        "param": str(cell.cells),
        "extra_info": {"fmbench": {"rounds_are": "seeds", "metric": group}},
        "options": {
            "disable_gc": True,
            "timer": "perf_counter",
            "min_rounds": len(data),
            "max_time": 0.0,
            "min_time": 0.0,
            "warmup": True,
        },
        "stats": stats(data),
    }


def stats(data: Sequence[float]) -> dict[str, Any]:
    """The statistics of pytest-benchmark (its stats.py), from the samples themselves."""
    samples = np.sort(np.asarray(data, dtype=np.float64))
    q1, median, q3 = (float(np.quantile(samples, q)) for q in (0.25, 0.5, 0.75))
    mean = float(samples.mean())
    deviation = float(samples.std(ddof=1)) if len(samples) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    far = int((np.abs(samples - mean) > deviation).sum())
    outside = int(((samples < low) | (samples > high)).sum())
    within = samples[(samples >= low) & (samples <= high)]
    return {
        "min": float(samples[0]),
        "max": float(samples[-1]),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(samples),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outside,
        "stddev_outliers": far,
        "outliers": f"{far};{outside}",
        "ld15iqr": float(within[0]) if len(within) else float(samples[0]),
        "hd15iqr": float(within[-1]) if len(within) else float(samples[-1]),
        "ops": 1 / mean,
        "total": float(samples.sum()),
        "data": [float(value) for value in data],
        "iterations": 1,
    }


def _machine(cell: Cell) -> dict[str, Any]:
    """What pytest-benchmark records of a machine, as far as the report tells it."""
    return {
        "node": "",
        "processor": "",
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": str(cell.machine.get("platform", "")),
        "system": platform.system(),
        "cpu": {"brand_raw": cell.machine.get("cpu"), "count": cell.machine.get("cores")},
    }
