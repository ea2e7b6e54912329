"""Paired times: the Hodges-Lehmann estimate, the signed-rank null, and how often the bounds raise a false alarm."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon
from simulated import REPETITIONS, coverage

from fmbench.stats.timing import hodges_lehmann, signed_rank, signed_rank_null, signed_rank_quantile, speedup


@pytest.mark.parametrize("ranks", [(1,), (1, 2, 3), (1, 2, 3, 4, 5, 6, 7), (3, 3, 6, 8)])
def test_the_null_is_that_of_all_signs(ranks: tuple[int, ...]) -> None:
    sums = [sum(chosen) for size in range(len(ranks) + 1) for chosen in itertools.combinations(ranks, size)]
    expected = np.bincount(sums, minlength=sum(ranks) + 1) / 2 ** len(ranks)
    np.testing.assert_allclose(signed_rank_null(ranks), expected)


@pytest.mark.parametrize(("n", "k"), [(5, -1), (6, 0), (8, 3), (10, 8), (20, 52), (50, 434)])
def test_quantiles_are_those_of_the_tables(n: int, k: int) -> None:
    """Two-sided 5 % critical values of the signed-rank sum (Wilcoxon and Wilcox 1964)."""
    assert signed_rank_quantile(n, 0.025) == k


def test_the_normal_approximation_meets_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = signed_rank_quantile(200, 0.025)
    monkeypatch.setattr("fmbench.stats.timing.EXACT", 199)
    assert abs(signed_rank_quantile(200, 0.025) - exact) <= 2


@given(st.lists(st.floats(-5, 5).filter(bool), min_size=1, max_size=25, unique_by=abs))
def test_signed_rank_is_scipy_s_exact_one(samples: list[float]) -> None:
    for alternative in ("two-sided", "greater", "less"):
        theirs = wilcoxon(samples, alternative=alternative, method="exact").pvalue
        assert signed_rank(np.array(samples), alternative) == pytest.approx(theirs, abs=1e-9)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_ties_are_exact_too(samples: list[int]) -> None:
    values = np.array([s for s in samples if s], dtype=np.float64)
    ranks = np.array([((np.abs(values) < abs(v)).sum() + (np.abs(values) <= abs(v)).sum() + 1) / 2 for v in values])
    observed = ranks[values > 0].sum()
    sums = [ranks[np.array(signs, dtype=bool)].sum() for signs in itertools.product([0, 1], repeat=len(values))]
    expected = np.mean(np.array(sums) >= observed - 1e-9)
    assert signed_rank(np.array(samples), "greater") == pytest.approx(expected)


def test_hodges_lehmann_by_hand() -> None:
    middle, interval = hodges_lehmann(np.array([1.0, 2, 3, 4, 5, 60]))
    assert middle == 3.5, "the mean of 1 .. 6 but for the outlier"
    assert interval[:2] == (1, 60)
    assert math.isnan(hodges_lehmann(np.arange(5.0))[1].low)
    assert hodges_lehmann(np.arange(5.0), level=0.9)[1][:2] == (0, 4)


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=20), st.floats(-2, 2))
def test_estimate_and_bounds_move_with_the_samples(samples: list[float], shift: float) -> None:
    x = np.array(samples)
    middle, interval = hodges_lehmann(x)
    moved, moved_interval = hodges_lehmann(x + shift)
    assert (moved, *moved_interval[:2]) == pytest.approx((middle + shift, interval.low + shift, interval.high + shift))
    mirrored, other = hodges_lehmann(-x)
    assert (-mirrored, -other.high, -other.low) == pytest.approx((middle, *interval[:2]))
    assert interval.low <= middle <= interval.high


@given(st.lists(st.floats(-3, 3).filter(lambda x: abs(x) > 1e-6), min_size=6, max_size=15, unique_by=abs))
def test_the_bounds_leave_zero_out_where_the_test_rejects_it(samples: list[float]) -> None:
    x = np.array(samples)
    interval = hodges_lehmann(x)[1]
    assert (signed_rank(x) <= 0.05) == (interval.low > 0 or interval.high < 0)


def test_speedup() -> None:
    base = np.array([2.0, 4.0, 6.2, 8.0, 2.0, 3.0, 5.0])
    found = speedup(base, base / 2)
    assert found.ratio == pytest.approx(2)
    assert found.interval[:2] == pytest.approx((2, 2))
    assert found.p == pytest.approx(2 / 2**7)
    backwards = speedup(base / 2, base)
    assert backwards.ratio == pytest.approx(0.5)
    assert found.rounds == 7


@pytest.mark.parametrize(("base", "new"), [([1.0], [1.0, 2.0]), ([], []), ([1.0, 0.0], [1.0, 1.0])])
def test_times_come_in_pairs_above_zero(base: list[float], new: list[float]) -> None:
    with pytest.raises(ValueError, match="come in pairs"):
        speedup(base, new)


def rounds(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of two equally fast versions on a machine that drifts, with noise of heavy tails."""
    load = np.exp(np.cumsum(rng.normal(0, 0.2, n)))
    return tuple(load * np.exp(0.05 * rng.standard_t(2, n)) for _ in range(2))


@pytest.mark.parametrize("n", [6, 12, 30])
def test_one_sided_bounds_raise_few_false_alarms_and_two_sided_ones_cover(n: int) -> None:
    one_sided, covers = [], []
    for r in range(REPETITIONS):
        base, new = rounds(np.random.default_rng([18, r]), n)
        one_sided.append(speedup(base, new, level=0.9).interval.low > 1)
        covers.append(speedup(base, new).interval)
    assert np.mean(one_sided) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / REPETITIONS)
    assert 0.935 <= coverage(covers, 1.0) <= (0.965 if n > 6 else 0.98), "six rounds can only have 96.9 %"
