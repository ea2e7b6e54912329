"""Throughput, latency at batch 1, share of the roofline, times, memory, energy; docs/efficiency.md defines them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from fmbench.measure.energy import Counter, energy_of, find_counter
from fmbench.measure.evidence import Evidence, Tensors, Work, as_tensors
from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.memory import cuda_peaks, peak_memory_bytes
from fmbench.measure.memory import reset_peak_memory as reset_peak_memory
from fmbench.measure.roofline import Roofline, gemm_flop_per_s
from fmbench.measure.timing import Clock, StopRule, closed_loop, passes, quiet, warm_up
from fmbench.stats.intervals import Interval, mean_t, quantile
from fmbench.suite.schema import Spec

P90_SAMPLES, P99_SAMPLES = 64, 662
NEED_TENSORS = ("tokens_per_s", "padding_efficiency", "tensor_latency_p50_ms", "roofline_share")
NO_TENSORS = "this predictor does not tell its tokens and FLOPs"


@dataclass(frozen=True)
class Instruments:
    """What is measured with; tests bring their own.

    Args:
        gemm: (work, device, seconds, clock) -> FLOP/s of this machine's matrix products.
        counter: device -> its energy counter and name, or None and why there is none.
    """

    clock: Clock = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    gemm: Callable[[Work, str, float, Clock], float] = gemm_flop_per_s
    counter: Callable[[str], tuple[Counter | None, str]] = find_counter


class Efficiency:
    """Speed, memory and energy of the fitted predictor on real test inputs, drawn with a fixed seed.

    Throughput is a pass over many examples where the system may batch as it likes; latency is one example at a time,
    in closed loop. What the predictor or the machine does not tell is left out or null, with the reason in
    `evidence.notes`.
    """

    version = 2

    class Settings(Spec):
        """How much is timed; the defaults are cheap, docs/efficiency.md has those for figures to publish."""

        examples: int = Field(default=32, ge=1, description="test examples in a pass of the throughput probe")
        repeats: int = Field(default=3, ge=2, description="timed passes over them")
        latency_samples: int = Field(default=64, ge=2, description="single examples timed, at least")
        latency_seconds: float = Field(default=0.2, ge=0, description="seconds of latency samples, at least")
        latency_max_seconds: float = Field(default=10.0, gt=0, description="latency samples end here even if too few")
        warm_up_seconds: float = Field(
            default=0.5, ge=0, description="longest warm-up; it ends once timings are stable"
        )
        gemm_seconds: float = Field(default=0.1, gt=0, description="length of each of the two probes of the roofline")
        energy_seconds: float = Field(default=3.0, gt=0, description="longest wait for 20 updates of an energy counter")

    @staticmethod
    def measure(
        evidence: Evidence, settings: Efficiency.Settings, instruments: Instruments | None = None
    ) -> list[Measurement]:
        use = instruments or Instruments()
        memory = _memory(evidence)
        subject = _Subject(evidence, settings)
        with quiet():
            latency = _latency(subject, settings, use.clock)
            throughput = _throughput(subject, settings, use)
            energy = _energy(subject, settings, use)
        return [
            *_rates(subject, throughput),
            *latency,
            *_roofline_rows(subject, throughput),
            _once("fit_seconds", evidence.fit_seconds, "s"),
            _once("load_seconds", evidence.load_seconds, "s"),
            *memory,
            *energy,
        ]


class _Subject:
    """The predictor with the examples it is timed on: `batch` for throughput, `single(i)` one after the other."""

    def __init__(self, evidence: Evidence, settings: Efficiency.Settings) -> None:
        self.evidence = evidence
        self._order = np.random.default_rng(0).permutation(len(evidence.inputs)).tolist()
        self.batch = [evidence.inputs[i] for i in self._order[: settings.examples]]
        self.predict = partial(evidence.predictor.predict, self.batch)
        self.tensors: Tensors | None = as_tensors(evidence.predictor)
        self.work: Work | None = None if self.tensors is None else self.tensors.work(self.tensors.encode(self.batch))

    def single(self, i: int) -> list[Any]:
        return [self.evidence.inputs[self._order[i % len(self._order)]]]

    def text_to_answer(self, i: int) -> Callable[[], object]:
        return partial(self.evidence.predictor.predict, self.single(i))

    def tensors_to_logits(self, i: int) -> Callable[[], object]:
        assert self.tensors is not None
        return partial(self.tensors.run, self.tensors.encode(self.single(i)))


class _Throughput(NamedTuple):
    """Seconds of each pass over the batch, and what the machine could do meanwhile."""

    seconds: np.ndarray
    roofline: Roofline | None


def _latency(subject: _Subject, settings: Efficiency.Settings, clock: Clock) -> list[Measurement]:
    subjects = {"latency": subject.text_to_answer}
    if subject.tensors is not None:
        subjects["tensor_latency"] = subject.tensors_to_logits
    notes = subject.evidence.notes
    if not warm_up(subject.text_to_answer(0), settings.warm_up_seconds, clock):
        notes["latency_warm_up"] = f"not stable after {settings.warm_up_seconds:g} s"
    for one in subjects.values():
        one(0)()
    rule = StopRule(settings.latency_samples, settings.latency_seconds, settings.latency_max_seconds)
    samples = closed_loop(list(subjects.values()), rule, clock) * 1e3
    setting = "latency_samples" if len(samples) >= settings.latency_samples else "latency_max_seconds"
    for name, needed in (("latency_p90_ms", P90_SAMPLES), ("latency_p99_ms", P99_SAMPLES)):
        if len(samples) < needed:
            notes[name] = f"{len(samples)} samples, {needed} needed; raise {setting}"
    return [row for name, column in zip(subjects, samples.T, strict=True) for row in _percentiles(name, column)]


def _percentiles(name: str, milliseconds: np.ndarray) -> list[Measurement]:
    n = len(milliseconds)
    return [
        measured(
            f"{name}_p{round(100 * q)}_ms",
            float(np.quantile(milliseconds, q)),
            quantile(milliseconds, q),
            n,
            unit="ms",
            higher_is_better=False,
        )
        for q, needed in ((0.5, 1), (0.9, P90_SAMPLES), (0.99, P99_SAMPLES))
        if n >= needed
    ]


def _throughput(subject: _Subject, settings: Efficiency.Settings, use: Instruments) -> _Throughput:
    subject.predict()
    if subject.work is None:
        return _Throughput(passes(subject.predict, settings.repeats, use.clock), None)
    probe = partial(use.gemm, subject.work, subject.evidence.device, settings.gemm_seconds, use.clock)
    before = probe()
    seconds = passes(subject.predict, settings.repeats, use.clock)
    return _Throughput(seconds, Roofline(before, probe()))


def _rates(subject: _Subject, throughput: _Throughput) -> list[Measurement]:
    n, work = len(throughput.seconds), subject.work

    def rate(name: str, amount: float) -> Measurement:
        per_second = amount / throughput.seconds
        return measured(name, float(per_second.mean()), mean_t(per_second), n, unit="1/s", higher_is_better=True)

    rows = [rate("examples_per_s", len(subject.batch))]
    if work is None:
        subject.evidence.notes.update(dict.fromkeys(NEED_TENSORS, NO_TENSORS))
        return rows
    rows.append(rate("tokens_per_s", work.tokens))
    if work.padded_tokens is None:
        subject.evidence.notes["padding_efficiency"] = "this predictor does not count its padding"
        return rows
    share = work.tokens / work.padded_tokens
    counted = Interval(share, share, "none: counted")
    return [*rows, measured("padding_efficiency", share, counted, len(subject.batch), higher_is_better=True)]


def _roofline_rows(subject: _Subject, throughput: _Throughput) -> list[Measurement]:
    roofline, work, evidence = throughput.roofline, subject.work, subject.evidence
    if roofline is None or work is None:
        return []
    doubt = roofline.doubt()
    if doubt is not None:
        evidence.notes["roofline_share"] = doubt
    ends = Interval(roofline.low, roofline.high, "range of the probes before and after")
    rate = measured("gemm_flop_per_s", roofline.flop_per_s, ends, 2, unit="1/s", higher_is_better=True)
    return [
        _share("roofline_share", work.flops / throughput.seconds, roofline),
        rate,
        *_fit_rows(evidence, roofline, work.dtype),
    ]


def _fit_rows(evidence: Evidence, roofline: Roofline, dtype: str) -> list[Measurement]:
    """What the training reached. The probes are those of the prediction: none ran beside the fit."""
    work = evidence.fit_work
    if work is None:
        evidence.notes["fit_roofline_share"] = "the FLOPs of this fit are not counted"
        return []
    if work.dtype != dtype:
        evidence.notes["fit_roofline_share"] = f"training ran in {work.dtype}, the roofline is that of {dtype}"
    seconds = evidence.fit_seconds if evidence.fit_training_seconds is None else evidence.fit_training_seconds
    nothing = Interval(float("nan"), float("nan"), "none: one sample")
    tokens = measured("fit_tokens_per_s", work.tokens / seconds, nothing, 1, unit="1/s", higher_is_better=True)
    return [_share("fit_roofline_share", np.array([work.flops / seconds]), roofline), tokens]


def _share(name: str, flop_per_s: np.ndarray, roofline: Roofline) -> Measurement:
    """Useful FLOP/s over the roofline; the interval of the mean, widened by what the two probes leave open."""
    value = float(flop_per_s.mean())
    inner = mean_t(flop_per_s) if len(flop_per_s) > 1 else Interval(value, value, "one fit")
    interval = Interval(inner.low / roofline.high, inner.high / roofline.low, f"{inner.method}, range of the probes")
    return measured(name, value / roofline.flop_per_s, interval, len(flop_per_s), higher_is_better=True)


def _memory(evidence: Evidence) -> list[Measurement]:
    """Peaks since the start of the cell, read before anything here allocates."""
    resident = peak_memory_bytes()
    start = evidence.memory_at_start
    rows: list[Measurement] = []
    if evidence.device == "cuda" and (cuda := cuda_peaks()) is not None:
        rows = [_once("peak_memory_bytes", cuda[0], "B"), _once("peak_reserved_memory_bytes", cuda[1], "B")]
    resident_name = "peak_host_memory_bytes" if rows else "peak_memory_bytes"
    if resident is None or start is None:
        evidence.notes[resident_name] = "this system has no peak of resident memory that can be reset (VmHWM)"
        return [*rows, _missing(resident_name, "B")]
    growth = _once(resident_name.replace("memory", "memory_growth"), resident - start, "B")
    return [*rows, _once(resident_name, resident, "B"), growth]


def _energy(subject: _Subject, settings: Efficiency.Settings, use: Instruments) -> list[Measurement]:
    counter, why = use.counter(subject.evidence.device)
    found = (
        why if counter is None else energy_of(subject.predict, counter, settings.energy_seconds, use.clock, use.sleep)
    )
    if isinstance(found, str):
        subject.evidence.notes["energy_joules"] = found
        return [_missing("energy_joules", "J")]
    n = len(subject.batch)
    interval = Interval(float("nan"), float("nan"), f"none: {why}, {found.updates:.0f} updates")
    return [
        measured("energy_joules", found.joules, interval, n, unit="J", higher_is_better=False),
        measured("energy_joules_per_example", found.joules / n, interval, n, unit="J", higher_is_better=False),
    ]


def _once(name: str, value: float, unit: str) -> Measurement:
    nothing = Interval(float("nan"), float("nan"), "none: one sample")
    return measured(name, float(value), nothing, 1, unit=unit, higher_is_better=False)


def _missing(name: str, unit: str) -> Measurement:
    nothing = Interval(float("nan"), float("nan"), "none: not measured")
    return measured(name, float("nan"), nothing, 0, unit=unit, higher_is_better=False)
