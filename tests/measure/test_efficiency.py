"""What the measure reports, for predictors whose speed is known because their clock is made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.measure import efficiency
from fmbench.measure.efficiency import Efficiency, Instruments
from fmbench.measure.evidence import Evidence, Work, as_tensors
from fmbench.measure.measurement import Measurement

TEXTS = [f"{'word ' * (i % 7)}end" for i in range(50)]
MB = 1 << 20


class Machine:
    """A clock, and a GEMM probe and an energy counter that go by it."""

    name = "made up"

    def __init__(self, gemm: Sequence[float] = (80e9, 80e9), watts: float | None = None) -> None:
        self.now, self.rates, self.watts, self.probes = 0.0, iter(gemm), watts, []
        self.busy = 0.0

    def clock(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds
        self.busy += seconds

    def gemm(self, work: Work, device: str, seconds: float, clock: Any) -> float:
        self.probes.append((work, device, seconds))
        return next(self.rates)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def joules(self) -> float:
        assert self.watts is not None
        return 10.0 * self.now + self.watts * self.busy

    def instruments(self) -> Instruments:
        found = (None, "none here") if self.watts is None else (self, self.name)
        return Instruments(self.clock, self.sleep, self.gemm, lambda device: found)


class Plain:
    """10 ms a text, and nothing about tokens."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.seen = machine, []

    def predict(self, inputs: Sequence[str]) -> np.ndarray:
        self.seen.append(list(inputs))
        self.machine.spend(0.010 * len(inputs))
        return np.full((len(inputs), 2), 0.5)


