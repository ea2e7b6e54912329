"""Adjusted p-values and replicability: golden values, scipy, and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from fmbench.stats.multiplicity import benjamini_hochberg, holm, replicated

ps = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_holm_golden_values() -> None:
    assert holm([0.001, 0.01, 0.02, 0.04, 0.2]) == pytest.approx([0.005, 0.04, 0.06, 0.08, 0.2])
    assert holm([0.2, 0.02, 0.001, 0.04, 0.01]) == pytest.approx([0.2, 0.06, 0.005, 0.08, 0.04])


@given(ps)
def test_holm_rejects_what_the_steps_of_the_paper_reject(p: list[float]) -> None:
    rejected = set()
    for step, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (len(p) - step) > 0.05:
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(holm(p) <= 0.05).tolist()) == rejected


@given(ps)
def test_benjamini_hochberg_is_scipy_s_and_never_above_holm(p: list[float]) -> None:
    found = benjamini_hochberg(p)
    np.testing.assert_allclose(found, false_discovery_control(p), atol=1e-12)
    assert (found <= holm(p) + 1e-12).all()
    assert (np.asarray(p) <= found + 1e-12).all()


def test_an_undefined_p_stays_so_and_counts() -> None:
    assert holm([0.01, math.nan]) == pytest.approx([0.02, math.nan], nan_ok=True)
    assert benjamini_hochberg([0.01, math.nan]) == pytest.approx([0.02, math.nan], nan_ok=True)
    assert replicated([0.001, math.nan]) == 1


@pytest.mark.parametrize(
    ("p", "count"),
    [([], 0), ([0.04], 1), ([0.06], 0), ([0.04, 0.04], 0), ([0.02, 0.04], 2), ([0.02, 0.06], 1), ([0.01] * 4, 4)],
)
def test_replicability_by_hand(p: list[float], count: int) -> None:
    """0.04 twice: that one holds has p = 2 x 0.04, so nothing is claimed."""
    assert replicated(p) == count


@pytest.mark.parametrize("true", [0, 3])
def test_replicability_claims_too_much_in_five_of_a_hundred_at_most(true: int) -> None:
    rng = np.random.default_rng(0)
    p = rng.random((2000, 10))
    p[:, :true] = 1e-9
    assert np.mean([replicated(row) > true for row in p]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert np.mean([replicated(row) >= true for row in p]) == 1
