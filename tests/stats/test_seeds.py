"""Intervals over training seeds and items: what each way of resampling covers, and where it does not.

Two seeds that differ about as much as the items do are the exception: there `over_seeds` covers up to 97.8 %.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import chi2, norm
from simulated import REPETITIONS, coverage, sentences, simulate, with_ones
from threadpoolctl import threadpool_limits

from fmbench.stats.bootstrap import Bootstrap, Value, resampled_sums
from fmbench.stats.intervals import mean_t
from fmbench.stats.seeds import half_width, over_seeds, pigeonhole, two_level
from fmbench.stats.sums import f1, macro, micro, ratio


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Thousands of small matrix products: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(("clusters", "what"), [(None, "items"), ([i // 3 for i in range(60)], "clusters")])
def test_one_seed_is_the_plain_one_and_says_so(clusters: list[int] | None, what: str) -> None:
    counts = sentences(np.random.default_rng(3), 60)
    found = over_seeds([counts], micro(f1), clusters, seed=4)
    assert found[:2] == Bootstrap(counts, clusters, seed=4).interval(micro(f1))[:2]
    assert found.method == f"bootstrap over {what}; 1 seed, training variance unknown"
    three = over_seeds([counts] * 3, micro(f1), clusters, seed=4)
    assert three[:2] == pytest.approx(found[:2], abs=1e-12), "seeds that agree add no variance"
    assert three.method == f"bootstrap over {what}, t over 3 seeds"


def test_items_are_drawn_once_for_all_seeds() -> None:
    """Where the seeds' errors cancel item by item, their mean does not depend on the items drawn."""
    right = np.random.default_rng(0).integers(0, 2, 200).astype(float)
    sums = resampled_sums([with_ones(right), with_ones(1 - right)], 50, np.random.default_rng(0))
    np.testing.assert_array_equal(sums[0][:, 0] + sums[1][:, 0], np.full(50, 200.0))


@pytest.mark.parametrize(("item", "seed"), [(0.2, 0.05), (0.2, 0.0), (0.01, 0.05)])
def test_variance_is_that_of_the_items_and_that_of_the_seeds(item: float, seed: float) -> None:
    """sigma_seed^2 / K + sigma_item^2 / n at K = 20, n = 400, where t is nearly normal."""
    widths = []
    for r in range(100):
        found = over_seeds(simulate(np.random.default_rng([2, r]), 400, 20, item, seed), ratio, draws=500, seed=r)
        widths.append((found.high - found.low) / (2 * 1.959964))
    t_factor = (2.093024 / 1.959964) ** 2
    expected = t_factor * seed**2 / 20 + item**2 / 400
    assert np.mean(np.square(widths)) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("n_seeds", "seed"), [(3, 0.0), (3, 0.01), (3, 0.023), (3, 0.04), (3, 0.1), (5, 0.023), (5, 0.1), (10, 0.04)]
)
def test_over_seeds_covers(n_seeds: int, seed: float) -> None:
    """300 items with standard deviation 0.4, so 0.023 in the mean; seeds that differ by 0 to four times that."""
    found = (
        over_seeds(simulate(np.random.default_rng([3, r]), 300, n_seeds, 0.4, seed), ratio, draws=300, seed=r)
        for r in range(REPETITIONS)
    )
    assert 0.935 <= coverage(found, 0.5) <= 0.965


@pytest.mark.parametrize(("k", "low", "high"), [(2, 0.9385, 0.9785), *((k, 0.9415, 0.9635) for k in (3, 4, 5, 10, 20))])
def test_whatever_the_share_of_the_seeds_the_joined_interval_covers(k: int, low: float, high: float) -> None:
    """Integrated over the estimated variance of normal scores, the items' variance known; no simulation."""
    chances = (np.arange(400) + 0.5) / 400
    estimated = chi2.ppf(chances, k - 1) / (k - 1)
    for share in np.linspace(0, 1, 21):
        arm = 1.959964 * np.sqrt(1 - share)
        halves = np.array([half_width(share * one, arm, k - 1) for one in estimated])
        covered = np.mean(2 * norm.cdf(halves) - 1)
        assert low <= covered <= high, (share, covered)


@pytest.mark.parametrize(("freedom", "high"), [(1, 0.972), (2, 0.961), (4, 0.958), (8, 0.955)])
def test_one_sided_bounds_of_the_gate_hold_whatever_the_share_of_the_seeds(freedom: int, high: float) -> None:
    """As above, at the level of the gate's bounds; two unpaired sides of K seeds have 2 (K - 1) degrees of freedom."""
    estimated = chi2.ppf((np.arange(2000) + 0.5) / 2000, freedom) / freedom
    for share in np.linspace(0, 1, 21):
        arm = 1.644854 * np.sqrt(1 - share)
        held = np.mean(norm.cdf([half_width(share * one, arm, freedom, 0.9) for one in estimated]))
        assert 0.948 <= held <= high, (share, held)


