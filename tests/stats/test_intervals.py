"""Intervals of shares, means and quantiles: golden values, and how often 95 % intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from simulated import REPETITIONS, coverage

from fmbench.stats.intervals import clustered_mean, covariance_of_means, mean_t, quantile, standard_error, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(8, 10, 0.490162, 0.943318), (0, 30, 0.0, 0.113513), (950, 1000, 0.934686, 0.961870), (30, 30, 0.886487, 1.0)],
)
def test_wilson_golden_values(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found[:2] == pytest.approx((low, high), abs=1e-6)
    assert found.method == "wilson"


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (1, -3), (-1, 10), (11, 10), (math.nan, 10)])
def test_wilson_wants_successes_among_trials(successes: float, n: int) -> None:
    with pytest.raises(ValueError, match=f"in {n} trials"):
        wilson(successes, n)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_mirrors_and_widens_with_the_level(trial: tuple[int, int]) -> None:
    successes, n = trial
    found, mirrored, wide = wilson(successes, n), wilson(n - successes, n), wilson(successes, n, level=0.99)
    assert 0 <= found.low <= successes / n <= found.high <= 1
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx(found[:2], abs=1e-12)
    assert wide.low <= found.low and found.high <= wide.high


def wilson_coverage(n: int, p: float) -> float:
    """Exact, as a sum over all numbers of successes."""
    found = [wilson(successes, n) for successes in range(n + 1)]
    holds = np.array([low <= p <= high for low, high, _ in found])
    return float((binom.pmf(np.arange(n + 1), n, p) * holds).sum())


@pytest.mark.parametrize(("n", "p", "exact"), [(30, 0.95, 0.939), (100, 0.95, 0.966)])
def test_wilson_coverage_golden_values(n: int, p: float, exact: float) -> None:
    assert wilson_coverage(n, p) == pytest.approx(exact, abs=5e-4)


@pytest.mark.parametrize(("n", "p"), [(100, 0.5), (300, 0.8), (300, 0.95), (1000, 0.9), (1000, 0.99)])
def test_wilson_covers(n: int, p: float) -> None:
    assert 0.935 <= wilson_coverage(n, p) <= 0.965


def test_wilson_covers_proportions_on_average() -> None:
    shares = np.random.default_rng(0).uniform(0.02, 0.98, 200)
    assert np.mean([wilson_coverage(100, p) for p in shares]) == pytest.approx(0.95, abs=0.005)


def test_mean_t_golden_value() -> None:
    found = mean_t([1, 1, 1, 0, 0, 0, 1, 0, 1, 1])
    half = 2.262157 * 0.1632993
    assert found[:2] == pytest.approx((0.6 - half, 0.6 + half), abs=1e-6)
    assert found.method == "t"


@pytest.mark.parametrize("samples", [[], [0.7]])
def test_one_sample_has_no_interval(samples: list[float]) -> None:
    found = mean_t(samples)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.method.startswith("none")


@pytest.mark.parametrize("n", [3, 10])
def test_mean_t_covers_the_mean_of_normal_samples(n: int) -> None:
    samples = np.random.default_rng(0).normal(5.0, 2.0, (5 * REPETITIONS, n))
    assert 0.935 <= coverage(map(mean_t, samples), 5.0) <= 0.965


def test_mean_t_covers_the_mean_of_bounded_scores() -> None:
    samples = np.random.default_rng(0).beta(4.0, 2.0, (REPETITIONS, 100))
    assert 0.935 <= coverage(map(mean_t, samples), 4 / 6) <= 0.965


@pytest.mark.parametrize(
    ("n", "q", "exact"), [(64, 0.5, 0.967), (64, 0.9, 0.967), (662, 0.99, 0.972), (200, 0.5, 0.960)]
)
def test_quantile_covers_at_least_what_it_claims(n: int, q: float, exact: float) -> None:
    """Order statistics are discrete: by enumeration the coverage is `exact`, and never under 95 %."""
    ranked = quantile(np.arange(n), q)
    assert binom.cdf(ranked.high, n, q) - binom.cdf(ranked.low, n, q) == pytest.approx(exact, abs=5e-4)
    samples = np.random.default_rng(0).exponential(1.0, (REPETITIONS, n))
    assert coverage((quantile(row, q) for row in samples), -math.log(1 - q)) == pytest.approx(exact, abs=0.015)


def test_quantile_depends_on_ranks_only() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=80)
    low, high, method = quantile(samples, 0.5)
    assert quantile(rng.permutation(samples), 0.5) == (low, high, method)
    assert quantile(np.exp(samples), 0.5)[:2] == (np.exp(low), np.exp(high))
    assert low < np.quantile(samples, 0.5) < high
    assert method == "order statistics"


@pytest.mark.parametrize(("n", "q"), [(0, 0.5), (1, 0.5), (5, 0.5), (20, 0.9), (300, 0.99)])
def test_quantile_of_too_few_samples_has_no_interval(n: int, q: float) -> None:
    found = quantile(np.arange(n), q)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.method == "none: too few samples"


def test_quantile_of_six_samples_lies_between_the_extremes() -> None:
    assert quantile([3.0, 1.0, 2.0, 9.0, 5.0, 4.0], 0.5)[:2] == (1.0, 9.0)


SCORES = [1, 1, 1, 0, 0, 0, 1, 0, 1, 1]
CLUSTERS = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_standard_error_golden_values() -> None:
    assert standard_error(SCORES) == pytest.approx(0.1632993, abs=1e-7)
    assert standard_error(SCORES, CLUSTERS) == pytest.approx(0.1796292, abs=1e-7)


def test_standard_errors_of_a_paired_and_an_unpaired_difference_golden_values() -> None:
    a, b = np.array([1, 1, 0, 1, 0, 1, 1, 0, 1, 1]), np.array([1, 0, 0, 1, 0, 0, 1, 0, 1, 0])
    assert (a - b).mean() == pytest.approx(0.3)
    assert standard_error(a - b) == pytest.approx(0.1527525, abs=1e-7)
    assert math.hypot(standard_error(a), standard_error(b)) == pytest.approx(0.2236068, abs=1e-7)


def slow_clustered_variance(values: Sequence[float], clusters: Sequence[int]) -> float:
    """The double sum of Miller's equation, as it is written."""
    n, mean = len(values), sum(values) / len(values)
    own = sum((value - mean) ** 2 for value in values) / (n * (n - 1))
    pairs = ((i, j) for i in range(n) for j in range(n) if i != j and clusters[i] == clusters[j])
    return own + sum((values[i] - mean) * (values[j] - mean) for i, j in pairs) / n**2


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 4)), min_size=2, max_size=20))
def test_clustered_standard_error_is_the_double_sum(rows: list[tuple[float, int]]) -> None:
    values, clusters = zip(*rows, strict=True)
    slow = math.sqrt(max(0.0, slow_clustered_variance(values, clusters)))
    assert standard_error(values, clusters) == pytest.approx(slow, abs=1e-6)


