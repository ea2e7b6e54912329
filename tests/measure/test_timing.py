"""Warm-up, stop rule and passes, by a clock that only moves when told to."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from itertools import chain, repeat

import numpy as np
import pytest

from fmbench.measure.timing import StopRule, closed_loop, passes, quiet, warm_up


class FakeClock:
    """Stands still, except where `wait` moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def lasting(self, seconds: Iterable[float]) -> Callable[[], None]:
        """A call that takes these times, one after the other."""
        times = iter(seconds)
        return lambda: self.wait(next(times))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_warm_up_ends_after_three_windows_that_agree(clock: FakeClock) -> None:
    assert warm_up(clock.lasting(repeat(0.01)), 60, clock)
    assert clock.now == pytest.approx(100 + 30 * 0.01)


def test_warm_up_waits_for_a_falling_time_to_settle(clock: FakeClock) -> None:
    falling = [0.05] * 10 + [0.03] * 10 + [0.0205] * 10
    assert warm_up(clock.lasting(chain(falling, repeat(0.02))), 60, clock)
    assert clock.now == pytest.approx(100 + sum(falling) + 20 * 0.02), "0.0205 is within 3 % of 0.02, 0.03 is not"


@pytest.mark.parametrize(("ratio", "settles"), [(1.029, True), (1.031, False)])
def test_windows_agree_within_three_percent(clock: FakeClock, ratio: float, settles: bool) -> None:
    assert warm_up(clock.lasting(([0.01] * 10 + [0.01 * ratio] * 10) * 50), 5, clock) is settles


def test_one_slow_call_in_a_window_does_not_count(clock: FakeClock) -> None:
    assert warm_up(clock.lasting(([0.01] * 9 + [0.09]) * 50), 60, clock)
    assert clock.now == pytest.approx(100 + 3 * 0.18)


def test_warm_up_of_a_slow_call_ends_at_its_time(clock: FakeClock) -> None:
    assert not warm_up(clock.lasting(repeat(2.0)), 5, clock)
    assert clock.now == 106


def test_no_time_for_warm_up_is_no_call(clock: FakeClock) -> None:
    assert not warm_up(clock.lasting([]), 0, clock)


@pytest.mark.parametrize(
    ("rule", "seconds", "n"),
    [
        (StopRule(64, 0.0, 99), 0.5, 64),
        (StopRule(64, 64.0, 99), 0.5, 128),
        (StopRule(64, 0.0, 8), 0.5, 16),
        (StopRule(64, 64.0, 8), 0.5, 16),
        (StopRule(2, 0.0, 1), 32.0, 1),
        (StopRule(662, 0.0, 999), 0.5, 662),
    ],
    ids=["enough samples", "not enough time", "too slow", "the cap wins", "at least one", "as many as asked"],
)
def test_samples_end_by_the_stop_rule(clock: FakeClock, rule: StopRule, seconds: float, n: int) -> None:
    samples = closed_loop([lambda i: lambda: clock.wait(seconds)], rule, clock)
    assert samples.shape == (n, 1)
    np.testing.assert_allclose(samples, seconds)


def test_subjects_take_turns_and_their_preparation_is_not_timed(clock: FakeClock) -> None:
    calls: list[tuple[str, int]] = []

    def subject(name: str, seconds: float) -> Callable[[int], Callable[[], None]]:
        def prepare(i: int) -> Callable[[], None]:
            clock.wait(8.0)
            calls.append((name, i))
            return lambda: clock.wait(seconds)

        return prepare

    samples = closed_loop([subject("text", 2.0), subject("tensors", 1.0)], StopRule(3, 0, 1000), clock)
    np.testing.assert_array_equal(samples, [[2.0, 1.0]] * 3)
    assert calls == [(name, i) for i in range(3) for name in ("text", "tensors")]


def test_a_short_pass_is_repeated_until_the_clock_can_tell(clock: FakeClock) -> None:
    calls: list[None] = []

    def call() -> None:
        calls.append(None)
        clock.wait(1 / 256)

    np.testing.assert_array_equal(passes(call, 3, clock), [1 / 256] * 3)
    assert len(calls) == 3 * 6, "five take 19.5 ms"


def test_a_long_pass_runs_once(clock: FakeClock) -> None:
    np.testing.assert_allclose(passes(clock.lasting([0.5, 0.25]), 2, clock), [0.5, 0.25])


def test_no_collection_in_the_timed_region() -> None:
    assert gc.isenabled()
    with quiet():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_collector_that_was_off_stays_off_and_errors_put_it_back() -> None:
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    assert gc.isenabled()
    gc.disable()
    try:
        with quiet():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
