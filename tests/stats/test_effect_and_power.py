"""Probability of improvement, sample sizes and smallest detectable differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm
from simulated import coverage

from fmbench.stats.effect import improvement, improvement_interval, meaningful
from fmbench.stats.intervals import Interval
from fmbench.stats.paired import paired_mean
from fmbench.stats.power import detectable, detectable_discordant, needed, needed_discordant

scores = st.lists(st.integers(0, 5), min_size=1, max_size=8).map(lambda x: np.array(x, dtype=np.float64))


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=4))
def test_improvement_is_mann_whitney_s_u_averaged(tasks: list[tuple[np.ndarray, np.ndarray]]) -> None:
    a, b = zip(*tasks, strict=True)
    expected = np.mean([mannwhitneyu(x, y).statistic / (len(x) * len(y)) for x, y in tasks])
    assert improvement(a, b) == pytest.approx(expected)
    assert improvement(b, a) == pytest.approx(1 - expected)


def test_improvement_interval_covers_with_ten_runs_on_ten_tasks() -> None:
    """A is half a standard deviation better."""
    truth = norm.cdf(0.5 / math.sqrt(2))
    found = []
    for r in range(1000):
        rng = np.random.default_rng([12, r])
        a, b = list(rng.normal(0.5, 1, (10, 10))), list(rng.normal(0, 1, (10, 10)))
        found.append(improvement_interval(a, b, draws=500, seed=r))
    assert 0.935 <= coverage(found, truth) <= 0.965


def test_one_run_a_task_has_no_interval() -> None:
    found = improvement_interval([np.ones(1)] * 3, [np.zeros(1)] * 3)
    assert math.isnan(found.low)
    assert found.method == "none: one run a task"


def test_meaningful_is_certain_and_large() -> None:
    assert meaningful(0.8, Interval(0.6, 0.9, ""))
    assert not meaningful(0.7, Interval(0.6, 0.8, ""))
    assert not meaningful(0.8, Interval(0.49, 0.9, ""))


def test_needed_golden_values() -> None:
    assert needed(0.03, 1 / 9) == 969
    assert needed(0.03, 1 / 9 + 1 / 6 + 1 / 6) == 3876
    assert needed(0.01, 2 * 0.9 * 0.1, sides=1) == pytest.approx(11_128, abs=1), "unpaired, accuracy 0.90"


@pytest.mark.parametrize(
    ("discordance", "difference", "n"),
    [(0.05, 0.005, 12_359), (0.05, 0.01, 3_086), (0.05, 0.02, 767), (0.1, 0.01, 6_177), (0.02, 0.01, 1_231)],
)
def test_needed_discordant_golden_values(discordance: float, difference: float, n: int) -> None:
    assert needed_discordant(difference, discordance, sides=1) == n


@pytest.mark.parametrize(("n", "points"), [(277, 3.3), (408, 2.7), (872, 1.9), (1821, 1.3), (5463, 0.75), (9815, 0.56)])
def test_detectable_discordant_golden_values(n: int, points: float) -> None:
    """408 rows give 2.73 points; it would be 2.75 without the square of the difference."""
    assert 100 * detectable_discordant(n, 0.05, sides=1) == pytest.approx(points, abs=0.05)


@given(st.floats(0.005, 0.2), st.floats(0.01, 2))
def test_needed_and_detectable_are_each_other_s_inverse(difference: float, variance: float) -> None:
    n = needed(difference, variance)
    assert detectable(n, variance) <= difference * (1 + 1e-12)
    assert n == 1 or detectable(n - 1, variance) > difference * (1 - 1e-12)


def test_seeds_set_a_floor_that_items_do_not_lower() -> None:
    z = norm.ppf(0.975) + norm.ppf(0.8)
    assert detectable(10**12, 0.1, fixed=0.0004) == pytest.approx(z * 0.02, rel=1e-4)


def test_what_cannot_be_found_is_said() -> None:
    with pytest.raises(ValueError, match="difference of 0"):
        needed(0, 1)
    with pytest.raises(ValueError, match="discordance as large"):
        needed_discordant(0.1, 0.05)
    assert math.isnan(detectable_discordant(20, 0.02))


def test_power_is_as_promised() -> None:
    """969 items whose paired differences have variance 1/9 show 0.03 four times in five."""
    found = []
    for r in range(1000):
        rng = np.random.default_rng([13, r])
        found.append(paired_mean(rng.normal(0.03, 1 / 3, 969), np.zeros(969)).p <= 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 1000))
