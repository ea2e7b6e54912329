"""Correlation metrics: values and intervals, clusters, seeds, and what is undefined."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm, pearsonr, spearmanr

from fmbench.measure.correlation import Correlation, pearson, spearman
from fmbench.measure.metric import Sample
from fmbench.measure.quality import quality
from fmbench.registry import METRICS

BOTH = [spearman, pearson]
each = pytest.mark.parametrize("metric", BOTH, ids=lambda metric: metric.name)


def normal_pairs(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """[n, 2] from a bivariate normal with correlation `rho`."""
    x = rng.normal(size=n)
    return np.stack([x, rho * x + np.sqrt(1 - rho * rho) * rng.normal(size=n)], axis=1)


def table(pairs: np.ndarray, **columns: list[str]) -> pa.Table:
    return pa.table({"prediction": pairs[:, 0], "gold": pairs[:, 1], **columns})


def test_values_are_those_of_scipy_and_n_is_the_number_of_pairs() -> None:
    pairs = normal_pairs(200, 0.6, np.random.default_rng(0)).round(1)
    ranked, linear = quality(table(pairs), ["spearman", "pearson"], ())
    assert (ranked.metric, linear.metric) == ("spearman", "pearson")
    assert ranked.value == pytest.approx(spearmanr(*pairs.T)[0], abs=1e-12)
    assert linear.value == pytest.approx(pearsonr(*pairs.T)[0], abs=1e-12)
    assert (ranked.n, ranked.interval, ranked.higher_is_better) == (200, "bootstrap", True)


@each
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_interval_is_near_that_of_fishers_z(metric: Correlation, rho: float) -> None:
    """Fisher 1921; for Spearman's rho with the factor 1.03 of Fieller, Hartley and Pearson 1957."""
    n = 2000
    scored = metric.measure(Sample(table(normal_pairs(n, rho, np.random.default_rng(1))), ()))
    half = norm.ppf(0.975) * (1.03 if metric is spearman else 1.0) / np.sqrt(n - 3)
    wanted = np.tanh(np.arctanh(scored.value) + np.array([-half, half]))
    assert np.array(scored.interval[:2]) == pytest.approx(wanted, abs=0.15 * (wanted[1] - wanted[0]))


@each
def test_intervals_cover_what_they_should(metric: Correlation) -> None:
    """400 samples of 100 pairs with rho 0.7: 95 % intervals cover in 91.5 % to 98.5 % (three standard errors)."""
    rho, rng = 0.7, np.random.default_rng(2)
    truth = rho if metric is pearson else 6 / np.pi * np.arcsin(rho / 2)
    inside = 0
    for _ in range(400):
        interval = metric.measure(Sample(table(normal_pairs(100, rho, rng)), ())).interval
        inside += interval.low <= truth <= interval.high
    assert 0.915 <= inside / 400 <= 0.985


@each
def test_pairs_of_a_cluster_are_drawn_together(metric: Correlation) -> None:
    pairs = np.repeat(normal_pairs(40, 0.5, np.random.default_rng(3)), 10, axis=0)
    author = [f"author-{i // 10}" for i in range(400)]
    alone, joined = (quality(table(pairs, author=author), [metric.name], (), key)[0] for key in (None, "author"))
    assert joined.value == alone.value
    assert joined.interval == "cluster-bootstrap"
    once = quality(table(pairs[::10]), [metric.name], ())[0]
    assert joined.high - joined.low == pytest.approx(once.high - once.low, rel=0.1), "ten equal pairs are one"
    assert joined.high - joined.low > 2 * (alone.high - alone.low)


@each
def test_over_seeds_all_see_the_same_draws_and_training_noise_widens(metric: Correlation) -> None:
    rng = np.random.default_rng(4)
    first = normal_pairs(300, 0.6, rng)
    one = metric.over_seeds([first])
    assert one.method == "bootstrap over items; 1 seed, training variance unknown"
    same = metric.over_seeds([first] * 3)
    assert same[:2] == pytest.approx(one[:2], abs=1e-9), "equal seeds add nothing"
    noisy = [np.stack([first[:, 0] + noise * rng.normal(size=300), first[:, 1]], axis=1) for noise in (0.0, 0.5, 1.0)]
    wide = metric.over_seeds(noisy)
    assert wide.method == "bootstrap over items, t over 3 seeds"
    assert wide.high - wide.low > 1.5 * (one.high - one.low)
    assert metric.over_seeds([first], [str(i // 2) for i in range(300)]).method.startswith("bootstrap over clusters")


@each
def test_a_constant_prediction_is_undefined_and_not_zero(metric: Correlation) -> None:
    row = quality(table(np.stack([np.full(50, 2.7), np.arange(50.0)], axis=1)), [metric.name], ())[0]
    assert (row.value, row.low, row.high, row.n) == (None, None, None, 50)


def test_they_are_registered_for_scores_with_their_range_and_chance() -> None:
    for metric in BOTH:
        assert METRICS[metric.name] is metric
        assert (metric.range, metric.chance(4), metric.kinds) == (
            (-1.0, 1.0),
            0.0,
            {"sentence-similarity", "text-regression"},
        )
