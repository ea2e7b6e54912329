"""Gaps between groups: how often their intervals hold the truth, and that they can hold zero at all."""

from __future__ import annotations

import numpy as np
import pytest

from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.groups import differences, gap, gaps_by_chance, mean_gap, worst
from fmbench.stats.sums import ratio, shares

RUNS = 40


def scored(right: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimates [groups], draws [draws, groups] and sizes [groups] of items that are right or not."""
    boots = [Bootstrap(shares(group), draws=400, seed=i) for i, group in enumerate(right)]
    estimates = np.array([float(ratio(boot.total)) for boot in boots])
    return (
        estimates,
        np.stack([ratio(boot.sums) for boot in boots], axis=1),
        np.array([len(group) for group in right]),
    )


def gap_of(right: list[np.ndarray]) -> tuple[float, float, float]:
    estimates, draws, sizes = scored(right)
    value, interval = gap(differences(estimates[None], draws[:, None], sizes[None]))
    return value, interval.low, interval.high


def simulated(shares_right: list[float], sizes: list[int], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.random(n) < p for p, n in zip(shares_right, sizes, strict=True)]


def test_equal_groups_are_not_found_apart_while_the_percentile_interval_always_does() -> None:
    """A known defect: all intervals of the gap of four random groups exclude zero."""
    covered = naive = 0
    for seed in range(RUNS):
        right = simulated([0.85] * 4, [75] * 4, seed)
        _, draws, _ = scored(right)
        naive += np.quantile(draws.max(axis=1) - draws.min(axis=1), 0.025) > 0
        covered += gap_of(right)[1] == 0
    assert naive == RUNS
    assert covered >= 0.9 * RUNS


@pytest.mark.parametrize(("truth", "sizes"), [([0.9, 0.6], [100, 80]), ([0.95, 0.8, 0.8], [200, 60, 150])])
def test_the_true_gap_is_within_and_a_large_one_is_found(truth: list[float], sizes: list[int]) -> None:
    real = max(truth) - min(truth)
    found = [gap_of(simulated(truth, sizes, seed)) for seed in range(RUNS)]
    assert sum(low <= real <= high for _, low, high in found) >= 0.9 * RUNS
    assert sum(low > 0 for _, low, _ in found) >= 0.7 * RUNS


def test_a_group_without_any_error_is_not_certain() -> None:
    value, low, high = gap_of([np.ones(60, bool), np.ones(60, bool)])
    assert (value, low) == (0, 0)
    assert 0.05 < high < 0.12
    estimates, draws, sizes = scored([np.ones(60, bool), np.ones(80, bool)])
    value, interval = worst(estimates, draws, sizes, True)
    assert value == 1
    assert 0.8 < interval.low < 0.95


def test_two_groups_have_the_interval_of_a_difference() -> None:
    right = simulated([0.8, 0.6], [400, 400], 1)
    value, low, high = gap_of(right)
    a, b = (float(group.mean()) for group in right)
    half = 1.96 * np.sqrt(a * (1 - a) / 400 + b * (1 - b) / 400)
    assert value == pytest.approx(abs(a - b))
    assert (low, high) == (pytest.approx(value - half, abs=0.01), pytest.approx(value + half, abs=0.01))


def test_the_worst_group_goes_by_the_direction_of_the_score() -> None:
    estimates, draws, sizes = scored(simulated([0.9, 0.5, 0.7], [100] * 3, 2))
    low, high = worst(estimates, draws, sizes, True), worst(estimates, draws, sizes, False)
    assert low[0] == estimates.min() and high[0] == estimates.max()
    assert low[1].low < low[0] < low[1].high
    assert high[1].low < high[0] < high[1].high
    few = scored([np.ones(5, bool), np.zeros(5, bool)])
    assert worst(*few, True)[1].low == 0 and worst(*few, False)[1].high == 1, "no end is off the scale"
    assert gap(differences(few[0][None], few[1][:, None], few[2][None]))[1].high == 1


def test_means_of_gaps_leave_out_what_is_undefined() -> None:
    estimates = np.array([[0.5, 0.7], [np.nan, 0.1], [0.2, 0.3], [np.nan, np.nan]])
    found = differences(estimates, np.repeat(estimates[None], 50, axis=0), np.full((4, 2), 200))
    value, interval = mean_gap(found, [[0, 2], [1, 3]])
    assert value == pytest.approx(0.2)
    assert interval.low < value < interval.high
    assert np.isnan(mean_gap(found, [[1], [3]])[0])


def test_gaps_by_chance_are_those_of_groups_drawn_at_random() -> None:
    right = np.random.default_rng(0).random(300) < 0.85
    found = gaps_by_chance(shares(right), [75] * 4, ratio)
    assert 0.06 < found.mean() < 0.11  # 0.084 in the mean over samples, see docs/fairness.md
    same = gaps_by_chance(shares(np.ones(50)), [25, 25], ratio)
    assert same.tolist() == [0.0] * 500
