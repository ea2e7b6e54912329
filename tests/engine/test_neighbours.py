"""Neighbours are those of the exact search, whatever the blocks, and vote by their similarity."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from fmbench.engine import neighbours as module
from fmbench.engine.neighbours import TEMPERATURE, Neighbours

RNG = np.random.default_rng(0)
MEMORY, QUERIES = RNG.normal(size=(200, 8)).astype(np.float32), RNG.normal(size=(31, 8)).astype(np.float32)
TARGETS = RNG.integers(0, 4, 200)


@pytest.mark.parametrize("k", [1, 5, 300])
def test_votes_equal_those_of_scikit_learn(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = KNeighborsClassifier(
        min(k, 200), metric="cosine", algorithm="brute", weights=lambda distance: np.exp(-distance / TEMPERATURE)
    ).fit(MEMORY, TARGETS)
    found = Neighbours(MEMORY, TARGETS, 4, "cpu").votes(QUERIES, k)
    np.testing.assert_allclose(found, peer.predict_proba(QUERIES), atol=1e-4)
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 450)
    np.testing.assert_allclose(Neighbours(MEMORY, TARGETS, 4, "cpu").votes(QUERIES, k), found, atol=1e-6)


def test_no_queries_and_classes_without_votes() -> None:
    some = Neighbours(MEMORY[:3], np.array([0, 0, 1]), 3, "cpu")
    assert some.votes(QUERIES[:0], 2).shape == (0, 3)
    found = some.votes(QUERIES, 3)
    assert (found[:, 2] == 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(31))