class Counted(Plain):
    """The same in tensors: 8 ms a text without tokenising, a token a word, 1 MFLOP a token, one padding in four."""

    def encode(self, inputs: Sequence[str]) -> list[list[str]]:
        return [text.split() for text in inputs]

    def run(self, encoded: list[list[str]]) -> np.ndarray:
        self.machine.spend(0.008 * len(encoded))
        return np.full((len(encoded), 2), 0.5)

    def work(self, encoded: list[list[str]]) -> Work:
        tokens = sum(map(len, encoded))
        return Work(tokens, 1e6 * tokens, tokens + tokens // 3, gemm=(8, 8, 8))


def measure(
    predictor: Plain, settings: dict[str, Any] | None = None, **evidence: Any
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Rows by name, and the notes."""
    given = {"device": "cpu", "load_seconds": 1.5, "fit_seconds": 4.0, "memory_at_start": 1} | evidence
    found = Evidence(predictor, pa.table({"text": TEXTS}), TEXTS, ("a", "b"), **given)
    rows = Efficiency.measure(found, Efficiency.Settings(**settings or {}), predictor.machine.instruments())
    assert len({row.metric for row in rows}) == len(rows)
    return {row.metric: row for row in rows}, found.notes


def test_a_classical_predictor_has_rates_latency_and_reasons() -> None:
    rows, notes = measure(Plain(Machine()), {"latency_seconds": 0})
    assert rows["examples_per_s"].value == pytest.approx(100)
    assert rows["examples_per_s"].n == 3
    assert rows["latency_p50_ms"].value == pytest.approx(10)
    assert rows["latency_p90_ms"].n == 64
    assert (rows["fit_seconds"].value, rows["load_seconds"].value) == (4.0, 1.5)
    for name in ("tokens_per_s", "padding_efficiency", "tensor_latency_p50_ms", "roofline_share"):
        assert name not in rows
        assert notes[name] == "this predictor does not tell its tokens and FLOPs"
    assert rows["energy_joules"].value is None
    assert notes["energy_joules"] == "none here"


def test_a_predictor_with_tensors_has_tokens_and_a_share_of_the_roofline() -> None:
    machine = Machine((90e9, 100e9))
    predictor = Counted(machine)
    rows, notes = measure(predictor, {"examples": 21, "gemm_seconds": 0.25})
    batch = next(seen for seen in predictor.seen if len(seen) == 21)
    tokens = sum(len(text.split()) for text in batch)
    seconds = 0.21
    assert rows["examples_per_s"].value == pytest.approx(21 / seconds)
    assert rows["tokens_per_s"].value == pytest.approx(tokens / seconds)
    assert rows["padding_efficiency"].value == pytest.approx(tokens / (tokens + tokens // 3))
    assert rows["tensor_latency_p50_ms"].value == pytest.approx(8)
    assert rows["latency_p50_ms"].value == pytest.approx(10)
    flop_per_s = 1e6 * tokens / seconds
    share = rows["roofline_share"]
    assert share.value == pytest.approx(flop_per_s / 95e9)
    assert (share.low, share.high) == (pytest.approx(flop_per_s / 100e9), pytest.approx(flop_per_s / 90e9))
    gemm = rows["gemm_flop_per_s"]
    assert (gemm.value, gemm.low, gemm.high, gemm.n) == (95e9, 90e9, 100e9, 2)
    assert "roofline_share" not in notes
    assert [(work.tokens, work.gemm, *rest) for work, *rest in machine.probes] == [(tokens, (8, 8, 8), "cpu", 0.25)] * 2


def test_probes_that_disagree_are_told_beside_the_share() -> None:
    rows, notes = measure(Counted(Machine((100e9, 70e9))))
    assert rows["roofline_share"].value is not None
    assert "differ by 30%" in notes["roofline_share"]


@pytest.mark.parametrize(("training_seconds", "seconds"), [(2.0, 2.0), (None, 4.0)])
def test_a_fit_with_counted_work_has_its_share(training_seconds: float | None, seconds: float) -> None:
    work = Work(tokens=1000, flops=160e9, padded_tokens=1000)
    rows, notes = measure(
        Counted(Machine((80e9, 100e9))), fit_work=work, fit_training_seconds=training_seconds, fit_seconds=4.0
    )
    share = rows["fit_roofline_share"]
    assert share.value == pytest.approx(160 / seconds / 90)
    assert (share.low, share.high) == (pytest.approx(160 / seconds / 100), pytest.approx(160 / seconds / 80))
    assert rows["fit_tokens_per_s"].value == pytest.approx(1000 / seconds)
    assert rows["fit_seconds"].value == 4.0
    assert "fit_roofline_share" not in notes


def test_a_fit_whose_work_is_not_counted_says_so() -> None:
    rows, notes = measure(Counted(Machine()))
    assert "fit_roofline_share" not in rows
    assert notes["fit_roofline_share"] == "the FLOPs of this fit are not counted"


@pytest.mark.parametrize(("samples", "percentiles"), [(63, {50}), (64, {50, 90}), (661, {50, 90}), (662, {50, 90, 99})])
def test_percentiles_need_their_samples(samples: int, percentiles: set[int]) -> None:
    settings = {"latency_samples": samples, "latency_seconds": 0, "latency_max_seconds": 1e6}
    rows, notes = measure(Counted(Machine()), settings)
    for kind in ("latency", "tensor_latency"):
        assert {q for q in (50, 90, 99) if f"{kind}_p{q}_ms" in rows} == percentiles
        assert {rows[f"{kind}_p{q}_ms"].n for q in percentiles} == {samples}
        assert rows[f"{kind}_p50_ms"].interval == "order statistics"
    assert {name for name in notes if "samples" in notes[name]} == {f"latency_p{q}_ms" for q in {90, 99} - percentiles}


def test_latency_goes_on_for_its_shortest_time() -> None:
    rows, _ = measure(Plain(Machine()), {"latency_seconds": 6.62})
    assert rows["latency_p50_ms"].n == pytest.approx(662, abs=1)


def test_a_slow_predictor_is_cut_off_and_the_note_names_the_setting() -> None:
    rows, notes = measure(Plain(Machine()), {"latency_max_seconds": 0.195})
    assert rows["latency_p50_ms"].n == 20
    assert notes["latency_p90_ms"] == "20 samples, 64 needed; raise latency_max_seconds"


def test_a_warm_up_that_does_not_settle_is_told() -> None:
    _, notes = measure(Plain(Machine()), {"warm_up_seconds": 0.1})
    assert notes["latency_warm_up"] == "not stable after 0.1 s"
    assert "latency_warm_up" not in measure(Plain(Machine()))[1]


def test_real_examples_are_drawn_the_same_every_time() -> None:
    first, second = Plain(Machine()), Plain(Machine())
    measure(first)
    measure(second)
    assert first.seen == second.seen
    singles = [seen[0] for seen in first.seen if len(seen) == 1]
    assert set(singles) <= set(TEXTS)
    assert len(set(map(len, singles))) == 7, "of all lengths"
    assert all(len(seen) in (1, 32) for seen in first.seen)


def test_a_small_test_set_is_used_whole() -> None:
    predictor = Plain(Machine())
    measure(predictor, {"examples": 1000})
    assert max(map(len, predictor.seen)) == len(TEXTS)


def test_energy_of_a_pass_and_of_an_example_above_idle() -> None:
    rows, notes = measure(Plain(Machine(watts=40.0)), {"examples": 20})
    assert rows["energy_joules"].value == pytest.approx(40.0 * 0.2)
    assert rows["energy_joules"].n == 20
    assert rows["energy_joules_per_example"].value == pytest.approx(40.0 * 0.01)
    assert rows["energy_joules"].interval.startswith("none: made up, ")
    assert "energy_joules" not in notes


@pytest.fixture
def peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficiency, "peak_memory_bytes", lambda: 300 * MB)


def test_the_peak_and_its_growth_since_the_start_of_the_cell(peak: None) -> None:
    rows, _ = measure(Plain(Machine()), memory_at_start=200 * MB)
    assert (rows["peak_memory_bytes"].value, rows["peak_memory_growth_bytes"].value) == (300 * MB, 100 * MB)


def test_a_peak_that_was_never_reset_belongs_to_no_cell(peak: None) -> None:
    rows, notes = measure(Plain(Machine()), memory_at_start=None)
    assert rows["peak_memory_bytes"].value is None
    assert "peak_memory_growth_bytes" not in rows
    assert "VmHWM" in notes["peak_memory_bytes"]


def test_on_cuda_the_peak_is_the_devices_and_the_hosts_stands_beside(
    peak: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficiency, "cuda_peaks", lambda: (5 * MB, 8 * MB))
    rows, _ = measure(Plain(Machine()), device="cuda", memory_at_start=200 * MB)
    found = {name: row.value for name, row in rows.items() if name.startswith("peak")}
    assert found == {
        "peak_memory_bytes": 5 * MB,
        "peak_reserved_memory_bytes": 8 * MB,
        "peak_host_memory_bytes": 300 * MB,
        "peak_host_memory_growth_bytes": 100 * MB,
    }


def test_tensors_are_a_matter_of_all_three_methods() -> None:
    assert as_tensors(Plain(Machine())) is None
    counted = Counted(Machine())
    assert as_tensors(counted) is counted
