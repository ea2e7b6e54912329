"""How two sides are timed and what is made of their times."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.pairs import WHOLE, Clock, Pair, Quality, Ratio, Seconds, Side, Times, in_turn, time_in_turn, warm_up


def recording(name: str, log: list[str], result: object = None) -> Side:
    @contextmanager
    def prepare() -> Iterator[str]:
        log.append(f"{name} prepared {gc.isenabled()}")
        yield name
        log.append(f"{name} cleared {gc.isenabled()}")

    def run(state: str) -> object:
        assert state == name
        log.append(f"{name} ran {gc.isenabled()}")
        return result

    return Side(run, prepare)


def test_each_side_is_prepared_run_without_collection_and_cleared_once_a_round() -> None:
    log: list[str] = []
    times = time_in_turn(Pair(recording("ours", log), recording("peer", log)), rounds=20)
    starts = range(0, len(log), 3)
    assert [log[i : i + 3] for i in starts] == [
        [f"{log[i][:4]} prepared True", f"{log[i][:4]} ran False", f"{log[i][:4]} cleared True"] for i in starts
    ]
    first = [log[i][:4] for i in range(0, len(log), 6)]
    assert {log[i][:4] for i in range(3, len(log), 6)} == {"ours", "peer"}
    assert set(first) == {"ours", "peer"}, "the order is random"
    assert all(len(times.of(side, WHOLE)) == 20 for side in ("ours", "peer"))
    assert gc.isenabled()


def test_collection_is_on_again_after_an_error() -> None:
    def fail(state: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        time_in_turn(Pair(Side(fail), None), rounds=1)
    assert gc.isenabled()


def test_only_seconds_are_taken_from_a_result() -> None:
    log: list[str] = []
    ours = recording("ours", log, Seconds(steps=2.5))
    peer = recording("peer", log, {"positive": 0.5})
    times = time_in_turn(Pair(ours, peer), rounds=2)
    assert times.of("ours", "steps").tolist() == [2.5, 2.5]
    assert list(times.sides["peer"]) == [WHOLE]


def test_warm_up_runs_each_side_once() -> None:
    log: list[str] = []
    warm_up(Pair(recording("ours", log), recording("peer", log)))
    assert [line for line in log if "ran" in line] == ["ours ran True", "peer ran True"]


def test_the_ratio_is_the_median_of_paired_ratios_with_order_statistics() -> None:
    ours, ratios = np.array([1.0, 10, 2, 4, 1, 1]), np.array([2.0, 2.2, 2.1, 2.5, 1.9, 2.4])
    found = Ratio.of(in_turn(Times({"ours": {WHOLE: ours}, "peer": {WHOLE: ours * ratios}}), WHOLE))
    assert found.median == pytest.approx(2.15)
    assert (found.low, found.high) == pytest.approx((1.9, 2.5))
    assert found.ours_s == 1.5
    assert found.rounds == 6


def test_five_rounds_give_no_interval() -> None:
    found = Ratio.of((np.ones(5), np.full(5, 3.0)))
    assert found.median == 3
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(("low", "high", "equal"), [(-0.01, 0.02, True), (0.001, 0.02, False), (-0.02, -0.001, False)])
def test_scores_are_equal_where_the_interval_of_their_difference_holds_zero(
    low: float, high: float, equal: bool
) -> None:
    assert Quality("accuracy", 0.8, 0.8, low, high, 100, 0.5).equal is equal


def test_scores_of_models_that_learned_nothing_are_not_called_equal() -> None:
    assert not Quality("entity_f1", 0.0, 0.0, 0.0, 0.0, 100, 0.0).equal


def test_a_clock_leaves_the_first_step_out() -> None:
    assert Clock([10.0, 12.0, 15.0]).steps == 5
