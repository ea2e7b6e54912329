"""The conditional logit of what users take: its loss, what it stands against, and what it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import log_softmax

import fmbench.engine.taste as module
from fmbench.engine.cache import ArrayCache
from fmbench.engine.taste import _Logit, choices_of, fit_taste, space_of
from fmbench.errors import CellFailed

SEQUENCES = [[0, 1, 2], [3, 1], [2], [4, 0, 4]]


def items(n: int = 6, k: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, k)).astype(np.float32)


def test_choices_stand_against_what_was_taken_and_not_seen() -> None:
    found = choices_of(SEQUENCES, True, 100)
    assert found.taken.tolist() == [0, 1, 2, 3, 1, 2, 4, 0, 4]
    assert found.before[2] == (0, 1)
    assert found.offered.tolist() == [[0, 1, 2, 3, 4]], "item 5, which nobody took, is no evidence"
    assert np.flatnonzero(found.barred[2]).tolist() == [0, 1, 2]
    assert np.flatnonzero(choices_of(SEQUENCES, False, 100).barred[2]).tolist() == [2]


def test_a_part_of_many_choices_is_the_same_each_time() -> None:
    first, second = choices_of(SEQUENCES, True, 4), choices_of(SEQUENCES, True, 4)
    assert len(first.taken) == 4
    assert first.before == second.before


def test_of_a_large_catalogue_so_many_are_drawn_for_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAINST", 3)
    monkeypatch.setattr(module, "BLOCK", 2)
    found = choices_of(SEQUENCES, True, 100)
    assert found.offered.shape == (5, 3)
    assert len({tuple(one) for one in found.offered.tolist()}) > 1
    for i, (item, before) in enumerate(zip(found.taken, found.before, strict=True)):
        barred = set(found.offered[i // 2][found.barred[i]].tolist())
        assert barred == {item, *before} & set(found.offered[i // 2].tolist())


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_loss_is_the_softmax_over_what_is_offered(exclude_seen: bool) -> None:
    vectors, choices = items(), choices_of(SEQUENCES, exclude_seen, 100)
    users = np.stack([vectors[list(one)].mean(axis=0) if one else np.zeros(3) for one in choices.before])
    logit = _Logit(vectors, users.astype(np.float32), choices, 0.5)
    weights = np.random.default_rng(1).normal(size=12)
    wanted = users @ weights.reshape(4, 3)[:3] + weights.reshape(4, 3)[3]
    scores = wanted @ vectors[:5].T
    if exclude_seen:
        for row, before in zip(scores, choices.before, strict=True):
            row[list(before)] = -np.inf
    # a user takes item 4 twice: the right one always counts
    scores[8, 4] = wanted[8] @ vectors[4]
    likelihoods = log_softmax(scores, axis=1)[np.arange(9), choices.taken]
    loss, gradient = logit(weights)
    assert loss == pytest.approx((-likelihoods.sum() + (weights**2).sum() / 2 / 0.5) / 9, rel=1e-5)
    np.testing.assert_allclose(gradient, approx_fprime(weights, lambda w: logit(w)[0], 1e-3), atol=3e-3)


def test_it_learns_that_opposites_attract_for_users_and_items_unseen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal([2, 0, 0], 0.3, (10, 3)), rng.normal([-2, 0, 0], 0.3, (10, 3))])
    space = space_of(vectors.astype(np.float32), np.arange(20) % 10 < 8)
    own = space(vectors.astype(np.float32))
    sequences = [[int(rng.integers(8) + 10 * ((i + k) % 2)) for k in range(3)] for i in range(40)]
    choices = choices_of(sequences, True, 1000)
    found = fit_taste(own, choices, 1.0, 200, ArrayCache(tmp_path), "here")
    scores = found.scores(own, [[8], [19]])
    assert scores[0, 10:].min() > scores[0, :10].max()
    assert scores[1, :10].min() > scores[1, 10:].max()
    assert np.isfinite(found.scores(own, [[]])).all()
    assert found.parameters == own.shape[1] * (own.shape[1] + 1)
    again = fit_taste(own, choices, 1.0, 200, ArrayCache(tmp_path / "other"), "here")
    np.testing.assert_array_equal(found.attraction, again.attraction)
    weaker = fit_taste(own, choices, 0.001, 200, ArrayCache(tmp_path), "here")
    assert np.abs(weaker.attraction).sum() < np.abs(found.attraction).sum()


def test_items_without_text_are_average_and_nothing_but_such_items_is_refused() -> None:
    vectors = items()
    vectors[2] = 0
    space = space_of(vectors, np.arange(6) < 5)
    assert not space(vectors)[2].any()
    own = space(vectors)[[0, 1, 3, 4]]
    assert own.mean(axis=0) == pytest.approx(np.zeros(own.shape[1]), abs=1e-5)
    assert (own**2).mean() == pytest.approx(1)
    with pytest.raises(CellFailed, match="have no texts, or all the same"):
        space_of(np.zeros((3, 2), dtype=np.float32), np.ones(3, dtype=bool))
    with pytest.raises(CellFailed, match="have no texts, or all the same"):
        space_of(np.ones((3, 2), dtype=np.float32), np.ones(3, dtype=bool))
