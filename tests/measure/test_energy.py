"""RAPL from a made-up powercap folder, and energy by a made-up clock and counter."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.measure.energy import Energy, Rapl, energy_of, find_counter, rapl_domains

RANGE = 262_143_328_850


def domain(powercap: Path, folder: str, name: str, microjoules: int = 1_000_000) -> Path:
    path = powercap / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return path


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two sockets as Linux lists them: parts of a package beside it, and the package once more by MMIO."""
    for socket in (0, 1):
        domain(tmp_path, f"intel-rapl:{socket}", f"package-{socket}")
        domain(tmp_path, f"intel-rapl:{socket}:0", "core")
        domain(tmp_path, f"intel-rapl:{socket}:1", "uncore")
        domain(tmp_path, f"intel-rapl:{socket}:2", "dram")
    domain(tmp_path, "intel-rapl:2", "psys")
    domain(tmp_path, "intel-rapl-mmio:0", "package-0")
    (tmp_path / "intel-rapl").mkdir()
    return tmp_path


def test_everything_is_counted_once(powercap: Path) -> None:
    assert [path.name for path in rapl_domains(powercap)] == [
        "intel-rapl:0", "intel-rapl:1", "intel-rapl:0:2", "intel-rapl:1:2",
    ]  # fmt: skip


def test_the_platform_stands_in_where_there_is_no_package(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "psys")
    assert [path.name for path in rapl_domains(tmp_path)] == ["intel-rapl:0"]


def test_domains_add_up_in_joules(powercap: Path) -> None:
    counter, name = find_counter("cpu", powercap)
    assert counter is not None
    assert name == counter.name == "RAPL (package-0, package-1, dram, dram)"
    start = counter.joules()
    (powercap / "intel-rapl:0/energy_uj").write_text("3500000")
    (powercap / "intel-rapl:1:2/energy_uj").write_text("1250000")
    (powercap / "intel-rapl:0:0/energy_uj").write_text("3000000")
    assert counter.joules() - start == pytest.approx(2.5 + 0.25)


def test_an_overflow_between_two_readings_is_no_loss(tmp_path: Path) -> None:
    path = domain(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    counter = Rapl([path])
    for microjoules in (RANGE - 500_000, 2_000_000, 3_000_000, 1_000_000):
        (path / "energy_uj").write_text(str(microjoules))
        last = counter.joules()
    assert last == pytest.approx(0.5 + 2.5 + 1.0 + (RANGE - 2_000_000) / 1e6)


def test_no_counter_is_a_reason(tmp_path: Path) -> None:
    assert find_counter("cpu", tmp_path / "absent") == (None, f"no RAPL counter under {tmp_path / 'absent'}")
    assert find_counter("mps", tmp_path) == (None, "no energy counter is known for the device mps")


def test_a_counter_that_may_not_be_read_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = domain(tmp_path, "intel-rapl:0", "package-0") / "energy_uj"
    read_text = Path.read_text

    def refuse(self: Path) -> str:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read_text(self)

    monkeypatch.setattr(Path, "read_text", refuse)
    counter, why = find_counter("cpu", tmp_path)
    assert counter is None
    assert "Permission denied" in why
    assert str(path) in why


def test_a_counter_that_holds_no_number_is_a_reason(tmp_path: Path) -> None:
    (domain(tmp_path, "intel-rapl:0", "package-0") / "energy_uj").write_text("")
    assert find_counter("cpu", tmp_path)[0] is None


class Machine:
    """A clock and a counter: `idle_watts` always, `busy_watts` more while something runs, updated every `period`."""

    name = "made up"

    def __init__(self, idle_watts: float, busy_watts: float, period: float) -> None:
        self.now, self.true_joules, self.period = 0.0, 0.0, period
        self.idle_watts, self.busy_watts = idle_watts, busy_watts
        self._tick, self._shown = 0, 0.0

    def _pass(self, seconds: float, watts: float) -> None:
        self.now += seconds
        self.true_joules += watts * seconds
        if int(self.now / self.period) > self._tick:
            self._tick, self._shown = int(self.now / self.period), self.true_joules

    def sleep(self, seconds: float) -> None:
        self._pass(seconds, self.idle_watts)

    def work(self) -> None:
        for _ in range(10):
            self._pass(0.001, self.idle_watts + self.busy_watts)

    def clock(self) -> float:
        return self.now

    def joules(self) -> float:
        return self._shown

    def measure(self, max_seconds: float = 3.0) -> Energy | str:
        return energy_of(self.work, self, max_seconds, self.clock, self.sleep)


@pytest.mark.parametrize("period", [0.002, 0.05, 0.1])
def test_energy_is_what_the_work_took_above_idle(period: float) -> None:
    found = Machine(idle_watts=30.0, busy_watts=50.0, period=period).measure()
    assert isinstance(found, Energy)
    assert found.idle_watts == pytest.approx(30.0, rel=0.05)
    assert found.joules == pytest.approx(50.0 * 0.01, rel=0.1)
    assert found.updates >= 20
    assert found.passes >= 20 * period / 0.01


def test_too_few_updates_are_no_measurement() -> None:
    found = Machine(30.0, 50.0, 0.1).measure(1.0)
    assert found == "made up: 10 updates in 1.0 s, 20 needed; raise energy_seconds"


def test_a_counter_that_stands_still_is_no_measurement() -> None:
    assert Machine(30.0, 50.0, 1e9).measure(0.5) == "made up: fewer than 5 updates in 0.5 s of idling"


def test_work_that_does_not_show_is_no_measurement() -> None:
    assert Machine(30.0, -1.0, 0.01).measure() == "made up: no energy above idling (30.0 W)"


def test_a_counter_that_goes_away_is_no_measurement() -> None:
    class Broken(Machine):
        def work(self) -> None:
            super().work()
            self.period = 0.0

        def joules(self) -> float:
            if not self.period:
                raise OSError("gone")
            return super().joules()

        def _pass(self, seconds: float, watts: float) -> None:
            if self.period:
                super()._pass(seconds, watts)
            else:
                self.now += seconds

    assert Broken(30.0, 50.0, 0.01).measure() == "made up: gone"
