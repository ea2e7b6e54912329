"""Efficiency: throughput, latency at batch 1, time to fit and to load, peak memory; from text to answer."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import Field

from fmbench.measure.evidence import Evidence
from fmbench.measure.measurement import Measurement, measured
from fmbench.stats.intervals import Interval, mean_t, quantile
from fmbench.suite.schema import Spec

P90_SAMPLES, P99_SAMPLES = 64, 662


class Efficiency:
    """Speed and memory of the fitted predictor on real test inputs.

    `examples_per_s` is whole-batch prediction where the system may batch as it likes; latency is one example at a time,
    in closed loop. Percentiles are reported only from enough samples (64 for p90, 662 for p99).
    """

    version = 1

    class Settings(Spec):
        examples: int = Field(default=16, ge=1, description="test examples in the throughput probe")
        repeats: int = Field(default=3, ge=2, description="timed passes over them")
        latency_samples: int = Field(default=64, ge=2, description="single examples timed")

    @staticmethod
    def measure(evidence: Evidence, settings: Efficiency.Settings) -> list[Measurement]:
        predict = evidence.predictor.predict
        rng = np.random.default_rng(0)
        order = rng.permutation(len(evidence.inputs))
        batch = [evidence.inputs[i] for i in order[: settings.examples].tolist()]
        singles = [[evidence.inputs[i]] for i in np.resize(order, settings.latency_samples).tolist()]
        with _quiet():
            _warm_up(partial(predict, singles[0]))
            latencies = np.array([_timed(partial(predict, one)) for one in singles]) * 1e3
            predict(batch)
            rates = np.array([len(batch) / _timed(partial(predict, batch)) for _ in range(settings.repeats)])
        rows = [
            measured(
                "examples_per_s", float(rates.mean()), mean_t(rates), len(rates), unit="1/s", higher_is_better=True
            ),
            _percentile("latency_p50_ms", latencies, 0.5),
            _once("fit_seconds", evidence.fit_seconds, "s"),
            _once("load_seconds", evidence.load_seconds, "s"),
        ]
        if len(latencies) >= P90_SAMPLES:
            rows.append(_percentile("latency_p90_ms", latencies, 0.9))
        if len(latencies) >= P99_SAMPLES:
            rows.append(_percentile("latency_p99_ms", latencies, 0.99))
        peak = peak_memory_bytes()
        if peak is None:
            evidence.notes["peak_memory_bytes"] = "no /proc/self/status on this system"
        else:
            rows.append(_once("peak_memory_bytes", float(peak), "B"))
        return rows


def peak_memory_bytes() -> int | None:
    """Highest resident memory of this process (VmHWM), or None where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return int(line.split()[1]) * 1024 if line else None


def reset_peak_memory() -> None:
    """Start a new VmHWM measurement, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


class _quiet:
    """No garbage collection in the timed region."""

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        gc.enable()
        gc.unfreeze()


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _warm_up(work: Callable[[], object], seconds: float = 0.5) -> None:
    """Repeat until the medians of three windows of five agree within 3 %, or time is up."""
    medians: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        medians.append(float(np.median([_timed(work) for _ in range(5)])))
        last = medians[-3:]
        if len(last) == 3 and max(last) <= 1.03 * min(last):
            return


def _percentile(name: str, samples: np.ndarray, q: float) -> Measurement:
    value = float(np.quantile(samples, q))
    return measured(name, value, quantile(samples, q), len(samples), unit="ms", higher_is_better=False)


def _once(name: str, value: float, unit: str) -> Measurement:
    nothing = Interval(float("nan"), float("nan"), "none: one sample")
    return measured(name, value, nothing, 1, unit=unit, higher_is_better=False)
