"""Paired comparisons: golden values, parity with formulas computed another way, false alarms and coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, multinomial, ttest_rel
from simulated import REPETITIONS, coverage, sentences, true_f1

from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.intervals import clustered_mean
from fmbench.stats.paired import (
    difference_of,
    discordant,
    mcnemar,
    paired_mean,
    sign_flip,
    stacked,
    tango,
    tango_bounds,
)
from fmbench.stats.seeds import over_seeds
from fmbench.stats.sums import f1, micro, ratio, shares

A = np.array([1, 1, 0, 1, 0, 1, 1, 0, 1, 1])
B = np.array([1, 0, 0, 1, 0, 0, 1, 0, 1, 0])
pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n)).filter(lambda t: t[0] + t[1] <= t[2])
)


def test_mcnemar_golden_values() -> None:
    found = mcnemar(5, 15)
    assert found.p == pytest.approx(0.0413895, abs=1e-7)
    assert found.mid_p == pytest.approx(0.0266037, abs=1e-7)
    assert mcnemar(15, 5).p == found.p
    assert mcnemar(0, 0).p == mcnemar(4, 4).p == 1


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_the_binomial_test(b: int, c: int) -> None:
    for ours in ("two-sided", "greater", "less"):
        theirs = binomtest(b, b + c, alternative=ours).pvalue if b + c else 1.0
        found = mcnemar(b, c, ours)
        assert found.p == pytest.approx(theirs, abs=1e-9)
        assert found.mid_p <= found.p


def test_discordant_counts_who_alone_was_right() -> None:
    assert discordant(A, B) == (3, 0)
    assert discordant(B, A) == (0, 3)


def mcnemar_alarms(n: int, discordance: float, mid: bool) -> float:
    """Exact chance of p <= 0.05 where both are equally good."""
    total = 0.0
    for count in range(n + 1):
        chance = math.comb(n, count) * discordance**count * (1 - discordance) ** (n - count)
        alarms = [mcnemar(b, count - b) for b in range(count + 1)]
        hits = np.array([(one.mid_p if mid else one.p) <= 0.05 for one in alarms])
        weights = np.array([math.comb(count, b) for b in range(count + 1)]) / 2.0**count
        total += chance * float(weights @ hits)
    return total


@pytest.mark.parametrize(("n", "discordance"), [(20, 0.3), (60, 0.1), (60, 0.5)])
def test_mcnemar_false_alarms_by_enumeration(n: int, discordance: float) -> None:
    assert mcnemar_alarms(n, discordance, mid=False) <= 0.05
    assert mcnemar_alarms(n, discordance, mid=False) < mcnemar_alarms(n, discordance, mid=True) <= 0.053


def slow_tango(b: int, c: int, n: int, z: float) -> float:
    """The end of the score interval, with the most likely table under each difference found numerically."""

    def statistic(difference: float) -> float:
        def loss(only_b: float) -> float:
            return -multinomial.logpmf([b, c, n - b - c], n, [only_b + difference, only_b, 1 - 2 * only_b - difference])

        bounds = max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12
        only_b = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        return (b - c - n * difference) / math.sqrt(n * (2 * only_b + difference * (1 - difference))) - z

    estimate = (b - c) / n
    return brentq(statistic, -0.999, estimate) if z > 0 else brentq(statistic, estimate, 0.999)


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (6, 16, 161), (12, 9, 60)])
def test_tango_against_numerical_likelihood(b: int, c: int, n: int) -> None:
    found = tango(b, c, n)
    assert found.low == pytest.approx(slow_tango(b, c, n, 1.959964), abs=1e-5)
    assert found.high == pytest.approx(slow_tango(b, c, n, -1.959964), abs=1e-5)


@given(pairs)
def test_tango_holds_the_estimate_mirrors_and_stays_within_one(table: tuple[int, int, int]) -> None:
    b, c, n = table
    found, mirrored = tango(b, c, n), tango(c, b, n)
    assert -1 <= found.low <= (b - c) / n + 1e-9
    assert (b - c) / n - 1e-9 <= found.high <= 1
    assert (-mirrored.high, -mirrored.low) == pytest.approx(found[:2], abs=1e-9)
    assert tango(b, c, n, level=0.99).low <= found.low + 1e-9


@pytest.mark.parametrize(("only_a", "only_b"), [(0.05, 0.05), (0.12, 0.04), (0.3, 0.2)])
def test_tango_covers_by_enumeration(only_a: float, only_b: float) -> None:
    n = 100
    b, c = (np.array(x) for x in zip(*((b, c) for b in range(n + 1) for c in range(n + 1 - b)), strict=True))
    low, high = tango_bounds(b, c, n)
    chance = multinomial.pmf(np.stack([b, c, n - b - c], axis=1), n, [only_a, only_b, 1 - only_a - only_b])
    held = (low <= only_a - only_b) & (only_a - only_b <= high)
    assert 0.935 <= chance @ held <= 0.965


@pytest.mark.parametrize(("b", "c", "n"), [(1, 2, 2), (-1, 2, 9), (0, 0, 0)])
def test_tango_wants_a_table(b: int, c: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"discordant of {n} pairs"):
        tango(b, c, n)


def test_paired_mean_golden_value_and_scipy() -> None:
    found = paired_mean(A, B)
    theirs = ttest_rel(A, B)
    assert found.difference == pytest.approx(0.3)
    assert found.error == pytest.approx(0.1527525, abs=1e-7)
    assert found.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert found.interval[:2] == pytest.approx(tuple(theirs.confidence_interval()), abs=1e-12)
    assert paired_mean(A, A).p == 1
    assert math.isnan(paired_mean(A, B, ["one"] * 10).p)
    clusters = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]
    assert paired_mean(A, B, clusters).interval == clustered_mean(A - B, clusters)


def slow_permutation(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p over every exchange of the means, one after the other."""
    observed = abs(a.mean() - b.mean())
    found = [abs(((a - b) * signs).mean()) >= observed - 1e-12 for signs in itertools.product([1, -1], repeat=len(a))]
    return float(np.mean(found))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9))
