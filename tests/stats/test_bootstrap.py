"""The bootstrap: exact properties of the resampling, and how often 95 % intervals hold the truth.

Where the percentile bootstrap is known to cover less (100 sentences or fewer, F1 near 1, twenty clusters) nothing is
claimed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from simulated import REPETITIONS, coverage, sentences, true_f1, with_ones
from threadpoolctl import threadpool_limits

from fmbench.stats.bootstrap import Bootstrap, resampled_sums
from fmbench.stats.clusters import cluster_sums
from fmbench.stats.seeds import over_seeds
from fmbench.stats.sums import f1, macro, micro, ratio


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Thousands of small matrix products: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


def slow_sums(statistics: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The sums that resampled_sums must give, one draw after the other."""
    rng = np.random.default_rng(seed)
    n = len(statistics)
    return np.stack([statistics[rng.integers(0, n, n)].sum(axis=0) for _ in range(draws)])


@pytest.mark.parametrize("shape", [(40,), (40, 3), (40, 4, 3), (1, 2, 3)])
def test_resampled_sums_are_those_of_a_slow_reference(shape: tuple[int, ...]) -> None:
    statistics = np.random.default_rng(1).integers(0, 9, shape)
    found = resampled_sums([statistics], 200, np.random.default_rng(7))[0]
    np.testing.assert_array_equal(found, slow_sums(statistics, 200, seed=7))


def test_blocks_change_no_draw() -> None:
    """100,000 items are drawn 40 draws at a time, 5,000,000 one at a time."""
    statistics = np.random.default_rng(1).integers(0, 3, (100_000, 2))
    found = resampled_sums([statistics], 90, np.random.default_rng(7))[0]
    np.testing.assert_array_equal(found, slow_sums(statistics, 90, seed=7))
    many = np.zeros(5_000_000, dtype=np.int8)
    many[::2] = 1
    sums = resampled_sums([many], 3, np.random.default_rng(0))[0]
    assert sums.shape == (3,)
    assert np.abs(sums - 2_500_000).max() < 6 * math.sqrt(5_000_000) / 2


def test_the_interval_is_the_percentile_of_slow_draws() -> None:
    counts = sentences(np.random.default_rng(3), 50, types=3)
    bootstrap = Bootstrap(counts, draws=300, seed=5)
    draws = slow_sums(counts, 300, seed=5)
    for value in (micro(f1), macro(f1)):
        found = bootstrap.interval(value, level=0.9)
        assert found[:2] == pytest.approx(tuple(np.percentile(value(draws), [5, 95])), abs=1e-12)
    np.testing.assert_array_equal(bootstrap.total, counts.sum(axis=0))
    assert bootstrap.interval(micro(f1)).method == "bootstrap"


def test_a_bootstrap_depends_on_its_seed_and_on_nothing_else() -> None:
    counts = sentences(np.random.default_rng(3), 50)
    clusters = [i // 5 for i in range(50)]
    for groups in (None, clusters):
        first, again, other = (Bootstrap(counts, groups, draws=200, seed=s).interval(micro(f1)) for s in (0, 0, 1))
        assert first == again
        assert first != other
    runs = [counts, sentences(np.random.default_rng(4), 50)]
    first, again, other = (over_seeds(runs, micro(f1), draws=200, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_clusters_are_drawn_together() -> None:
    """Every cluster has one right of two, so no draw of whole clusters can give another share."""
    statistics = with_ones(np.tile([1.0, 0.0], 30))
    clusters = [f"document-{i // 2}" for i in range(60)]
    assert Bootstrap(statistics, clusters).interval(ratio) == (0.5, 0.5, "cluster-bootstrap")
    alone = Bootstrap(statistics).interval(ratio)
    assert alone.low < 0.45 and alone.high > 0.55


def test_cluster_sums() -> None:
    statistics = np.array([[1, 10], [2, 20], [3, 30], [4, 40]])
    assert cluster_sums(statistics, None) is statistics
    assert cluster_sums(statistics, ["b", "a", "b", "a"]).tolist() == [[6, 60], [4, 40]]
    assert cluster_sums(statistics, [1, 1, 1, 1]).tolist() == [[10, 100]]


def test_items_without_a_cluster_are_on_their_own() -> None:
    sums = cluster_sums(np.array([1, 2, 4, 8]), [None, "None", None, "None"])
    assert sorted(sums.tolist()) == [1, 4, 10]


def test_clusters_of_one_item_are_the_plain_bootstrap() -> None:
    counts = sentences(np.random.default_rng(3), 90)
    names = [f"{i:03}" for i in range(90)]
    assert Bootstrap(counts, names).interval(micro(f1))[:2] == Bootstrap(counts).interval(micro(f1))[:2]


def test_every_item_needs_a_cluster() -> None:
    with pytest.raises(ValueError, match=r"shape mismatch|broadcast"):
        Bootstrap(np.ones((5, 2)), ["a", "b", "c"])


def test_no_items_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="no items"):
        Bootstrap(np.ones((0, 2)))


def test_a_score_that_is_never_defined_has_no_interval() -> None:
    found = Bootstrap(np.zeros((20, 2))).interval(ratio)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.method == "bootstrap"


def test_draws_without_a_score_are_left_out() -> None:
    statistics = np.zeros((20, 2))
    statistics[0] = 1, 2
    assert Bootstrap(statistics).interval(ratio)[:2] == (0.5, 0.5)


@pytest.mark.parametrize(("recall", "false"), [(0.85, 0.3), (0.6, 0.6)])
def test_bootstrap_covers_entity_f1(recall: float, false: float) -> None:
    """300 sentences with 1.5 entities each, F1 0.83 and 0.60."""
    found = []
    for r in range(2 * REPETITIONS):
        counts = sentences(np.random.default_rng([0, r]), 300, recall, false)
        found.append(Bootstrap(counts, draws=1000, seed=r).interval(micro(f1)))
    assert 0.935 <= coverage(found, true_f1(recall, false)) <= 0.965


def test_cluster_bootstrap_covers_where_the_plain_bootstrap_does_not() -> None:
    """60 documents of five sentences on average (1 + Poisson(4)); recall of a document is Beta(6, 2)."""
    clustered, plain = [], []
    for r in range(REPETITIONS):
        rng = np.random.default_rng([1, r])
        document = np.repeat(np.arange(60), 1 + rng.poisson(4, 60))
        recall = rng.beta(6, 2, 60)[document]
        gold = rng.poisson(1.5, len(document))
        right = rng.binomial(gold, recall)
        counts = np.stack([right, right + rng.poisson(0.3, len(gold)), gold], axis=-1)[:, None]
        clustered.append(Bootstrap(counts, document, draws=1000, seed=r).interval(micro(f1)))
        plain.append(Bootstrap(counts, draws=500, seed=r).interval(micro(f1)))
    assert 0.935 <= coverage(clustered, true_f1(0.75, 0.3)) <= 0.965
    assert coverage(plain, true_f1(0.75, 0.3)) < 0.92
