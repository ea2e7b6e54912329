"""Energy from real counters, RAPL on CPUs and NVML on GPUs; without one there is no number, but a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fmbench.measure.nvml import Gpu, current_gpu
from fmbench.measure.timing import Call, Clock

POWERCAP = Path("/sys/class/powercap")
MIN_UPDATES = 20
IDLE_SECONDS, IDLE_UPDATES, POLL_SECONDS = 0.25, 5, 0.001


class Counter(Protocol):
    """Something that counts energy."""

    name: str

    def joules(self) -> float:
        """Energy since some fixed moment; never falls. Raises OSError where it can no longer be read."""


class Rapl:
    """The sum of RAPL domains, each unwrapped where it overflows between two readings.

    Args:
        domains: powercap folders with `name`, `energy_uj` and `max_energy_range_uj`.

    Raises:
        OSError: one of them cannot be read.
    """

    def __init__(self, domains: Sequence[Path]) -> None:
        self._domains = domains
        self._ranges = [_number(domain / "max_energy_range_uj") for domain in domains]
        self._last = [_number(domain / "energy_uj") for domain in domains]
        self._total = 0
        self.name = f"RAPL ({', '.join(_domain_name(domain) for domain in domains)})"

    def joules(self) -> float:
        for i, domain in enumerate(self._domains):
            now = _number(domain / "energy_uj")
            self._total += now - self._last[i] + (self._ranges[i] if now < self._last[i] else 0)
            self._last[i] = now
        return self._total / 1e6


class Nvml:
    """The energy counter of one GPU."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.name = "NVML total energy"

    def joules(self) -> float:
        found = self._gpu.energy_joules()
        if found is None:
            raise OSError("the GPU does not count energy")
        return found


@dataclass(frozen=True)
class Energy:
    """Joules of one pass above idle, and how it was found: `passes` of them in `updates` updates of the counter."""

    joules: float
    passes: int
    updates: float
    idle_watts: float


def find_counter(device: str, powercap: Path = POWERCAP) -> tuple[Counter | None, str]:
    """The energy counter of a device and its name, or None and why there is none."""
    try:
        if device == "cpu":
            domains = rapl_domains(powercap)
            if not domains:
                return None, f"no RAPL counter under {powercap}"
            rapl = Rapl(domains)
            return rapl, rapl.name
        if device == "cuda":
            gpu = current_gpu()
            if gpu is None:
                return None, "no NVML library that knows this GPU"
            nvml = Nvml(gpu)
            nvml.joules()
            return nvml, nvml.name
    except (OSError, ValueError) as error:
        return None, f"the energy counter cannot be read: {error}"
    return None, f"no energy counter is known for the device {device}"


def rapl_domains(powercap: Path = POWERCAP) -> list[Path]:
    """Domains that together count everything once: packages and their memory; the platform where there is no package.

    Cores and uncore are parts of the package, and `intel-rapl-mmio` is the package again.
    """
    names = {path: _domain_name(path) for path in sorted(powercap.glob("intel-rapl:*"))}
    packages = [path for path, name in names.items() if name.startswith("package")]
    if not packages:
        return [path for path, name in names.items() if name == "psys"]
    return packages + [path for path, name in names.items() if name == "dram"]


def energy_of(
    call: Call,
    counter: Counter,
    max_seconds: float,
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Energy | str:
    """Energy of one call above this machine's idle power, or why it cannot be told.

    The counter is first watched while nothing runs: that gives the idle power and how often it is updated. Then the
    call is repeated until at least 20 updates have gone by, or `max_seconds`.
    """
    try:
        idle = _idle(counter, max_seconds, clock, sleep)
        if idle is None:
            return f"{counter.name}: fewer than {IDLE_UPDATES} updates in {max_seconds:g} s of idling"
        watts, period = idle
        start, before = clock(), counter.joules()
        count, elapsed = 0, 0.0
        while elapsed < min(MIN_UPDATES * period, max_seconds):
            call()
            count += 1
            elapsed = clock() - start
        net = counter.joules() - before - watts * elapsed
    except (OSError, ValueError) as error:
        return f"{counter.name}: {error}"
    updates = elapsed / period
    if updates < MIN_UPDATES:
        return f"{counter.name}: {updates:.0f} updates in {elapsed:.1f} s, {MIN_UPDATES} needed; raise energy_seconds"
    if net <= 0:
        return f"{counter.name}: no energy above idling ({watts:.1f} W)"
    return Energy(net / count, count, updates, watts)


def _idle(
    counter: Counter, max_seconds: float, clock: Clock, sleep: Callable[[float], None]
) -> tuple[float, float] | None:
    """Idle power in watts and seconds between updates, from one update's edge to another's."""
    start, last = clock(), counter.joules()
    edges: list[tuple[float, float]] = []
    while (now := clock()) - start < max_seconds:
        if now - start >= IDLE_SECONDS and len(edges) > IDLE_UPDATES:
            break
        sleep(POLL_SECONDS)
        joules = counter.joules()
        if joules != last:
            edges.append((clock(), joules))
            last = joules
    if len(edges) <= IDLE_UPDATES:
        return None
    seconds = edges[-1][0] - edges[0][0]
    return (edges[-1][1] - edges[0][1]) / seconds, seconds / (len(edges) - 1)


def _number(path: Path) -> int:
    return int(path.read_text())


def _domain_name(domain: Path) -> str:
    try:
        return (domain / "name").read_text().strip()
    except OSError:
        return ""