def test_few_items_are_exchanged_in_every_way(rows: list[tuple[int, int]]) -> None:
    a, b = np.array(rows, dtype=np.float64).T
    found = sign_flip(shares(a), shares(b), ratio)
    assert found.exact
    assert found.p == pytest.approx(slow_permutation(a, b), abs=1e-12)


def test_many_items_are_exchanged_at_random() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=14)
    b = a - rng.normal(0.4, 1, 14)
    found, slow = sign_flip(shares(a), shares(b), ratio, draws=16_000), slow_permutation(a, b)
    assert not found.exact
    assert found.draws == 16_000
    assert found.p == pytest.approx(slow, abs=5 * math.sqrt(slow / 16_000))
    assert sign_flip(shares(a), shares(b), ratio, draws=500) == sign_flip(shares(a), shares(b), ratio, draws=500)


def test_exchange_of_counts_is_that_of_a_slow_reference() -> None:
    rng = np.random.default_rng(0)
    a, b = sentences(rng, 8, 0.9), sentences(rng, 8, 0.5)
    value = micro(f1)
    slow = []
    for choice in itertools.product([False, True], repeat=8):
        swap = np.array(choice)[:, None, None]
        slow.append(value(np.where(swap, b, a).sum(0).astype(float)) - value(np.where(swap, a, b).sum(0).astype(float)))
    found = sign_flip(a, b, value)
    assert found.difference == pytest.approx(slow[0])
    assert found.p == pytest.approx(np.mean(np.abs(slow) >= abs(slow[0]) - 1e-12))