def test_seeds_alone_and_items_alone_have_their_own_intervals() -> None:
    scores = [0.5, 0.55, 0.63]
    only = mean_t(scores)
    assert half_width(float(np.var(scores, ddof=1)) / 3, 0.0, 2) == pytest.approx((only.high - only.low) / 2)
    assert half_width(0.0, 0.04, 2) == 0.04
    two = mean_t(scores[:2])
    assert half_width(float(np.var(scores[:2], ddof=1)) / 2, 0.0, 1) == pytest.approx((two.high - two.low) / 2)


def test_two_seeds_of_middling_noise_cover_too_much_rather_than_too_little() -> None:
    """Both parts of equal size and one degree of freedom: no rule is right for every share of the seeds."""
    found = (
        over_seeds(simulate(np.random.default_rng([4, r]), 300, 2, 0.4, 0.023), ratio, draws=300, seed=r)
        for r in range(REPETITIONS)
    )
    assert 0.965 < coverage(found, 0.5) < 0.985


@pytest.mark.parametrize("value", [micro(f1), macro(f1)])
def test_over_seeds_holds_the_mean_score(value: Value) -> None:
    runs = [sentences(np.random.default_rng(r), 200, types=3) for r in range(5)]
    found = over_seeds(runs, value)
    mean = np.mean([value(run.sum(axis=0).astype(float)) for run in runs])
    assert found.low < mean < found.high
    assert found.low > 0.7 and found.high < 0.9


@pytest.mark.parametrize("seed", [0.01, 0.04])
def test_pigeonhole_covers_with_twenty_seeds(seed: float) -> None:
    """300 items with 0.023 in the mean; between seeds 0.0022 or 0.0089 in the mean."""
    found = (
        pigeonhole(simulate(np.random.default_rng([6, r]), 300, 20, 0.4, seed), ratio, draws=400, seed=r)
        for r in range(REPETITIONS // 2)
    )
    assert 0.935 <= coverage(found, 0.5) <= 0.965


def test_pigeonhole_with_three_seeds_covers_far_too_little() -> None:
    """Why `over_seeds` takes Student's t of the seeds instead."""
    runs = [simulate(np.random.default_rng([7, r]), 300, 3, 0.1, 0.1) for r in range(500)]
    assert coverage((pigeonhole(run, ratio, draws=300, seed=r) for r, run in enumerate(runs)), 0.5) < 0.85


def test_two_levels_cover_seeds_that_have_items_of_their_own_and_not_shared_ones() -> None:
    """Twenty runs of 200 items: item effects that are each run's own, or the same in all runs."""
    own, shared = [], []
    for r in range(100):
        rng = np.random.default_rng([8, r])
        effects = rng.normal(0.5, 0.04, 20)
        nested = [with_ones(effect + rng.normal(0, 0.4, 200)) for effect in effects]
        own.append(two_level(nested, ratio, draws=100, seed=r))
        items = rng.normal(0, 0.4, 200)
        shared.append(two_level([with_ones(effect + items) for effect in effects], ratio, draws=100, seed=r))
    assert coverage(own, 0.5) >= 0.95, "the items' variance counts twice: wide, never narrow"
    assert coverage(shared, 0.5) < 0.75


def test_two_level_takes_runs_of_any_length_and_one_run_is_the_plain_bootstrap_s_spread() -> None:
    rng = np.random.default_rng(0)
    runs = [with_ones(rng.normal(0.5, 0.1, n)) for n in (30, 400)]
    found = two_level(runs, ratio)
    assert found.low < np.mean([run[:, 0].mean() for run in runs]) < found.high
    one, plain = two_level(runs[1:], ratio, draws=8000), Bootstrap(runs[1], draws=8000).interval(ratio)
    assert one.high - one.low == pytest.approx(plain.high - plain.low, rel=0.05)
    assert found.method == "bootstrap over 2 seeds and the items of each"


def test_pigeonhole_of_seeds_that_agree_is_the_plain_bootstrap() -> None:
    counts = sentences(np.random.default_rng(3), 60)
    clusters = [i // 3 for i in range(60)]
    for groups, what in ((None, "items"), (clusters, "clusters")):
        found = pigeonhole([counts] * 4, micro(f1), groups, seed=4)
        plain = Bootstrap(counts, groups, seed=4).interval(micro(f1))
        assert found[:2] == pytest.approx(plain[:2], abs=1e-12)
        assert found.method == f"bootstrap over {what} and 4 seeds"
