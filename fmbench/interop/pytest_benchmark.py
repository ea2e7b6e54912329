"""A report, or the JSON of `fmbench bench`, as JSON that pytest-benchmark compare and github-action-benchmark read.

Their unit is seconds. From a report each cell group gives one benchmark a timing (prediction of an example, latency,
fit), whose rounds are the seeds; from a bench each cell gives one benchmark a side, whose rounds are its rounds: what
was measured is all that is said. Scores and memory are not times and stay out. Date, machine and revision are those of
the measurement, as far as they are recorded; nothing is said of the machine that exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fmbench import __version__
from fmbench.errors import NothingMeasured
from fmbench.gate.document import read_bench
from fmbench.gate.verdict import Cells, Check
from fmbench.run.result import Result
from fmbench.run.store import open_report

TIMINGS = {
    "examples_per_s": ("example", lambda value: 1 / value),
    "latency_p50_ms": ("latency_p50", lambda value: value / 1000),
    "latency_p90_ms": ("latency_p90", lambda value: value / 1000),
    "fit_seconds": ("fit", lambda value: value),
    "load_seconds": ("load", lambda value: value),
}
"""Metric of a result -> (name of the benchmark, to seconds)."""
TIMERS = {"cpu_seconds": "process_time", "wall_seconds": "perf_counter", "device_seconds": "cuda_events"}
ARCHITECTURE = re.compile(
    r"(?<=-)(x86_64|amd64|aarch64|arm64|armv\w+|i\d86|ppc64le|s390x|riscv64)(?=-|$)", re.IGNORECASE
)


def of_report(folder: Path) -> str:
    """The document of a report.

    Raises:
        InputError: there is none.
        NothingMeasured: it has no timings (its suite has no `efficiency`).
    """
    results = [result for _, result in open_report(folder).all()]
    benchmarks = list(_of_results(results))
    if not benchmarks:
        raise NothingMeasured(f"{folder}: no timings in it; run the suite with measure: {{efficiency: true}}")
    last = max(results, key=lambda one: one.started_at)
    return _document(benchmarks, last.environment, last.started_at)


def of_bench(file: Path) -> str:
    """The document of a file that `fmbench bench --json` wrote.

    Raises:
        InputError: it is something else.
        NothingMeasured: it has no rounds: no side could be measured, or an earlier version wrote it.
    """
    verdict = read_bench(file)
    benchmarks = [
        one
        for check in verdict.checks
        if check.sort == "speed" and check.samples is not None
        for one in _of_check(check, {"base": check.samples.base, "new": check.samples.new})
    ]
    if not benchmarks:
        raise NothingMeasured(f"{file}: no rounds in it")
    environment = verdict.environment or {}
    commit = (environment.get("commits") or {}).get("new")
    return _document(benchmarks, environment, verdict.started_at, commit)


def _document(
    benchmarks: list[dict[str, Any]],
    environment: Mapping[str, Any],
    started_at: str | None,
    commit: Mapping[str, Any] | None = None,
) -> str:
    content = {
        "machine_info": _machine(environment),
        "commit_info": {"id": "unversioned", "time": None, "author_time": None, "dirty": False, "project": "fmbench"}
        | {"branch": "(unknown)"}
        | dict(commit or {}),
        "benchmarks": benchmarks,
        "datetime": started_at or datetime.now(UTC).isoformat(),
        "version": f"fmbench {__version__}",
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _of_results(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    for metric, (name, seconds) in TIMINGS.items():
        found: dict[Cells, list[float]] = {}
        for result in results:
            rows = [row for row in result.measurements if row.metric == metric and row.slice is None]
            values = [row.value for row in rows if row.value is not None and row.value > 0]
            if values:
                cells = Cells(result.task, result.model, result.adaptation)
                found.setdefault(cells, []).append(seconds(values[0]))
        for cells, data in found.items():
            yield _benchmark(f"{cells}::{name}", name, data, cells, {"rounds_are": "seeds", "metric": name})


def _of_check(check: Check, sides: Mapping[str, Sequence[float]]) -> Iterator[dict[str, Any]]:
    """The sides of one cell: a group, so that they stand beside each other."""
    group = f"{check.cells}::{check.metric}"
    for side, data in sides.items():
        info = {"rounds_are": "rounds", "metric": check.metric, "side": side, "outcome": check.outcome}
        made = _benchmark(f"{group}[{side}]", group, data, check.cells, info)
        made["params"] |= {"side": side}
        made["options"] |= {"timer": TIMERS[check.metric]}
        yield made


def _benchmark(
    fullname: str, group: str, data: Sequence[float], cells: Cells, info: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "group": group,
        "name": fullname,
        "fullname": fullname,
        "params": {"task": cells.task, "model": cells.model, "adaptation": cells.adaptation},
        "param": str(cells),
        "extra_info": {"fmbench": info},
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


def _machine(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What pytest-benchmark records of a machine, as far as the environment of a result tells it."""
    platform, python = str(environment.get("platform") or ""), str(environment.get("python") or "")
    architecture = ARCHITECTURE.search(platform)
    return {
        "node": "",
        "processor": "",
        "machine": architecture[0] if architecture else "",
        "python_compiler": "",
        "python_implementation": "",
        "python_implementation_version": "",
        "python_version": python,
        "python_build": [],
        "release": platform,
        "system": platform.partition("-")[0],
        "cpu": {"brand_raw": environment.get("cpu"), "count": environment.get("cores")},
    }
