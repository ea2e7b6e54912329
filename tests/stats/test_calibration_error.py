"""Calibration: parity with scikit-learn, the ECE beside its noise floor, and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from simulated import coverage
from sklearn.metrics import brier_score_loss, log_loss

from fmbench.stats.calibration import (
    brier,
    calibration_error,
    ece,
    equal_mass_bins,
    gaps,
    nll,
    null_ece,
    reliability,
    temperature,
    tempered,
)


def answers(rng: np.random.Generator, n: int, overconfident: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences from 0.5 to 1, and answers that are right so often, less `overconfident`."""
    confidence = rng.uniform(0.5, 1, n)
    return confidence, rng.random(n) < confidence - overconfident


def test_brier_and_nll_are_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.ones(4), 60), rng.integers(0, 4, 60)
    assert brier(probabilities, labels).mean() == pytest.approx(
        brier_score_loss(labels, probabilities, labels=range(4), scale_by_half=False)
    )
    assert nll(probabilities, labels).mean() == pytest.approx(log_loss(labels, probabilities, labels=range(4)))
    sure = np.array([[1.0, 0.0]])
    assert brier(sure, np.array([1]))[0] == 2
    assert np.isfinite(nll(sure, np.array([1]))[0])


def slow_ece(confidence: np.ndarray, correct: np.ndarray, bins: np.ndarray) -> float:
    inside = [bins == b for b in set(bins.tolist())]
    return sum(m.mean() * abs(correct[m].mean() - confidence[m].mean()) for m in inside)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=60), st.integers(1, 15))
def test_ece_is_its_definition_whatever_the_order(rows: list[tuple[int, bool]], bins: int) -> None:
    confidence, correct = np.array(rows, dtype=np.float64).T
    confidence = confidence / 20
    where = equal_mass_bins(confidence, bins)
    found = ece(gaps(confidence, correct, where).sum(axis=0))
    assert found == pytest.approx(slow_ece(confidence, correct, where))
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_array_equal(equal_mass_bins(confidence[order], bins), where[order])
    assert len({*zip(confidence, where, strict=True)}) == len(set(confidence)), "equal confidences share a bin"


@pytest.mark.parametrize(("n", "bins"), [(10, 1), (99, 1), (100, 2), (300, 6), (750, 15), (10_000, 15)])
def test_bins_hold_as_many_items_and_fifty_or_more(n: int, bins: int) -> None:
    where = equal_mass_bins(np.random.default_rng(0).random(n))
    sizes = np.bincount(where)
    assert len(sizes) == bins
    assert sizes.max() - sizes.min() <= 1


def test_reliability_adds_up_to_the_ece() -> None:
    confidence, correct = answers(np.random.default_rng(0), 500, 0.1)
    where = equal_mass_bins(confidence)
    points = reliability(confidence, correct, where)
    assert sum(p.n for p in points) == 500
    assert sum(p.n * abs(p.accuracy - p.confidence) for p in points) / 500 == pytest.approx(
        float(ece(gaps(confidence, correct, where).sum(axis=0)))
    )


@pytest.mark.parametrize(("n", "mean", "high"), [(100, 0.084, 0.117), (300, 0.047, 0.068), (1000, 0.027, 0.038)])
def test_the_floor_of_ten_bins_golden_values(n: int, mean: float, high: float) -> None:
    """Simulated before with ten equal-mass bins and another spread of confidences, so a third of leeway."""
    confidence, _ = answers(np.random.default_rng(0), n)
    null = null_ece(confidence, equal_mass_bins(confidence, 10), 2000, np.random.default_rng(0))
    assert null.mean() == pytest.approx(mean, rel=0.33)
    assert np.percentile(null, 95) == pytest.approx(high, rel=0.33)


def test_a_calibrated_model_is_rarely_called_uncalibrated_and_has_no_error_on_average() -> None:
    """300 items: the plain ECE would be 0.035 for a perfect model."""
    found = [calibration_error(*answers(np.random.default_rng([20, r]), 300), draws=50, seed=r) for r in range(600)]
    assert np.mean([one.distinguishable for one in found]) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 600)
    assert np.mean([one.corrected for one in found]) == pytest.approx(0, abs=0.002)
    assert np.mean([one.ece for one in found]) > 0.025
    assert min(one.corrected for one in found) < 0


@pytest.mark.parametrize(("n", "overconfident"), [(300, 0.0), (300, 0.05), (1000, 0.02), (1000, 0.1), (2000, 0.05)])
def test_the_interval_covers_calibrated_and_overconfident_models(n: int, overconfident: float) -> None:
    """The corrected ECE alone would cover 22 % at 1,000 items and an error of 0.1: the floor is too much there."""
    found = [
        calibration_error(*answers(np.random.default_rng([21, n, r]), n, overconfident), draws=200) for r in range(150)
    ]
    assert coverage([one.interval for one in found], overconfident) >= 0.94
    if overconfident == 0.1:
        assert all(one.distinguishable for one in found)


def test_a_calibration_error_of_clusters_says_so() -> None:
    confidence, correct = answers(np.random.default_rng(0), 300)
    found = calibration_error(confidence, correct, [i // 3 for i in range(300)])
    assert found.interval.method == "cluster-bootstrap"
    assert found.bins == 6
    assert found.corrected == found.ece - found.floor
    assert found.floor_low < found.floor < found.floor_high


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_temperature_is_found_again(true: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    chances = tempered(logits, true)
    labels = np.array([rng.choice(5, p=p) for p in chances])
    found = temperature(logits, labels)
    assert found == pytest.approx(true, rel=0.05)
    slow = minimize_scalar(
        lambda t: -log_softmax(logits / t, axis=1)[np.arange(4000), labels].mean(), bounds=(0.05, 20), method="bounded"
    )
    assert found == pytest.approx(slow.x, rel=1e-3)
    assert temperature(3 * logits, labels) == pytest.approx(3 * found, rel=1e-6)
    assert temperature(np.log(tempered(logits, 1.0)), labels) == pytest.approx(found, rel=1e-6)


def test_temperature_keeps_within_bounds() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 3.0]])
    assert temperature(logits, np.array([0, 1])) == 0.01, "all right: the surer the better"
    assert temperature(logits, np.array([1, 0])) == 100, "all wrong: the less sure the better"
    assert temperature(np.array([[0.0, -np.inf], [0.0, -1.0], [0.0, -1.0]]), np.array([0, 1, 0])) > 0


def test_tempered_rows_are_distributions() -> None:
    found = tempered(np.array([[1e4, 0.0, -1e4], [1.0, 1.0, 1.0]]), 0.5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[1], 1 / 3)
