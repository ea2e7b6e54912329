"""Scores of an order: AUROC, nDCG, AURC and risk at a coverage, beside scikit-learn and as weighted samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import coverage
from sklearn.metrics import ndcg_score, roc_auc_score

from fmbench.stats.bootstrap import resampled_scores, resampled_weights
from fmbench.stats.intervals import percentile
from fmbench.stats.ranking import augrc, aurc, auroc, ndcg, risk_coverage, selective_risk

rows = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=25)
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def whole(score: Score, x: np.ndarray, y: np.ndarray) -> float:
    return float(score(x, y, np.ones((1, len(x))))[0])


@given(rows)
def test_auroc_is_scikit_learn_s(pairs: list[tuple[int, bool]]) -> None:
    x, y = (np.array(column) for column in zip(*pairs, strict=True))
    expected = roc_auc_score(y, x) if len(set(y)) == 2 else np.nan
    assert whole(auroc, x, y) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("score", [auroc, aurc, augrc])
@given(pairs=rows, seed=st.integers(0, 1000))
def test_a_weighting_is_the_sample_that_it_stands_for(score: Score, pairs: list[tuple[int, bool]], seed: int) -> None:
    x, y = (np.array(column) for column in zip(*pairs, strict=True))
    (weights,) = resampled_weights(len(x), 10, np.random.default_rng(seed))
    for value, counts in zip(score(x, y, weights), weights.astype(int), strict=True):
        drawn = np.repeat(np.arange(len(x)), counts)
        assert value == pytest.approx(whole(score, x[drawn], y[drawn]), nan_ok=True)


def test_auroc_bootstrap_covers() -> None:
    """200 items, 60 of them positive, AUROC 0.80."""
    found = []
    for r in range(1000):
        rng = np.random.default_rng([19, r])
        positive = np.arange(200) < 60
        scores = rng.normal(size=200) + 1.190232 * positive
        (drawn,) = resampled_scores([lambda w, s=scores, p=positive: auroc(s, p, w)], 200, draws=400, seed=r)
        found.append(percentile(drawn, 0.95, ""))
    assert 0.935 <= coverage(found, 0.8) <= 0.965


def test_clusters_are_drawn_whole() -> None:
    (drawn,) = resampled_scores([lambda w: w[:, 0] - w[:, 1]], 4, ["a", "a", "b", "b"], draws=50)
    assert (drawn == 0).all()


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(1, 12))
def test_ndcg_is_scikit_learn_s(gains: list[int], k: int) -> None:
    ranked = np.array(gains, dtype=np.float64)
    theirs = ndcg_score([ranked], [-np.arange(len(ranked))], k=k)
    assert float(ndcg(ranked, k)) == pytest.approx(theirs if ranked.any() else np.nan, nan_ok=True)


def test_aurc_by_hand_and_without_ties_as_it_is_written() -> None:
    rng = np.random.default_rng(0)
    confidence, wrong = rng.random(50), rng.random(50) < 0.3
    ordered = wrong[np.argsort(-confidence)].astype(float)
    risks = np.cumsum(ordered) / np.arange(1, 51)
    assert whole(aurc, confidence, wrong) == pytest.approx(risks.mean())
    curve = np.concatenate([[0], np.cumsum(ordered) / 50])
    assert whole(augrc, confidence, wrong) == pytest.approx(np.trapezoid(curve, dx=1 / 50))
    covered, risk = risk_coverage(confidence, wrong)
    np.testing.assert_allclose(covered, np.arange(1, 51) / 50)
    np.testing.assert_allclose(risk, risks)
    assert whole(aurc, np.ones(50), wrong) == pytest.approx(wrong.mean()), "no order, no gain"
    assert whole(augrc, np.ones(50), wrong) == pytest.approx(wrong.mean() / 2)


@given(rows)
def test_a_better_order_has_less_area(pairs: list[tuple[int, bool]]) -> None:
    x, wrong = (np.array(column) for column in zip(*pairs, strict=True))
    best = np.argsort(np.argsort(~wrong))
    for score in (aurc, augrc):
        assert whole(score, best, wrong) - 1e-12 <= whole(score, x, wrong) <= whole(score, -best, wrong) + 1e-12


def test_selective_risk() -> None:
    confidence, wrong = np.array([0.9, 0.8, 0.7, 0.7, 0.6]), np.array([0, 1, 1, 0, 1])
    assert selective_risk(confidence, wrong, 1.0) == pytest.approx(0.6)
    assert selective_risk(confidence, wrong, 0.2) == 0
    assert selective_risk(confidence, wrong, 0.4) == pytest.approx(0.5)
    assert selective_risk(confidence, wrong, 0.6) == pytest.approx(1.5 / 3), "half of the two that tie"
    for bad in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"coverage {bad} of 5 items"):
            selective_risk(confidence, wrong, bad)