def test_covariances_give_the_standard_error_of_any_difference() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 40))
    for clusters in (None, [i // 4 for i in range(40)]):
        found = covariance_of_means(scores, clusters)
        np.testing.assert_allclose(found, found.T)
        difference = found[0, 0] + found[2, 2] - 2 * found[0, 2]
        assert math.sqrt(difference) == pytest.approx(standard_error(scores[0] - scores[2], clusters), rel=1e-12)


def test_clustered_mean_needs_two_clusters_and_says_how_many() -> None:
    assert math.isnan(clustered_mean(SCORES, ["one"] * 10).low)
    assert clustered_mean(SCORES, ["one"] * 10).method == "none: one cluster"
    assert clustered_mean(SCORES, None) == mean_t(SCORES)
    found = clustered_mean(SCORES, CLUSTERS)
    assert found.high - found.low == pytest.approx(2 * 3.182446 * 0.1796292, abs=1e-5)
    assert found.method == "t, 4 clusters"


@pytest.mark.parametrize("n_clusters", [40, 200])
def test_clustered_mean_covers_where_the_plain_t_does_not(n_clusters: int) -> None:
    """Clusters of 1 + Poisson(4) items, half of the variance between clusters."""
    clustered, plain = [], []
    for r in range(REPETITIONS):
        rng = np.random.default_rng([5, r])
        cluster = np.repeat(np.arange(n_clusters), 1 + rng.poisson(4, n_clusters))
        values = rng.normal(size=n_clusters)[cluster] + rng.normal(size=len(cluster))
        clustered.append(clustered_mean(values, cluster))
        plain.append(mean_t(values))
    assert 0.935 <= coverage(clustered, 0.0) <= 0.965
    assert coverage(plain, 0.0) < 0.85