def test_whole_clusters_are_exchanged() -> None:
    """Two clusters exchange in four ways, however many items they have."""
    a, b = shares(np.repeat([1.0, 2.0], 50)), shares(np.zeros(100))
    assert sign_flip(a, b, ratio, np.repeat([0, 1], 50).tolist()).p == 0.5
    assert sign_flip(a, b, ratio).p < 0.001


def test_the_same_answers_are_no_difference_and_no_score_no_p() -> None:
    same = sentences(np.random.default_rng(0), 30)
    assert sign_flip(same, same, micro(f1))[:2] == (0.0, 1.0)
    assert math.isnan(sign_flip(np.zeros((5, 2)), np.zeros((5, 2)), ratio).p)


def test_sign_flip_false_alarms() -> None:
    """F1 of two equally good systems on 60 documents of sentences that share their difficulty."""
    alarms = []
    for r in range(600):
        rng = np.random.default_rng([9, r])
        document = np.repeat(np.arange(60), 1 + rng.poisson(2, 60))
        gold = rng.poisson(1.5, len(document))
        a, b = (
            np.stack([right, right + rng.poisson(0.3, len(gold)), gold], axis=-1)[:, None]
            for right in (rng.binomial(gold, rng.beta(6, 2, 60)[document]) for _ in range(2))
        )
        alarms.append(sign_flip(a, b, micro(f1), document.tolist(), draws=299, seed=r).p <= 0.05)
    assert np.mean(alarms) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)
    assert np.mean(alarms) >= 0.02, "nor is it idle"


def test_paired_t_false_alarms_with_clusters() -> None:
    alarms = []
    for r in range(REPETITIONS):
        rng = np.random.default_rng([10, r])
        cluster = np.repeat(np.arange(50), 4)
        a, b = (rng.normal(size=50)[cluster] + rng.normal(size=200) for _ in range(2))
        alarms.append(paired_mean(a, b, cluster.tolist()).p <= 0.05)
    assert 0.03 <= np.mean(alarms) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / REPETITIONS)


@pytest.mark.parametrize("statistic", ["f1", "accuracy"])
def test_paired_bootstrap_covers_the_difference(statistic: str) -> None:
    """What both systems see: 300 sentences; 1,000 items of which 90 divide the systems. Percentile and BCa."""
    percentile, bca = [], []
    truth = true_f1(0.85, 0.3) - true_f1(0.8, 0.3) if statistic == "f1" else 0.05
    for r in range(REPETITIONS // 2):
        rng = np.random.default_rng([11, r])
        if statistic == "f1":
            gold = rng.poisson(1.5, (300, 1))
            easy = rng.random((300, 1)) < 0.5
            a, b = (
                np.stack([right, right + rng.poisson(0.3, (300, 1)), gold], axis=-1)
                for right in (rng.binomial(gold, np.where(easy, 0.95, 2 * p - 0.95)) for p in (0.85, 0.8))
            )
            value = micro(f1)
        else:
            luck = rng.random(1000)
            a, b = shares(luck < 0.85), shares(np.where(rng.random(1000) < 0.9, luck, rng.random(1000)) < 0.8)
            value = ratio
        bootstrap = Bootstrap(stacked(a, b), draws=400, seed=r)
        percentile.append(bootstrap.interval(difference_of(value, a)))
        bca.append(bootstrap.bca(difference_of(value, a)))
    assert 0.935 <= coverage(percentile, truth) <= 0.965
    assert 0.935 <= coverage(bca, truth) <= 0.965


def test_a_difference_over_seeds_is_paired_by_seed() -> None:
    """Seeds that move both systems alike leave their difference alone."""
    rng = np.random.default_rng(0)
    items = rng.normal(0.5, 0.1, 200)
    runs = [stacked(shares(items + shift + 0.02), shares(items + shift)) for shift in (-0.2, 0.0, 0.3)]
    found = over_seeds(runs, difference_of(ratio, shares(items)))
    assert found[:2] == pytest.approx((0.02, 0.02), abs=1e-6)
