"""Ranks by critical values are the ranks by p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmbench.leaderboard import holm_ranks
from fmbench.leaderboard.holm_ranks import ranks_of
from fmbench.leaderboard.pairs import Compared
from fmbench.stats.ranks import rank_intervals


def comparison(seed: int, m: int, spread: float) -> Compared:
    """Differences of m scores with variances and degrees of freedom of every sort, unknown, zero and equal ones too."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(scale=spread, size=m), int(rng.integers(1, 9)))
    variance = rng.choice([0.0, np.nan, *rng.uniform(0.1, 3.0, size=8)], size=(m, m))
    df = 10 ** rng.uniform(-0.2, 5, size=(m, m))
    return Compared(
        scores[:, None] - scores, np.triu(variance, 1) + np.triu(variance, 1).T, np.triu(df) + np.triu(df, 1).T
    )


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(0.1, 20))
def test_ranks_are_those_of_the_p_values(seed: int, m: int, spread: float) -> None:
    found = comparison(seed, m, spread)
    assert ranks_of(found) == rank_intervals(found.pairwise())


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_hardly_a_p_value_is_computed(monkeypatch: pytest.MonkeyPatch, spread: float) -> None:
    asked = 0

    def counting(statistic: np.ndarray, df: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(statistic)
        return exact(statistic, df)

    exact = holm_ranks._p
    monkeypatch.setattr(holm_ranks, "_p", counting)
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=spread, size=200)
    found = Compared(scores[:, None] - scores, np.ones((200, 200)), np.full((200, 200), 97.3))
    assert ranks_of(found) == rank_intervals(found.pairwise())
    assert 0 < asked < 0.01 * 200 * 199


def test_a_test_on_the_edge_is_decided_by_its_p_value() -> None:
    """A difference whose p-value is the level to the last bits is judged as Holm judges it."""
    from scipy.special import stdtrit

    for df in (1.0, 2.0, 30.0, 16384.0, 1e6):
        for nudge in (-1e-15, 0.0, 1e-15):
            t = -float(stdtrit(df, 0.025)) * (1 + nudge)
            found = Compared(np.array([[0.0, t], [-t, 0.0]]), np.ones((2, 2)), np.full((2, 2), df))
            assert ranks_of(found) == rank_intervals(found.pairwise())
