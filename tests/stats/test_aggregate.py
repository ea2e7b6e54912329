"""Aggregates over tasks, and the expected best of a search."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean
from simulated import coverage

from fmbench.stats.aggregate import (
    TaskScore,
    expected_best,
    headline,
    headline_interval,
    iqm,
    iqm_interval,
    mean_win_rate,
    rescale,
    task_weights,
)

TRIALS = [0.58, 0.61, 0.63, 0.64, 0.66, 0.70]
unit = st.floats(0, 1)


def test_rescaling_is_not_clipped() -> None:
    assert rescale(0.75, 0.5) == pytest.approx(0.5)
    assert rescale(0.4, 0.5) == pytest.approx(-0.2)
    assert rescale(0.25, chance=1.0, ceiling=0.0) == pytest.approx(0.75), "an error rate turns round"
    with pytest.raises(ValueError, match=r"both 0\.5"):
        rescale(0.4, 0.5, 0.5)


def test_headline_is_the_mean_over_domains() -> None:
    scores = [TaskScore("a", "news", 0.2), TaskScore("b", "news", 0.4), TaskScore("c", "law", 0.9)]
    found = headline(scores)
    assert found.value == pytest.approx(0.6)
    assert found.domains == pytest.approx({"news": 0.3, "law": 0.9})
    assert headline(scores, {"law": 3.0}).value == pytest.approx((0.3 + 3 * 0.9) / 4)
    assert task_weights(scores).tolist() == pytest.approx([0.25, 0.25, 0.5])


def test_a_missing_task_leaves_no_headline_and_says_the_coverage() -> None:
    found = headline([TaskScore("a", "news", 0.2), TaskScore("b", "news", None), TaskScore("c", "law", 0.9)])
    assert found.value is None
    assert (found.measured, found.tasks) == (2, 3)
    assert found.domains == {"news": None, "law": 0.9}
    assert headline([]).value is None


@given(st.lists(st.tuples(st.sampled_from("xyz"), unit), min_size=1, max_size=9))
def test_the_headline_is_within_its_tasks_and_does_not_depend_on_their_order(tasks: list[tuple[str, float]]) -> None:
    scores = [TaskScore(str(i), domain, score) for i, (domain, score) in enumerate(tasks)]
    value = headline(scores).value
    assert value is not None
    assert min(s for _, s in tasks) - 1e-12 <= value <= max(s for _, s in tasks) + 1e-12
    assert headline(scores[::-1]).value == pytest.approx(value)


def test_the_interval_of_tasks_like_these_is_wider() -> None:
    rng = np.random.default_rng(0)
    scores = [TaskScore(str(i), "xy"[i % 2], m, rng.normal(m, 0.01, 1000)) for i, m in enumerate(rng.random(10))]
    fixed, like_these = headline_interval(scores), headline_interval(scores, resample_tasks=True)
    expected = 2 * 1.96 * 0.01 / math.sqrt(10)
    assert fixed.high - fixed.low == pytest.approx(expected, rel=0.1)
    assert like_these.high - like_these.low > 3 * expected
    assert math.isnan(headline_interval([TaskScore("a", "x", 0.5)]).low)


def test_headline_interval_covers_tasks_like_these() -> None:
    """Thirty tasks of one domain, drawn from many, measured with noise."""
    found = []
    for r in range(1000):
        rng = np.random.default_rng([16, r])
        measured = rng.normal(0.5, 0.1, 30) + rng.normal(0, 0.02, 30)
        scores = [TaskScore(str(i), "x", float(m), m + rng.normal(0, 0.02, 400)) for i, m in enumerate(measured)]
        found.append(headline_interval(scores, resample_tasks=True, seed=r))
    assert 0.935 <= coverage(found, 0.5) <= 0.965


def test_iqm_golden_value() -> None:
    assert iqm(np.array([0.5, 0.9, 0.7, 0.8, 0.1, 0.6, 0.65, 0.72])) == pytest.approx(0.6675)


@given(st.lists(unit, min_size=1, max_size=30))
def test_iqm_is_scipy_s_trimmed_mean(values: list[float]) -> None:
    assert iqm(np.array(values)) == pytest.approx(trim_mean(values, 0.25))


@pytest.mark.parametrize(("runs", "low"), [(3, 0.925), (5, 0.935), (10, 0.935)])
def test_iqm_interval_covers_from_five_runs_on_ten_tasks(runs: int, low: float) -> None:
    """Tasks from 0 to 1 with normal runs: the truth is the IQM of the mixture. With three runs a bit less."""
    centres = np.linspace(0, 1, 10)
    truth = iqm(np.random.default_rng(0).normal(centres, 0.2, (200_000, 10)))
    found = [
        iqm_interval(list(np.random.default_rng([17, r]).normal(centres[:, None], 0.2, (10, runs))), draws=400, seed=r)
        for r in range(1000)
    ]
    assert low <= coverage(found, float(truth)) <= 0.965


def test_win_rates_depend_on_the_pool_where_the_headline_does_not() -> None:
    scores = np.array([[0.9, 0.1], [0.5, 0.5]])
    assert mean_win_rate(scores).tolist() == [0.5, 0.5]
    assert mean_win_rate(np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.0]])).tolist() == [0.75, 0.5, 0.25]


@pytest.mark.parametrize(("k", "v", "u"), [(1, 0.636667, 0.636667), (3, 0.668796, 0.675500), (6, 0.684664, 0.700000)])
def test_expected_best_golden_values(k: int, v: float, u: float) -> None:
    assert expected_best(TRIALS, k) == pytest.approx(v, abs=1e-6)
    assert expected_best(TRIALS, k, unbiased=True) == pytest.approx(u, abs=1e-6)


@given(st.lists(unit, min_size=1, max_size=6), st.data())
def test_expected_best_is_the_mean_over_all_choices(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    with_return = np.mean([max(chosen) for chosen in itertools.product(values, repeat=k)]) if k <= 4 else None
    without = np.mean([max(chosen) for chosen in itertools.combinations(values, k)])
    assert expected_best(values, k, unbiased=True) == pytest.approx(without)
    if with_return is not None:
        assert expected_best(values, k) == pytest.approx(with_return)


@pytest.mark.parametrize("k", [0, 7])
def test_no_more_trials_than_were_made(k: int) -> None:
    with pytest.raises(ValueError, match="of which 6 were made"):
        expected_best(TRIALS, k)
