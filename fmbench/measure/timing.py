"""Clocks and loops: warm-up until stable, one call at a time, whole passes. Nothing here knows of models."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], float]
Call = Callable[[], object]

WINDOW, WINDOWS, AGREE = 10, 3, 0.03
PASS_SECONDS = 0.02


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection inside: collected before, frozen and off until the end."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.unfreeze()


def timed(call: Call, clock: Clock = time.perf_counter) -> float:
    """Seconds that one call takes."""
    start = clock()
    call()
    return clock() - start


def warm_up(call: Call, max_seconds: float, clock: Clock = time.perf_counter) -> bool:
    """Call until the medians of three consecutive windows of ten calls agree within 3 %.

    Returns:
        Whether they did before `max_seconds` were over.
    """
    medians: list[float] = []
    window: list[float] = []
    end = clock() + max_seconds
    while clock() < end:
        window.append(timed(call, clock))
        if len(window) < WINDOW:
            continue
        medians.append(float(np.median(window)))
        window.clear()
        last = medians[-WINDOWS:]
        if len(last) == WINDOWS and max(last) <= (1 + AGREE) * min(last):
            return True
    return False


@dataclass(frozen=True)
class StopRule:
    """Enough samples and enough time, or too much time."""

    samples: int
    min_seconds: float
    max_seconds: float

    def stops(self, samples: int, seconds: float) -> bool:
        return seconds >= self.max_seconds or (samples >= self.samples and seconds >= self.min_seconds)


def closed_loop(
    subjects: Sequence[Callable[[int], Call]], rule: StopRule, clock: Clock = time.perf_counter
) -> np.ndarray:
    """Time one call after the other, the subjects in turn, so that they share whatever disturbs the machine.

    Args:
        subjects: sample number -> the call to time; making the call is not timed, but counts for the stop rule.

    Returns:
        Seconds, float64 [n_samples, n_subjects], at least one sample.
    """
    samples: list[list[float]] = []
    start = clock()
    while not samples or not rule.stops(len(samples), clock() - start):
        samples.append([timed(subject(len(samples)), clock) for subject in subjects])
    return np.array(samples)


def passes(call: Call, repeats: int, clock: Clock = time.perf_counter) -> np.ndarray:
    """Seconds a pass, float64 [repeats]; each is the mean of as many calls as fill 20 ms."""
    return np.array([_mean_seconds(call, clock) for _ in range(repeats)])


def _mean_seconds(call: Call, clock: Clock) -> float:
    start, calls, elapsed = clock(), 0, 0.0
    while elapsed < PASS_SECONDS:
        call()
        calls += 1
        elapsed = clock() - start
    return elapsed / calls
