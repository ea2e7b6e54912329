"""Two ways to do the same work, timed in turn: ratios survive a noisy machine where absolute times do not."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fmbench.stats.intervals import quantile


@dataclass(frozen=True)
class Ratio:
    """Peer's time over ours, above 1 if we are faster: the median over rounds and its 95 % interval."""

    median: float
    low: float
    high: float
    ours_s: float
    peer_s: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


def compare(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 9, seed: int = 0) -> Ratio:
    """Time `ours` and `peer` once a round, in random order, after one untimed call of each."""
    rng = np.random.default_rng(seed)
    ours()
    peer()
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            sides = [("ours", ours), ("peer", peer)]
            for name, work in sides if rng.random() < 0.5 else sides[::-1]:
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    ratios = np.array(times["peer"]) / np.array(times["ours"])
    found = quantile(ratios, 0.5)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    return Ratio(float(np.median(ratios)), found.low, found.high, medians["ours"], medians["peer"], rounds)
