"""Rank intervals: how often they hold the true ranks, and how they read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from simulated import sentences

from fmbench.stats.bootstrap import jackknife
from fmbench.stats.paired import paired_mean
from fmbench.stats.ranks import Pairwise, Rank, pairwise, pseudo_values, rank_intervals, tie_groups, top_group
from fmbench.stats.sums import f1, micro


def made(difference: float, p: float) -> Pairwise:
    """Three systems: the first two `difference` apart with that p, the last far behind."""
    means = np.array([1.0, 1.0 - difference, -5.0])
    chance = np.array([[1, p, 0.0], [p, 1, 0.0], [0.0, 0.0, 1]])
    return Pairwise(means[:, None] - means, chance)


def test_ranks_by_hand() -> None:
    assert rank_intervals(made(0.1, 0.4)) == [Rank(1, 1, 2), Rank(2, 1, 2), Rank(3, 3, 3)]
    assert rank_intervals(made(0.1, 0.01)) == [Rank(1, 1, 1), Rank(2, 2, 2), Rank(3, 3, 3)]
    assert rank_intervals(made(0.0, 1.0)) == [Rank(1, 1, 2), Rank(1, 1, 2), Rank(3, 3, 3)]
    assert top_group(rank_intervals(made(0.1, 0.4))) == [0, 1]
    assert tie_groups(made(0.1, 0.4)) == [[0, 1], [2]]
    assert tie_groups(made(0.1, 0.01)) == [[0], [1], [2]]


def test_pairwise_tests_are_scipy_s_and_the_clustered_ones_ours() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 60))
    clusters = [i // 3 for i in range(60)]
    plain, clustered = pairwise(scores), pairwise(scores, clusters)
    for i in range(4):
        for j in range(4):
            if i != j:
                assert plain.p[i, j] == pytest.approx(ttest_rel(scores[i], scores[j]).pvalue, abs=1e-12)
                theirs = paired_mean(scores[i], scores[j], clusters)
                assert clustered.p[i, j] == pytest.approx(theirs.p, abs=1e-12)
                assert clustered.difference[i, j] == pytest.approx(theirs.difference)


def test_equal_systems_are_never_parted() -> None:
    scores = np.tile(np.random.default_rng(0).normal(size=30), (3, 1))
    assert rank_intervals(pairwise(scores)) == [Rank(1, 1, 3)] * 3
    assert rank_intervals(pairwise(scores[:1])) == [Rank(1, 1, 1)]


@given(st.integers(2, 6), st.integers(0, 10_000), st.booleans())
def test_every_interval_holds_its_rank_and_stays_within_the_pool(m: int, seed: int, simultaneous: bool) -> None:
    rng = np.random.default_rng(seed)
    found = pairwise(rng.normal(size=(m, 12)) + rng.integers(0, 3, m)[:, None])
    for rank in rank_intervals(found, simultaneous=simultaneous):
        assert 1 <= rank.low <= rank.rank <= rank.high <= m
    assert sorted(n for group in tie_groups(found) for n in group) == list(range(m))


def holds(found: list[Rank], truth: np.ndarray) -> np.ndarray:
    """Whether each interval holds the true rank; of true ties every rank that they may take."""
    low = 1 + (truth[:, None] < truth).sum(axis=1)
    high = len(truth) - (truth[:, None] > truth).sum(axis=1)
    return np.array([rank.low <= a and b <= rank.high for rank, a, b in zip(found, low, high, strict=True)])


@pytest.mark.parametrize(
    "truth", [[0.0] * 8, [0, 0, 0, 0.02, 0.04, 0.06, 0.2, 0.5], np.arange(8) * 0.05], ids=["equal", "mixed", "steps"]
)
def test_rank_intervals_hold_the_true_ranks(truth: list[float]) -> None:
    """Eight systems on 200 shared items, 1,000 simulations: each rank by itself, and all of them at once."""
    means = np.asarray(truth, dtype=np.float64)
    each, together = [], []
    for r in range(1000):
        rng = np.random.default_rng([14, r])
        found = pairwise(means[:, None] + rng.normal(0, 0.3, 200) + rng.normal(0, 0.3, (8, 200)))
        each.append(holds(rank_intervals(found), means))
        together.append(holds(rank_intervals(found, simultaneous=True), means).all())
    assert np.mean(each, axis=0).min() >= 0.94
    assert np.mean(together) >= 0.94


def test_pseudo_values_carry_any_score_of_sums() -> None:
    """The t-tests of F1's pseudo-values: an equal system is parted in 5 % of cases."""
    alarms = []
    for r in range(1000):
        rng = np.random.default_rng([15, r])
        systems = []
        for _ in range(2):
            counts = sentences(rng, 200)
            without = jackknife(counts, micro(f1))
            systems.append(pseudo_values(float(micro(f1)(counts.sum(axis=0))), without))
        found = pairwise(np.array(systems))
        alarms.append(found.p[0, 1] <= 0.05)
    assert 0.03 <= np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_pseudo_values_of_a_mean_are_the_values() -> None:
    values = np.random.default_rng(0).normal(size=20)
    np.testing.assert_allclose(pseudo_values(values.mean(), (values.sum() - values) / 19), values)
