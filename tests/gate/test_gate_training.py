"""The noise of training in a verdict: what it is taken to be, and that it is never called a regression too often."""

from __future__ import annotations

import numpy as np
import pytest
from gated import accuracy_pair, answers
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from fmbench.gate.quality import compare, judge
from fmbench.gate.training import Training, answers_alike, mover_p, shared_variance, training_of


def test_changes_by_seed_have_one_degree_a_seed_less_one_and_both_sides_twice_as_many() -> None:
    scores = np.array([[0.80, 0.84, 0.82], [0.78, 0.83, 0.79]])
    changes = scores[1] - scores[0]
    assert training_of(scores, alike=True) == Training(pytest.approx(changes.var(ddof=1) / 3), 2)
    spreads = scores[0].var(ddof=1) + scores[1].var(ddof=1)
    assert training_of(scores, alike=False) == Training(pytest.approx(spreads / 3), 4)


def test_seeds_are_paired_where_a_run_answers_as_the_other_side_of_its_seed_does() -> None:
    rng = np.random.default_rng(0)
    base = [answers(rng.random(500) < 0.8) for _ in range(3)]
    nearly = [answers(np.where(rng.random(500) < 0.02, False, run[:, 0, 0] > 0)) for run in base]
    assert answers_alike(base, nearly)
    assert not answers_alike(base, [answers(rng.random(500) < 0.8) for _ in range(3)])


@given(st.floats(0.001, 0.5), st.integers(1, 20))
def test_p_is_students_with_seeds_alone_and_normal_with_examples_alone(loss: float, freedom: int) -> None:
    alone = mover_p(loss, 0.0, Training(0.01**2, freedom))
    assert alone == pytest.approx(max(1e-30, t.sf(loss / 0.01, freedom)), rel=1e-4)
    assert mover_p(loss, 0.01**2, Training(0.0, freedom)) == pytest.approx(max(1e-30, norm.sf(loss / 0.01)), rel=1e-4)
    assert mover_p(loss, 0.01**2, Training(0.01**2, freedom)) >= alone * (1 - 1e-4)


def test_a_gain_has_no_evidence_of_a_loss() -> None:
    assert mover_p(-0.1, 0.01, Training(0.01, 2)) == 1.0


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("alike", [True, False])
def test_no_more_than_one_in_a_hundred_is_called_whatever_part_of_the_noise_is_training(
    seeds: int, share: float, alike: bool
) -> None:
    """Mean changes of variance 1, `share` of it from training; called where the bound of level 0.01 is passed."""
    rng = np.random.default_rng([seeds, int(100 * share), alike])
    draws = 40_000
    sides = rng.normal(0, np.sqrt(share * seeds / 2), (draws, 2, seeds))
    losses = (sides[:, 0] - sides[:, 1]).mean(axis=1) + rng.normal(0, np.sqrt(1 - share), draws)
    found = [training_of(one, alike) for one in sides]
    freedom = found[0].freedom
    reach = np.hypot(
        t.isf(0.01, freedom) * np.sqrt([one.variance for one in found]), norm.isf(0.01) * np.sqrt(1 - share)
    )
    called = float(np.mean(losses > reach))
    assert called <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / draws)
    one = int(np.argmax(losses))
    assert (mover_p(float(losses[one]), 1 - share, found[one]) < 0.01) == bool(losses[one] > reach[one])


def test_what_examples_do_to_one_seed_alone_is_not_counted_as_shared() -> None:
    rng = np.random.default_rng(1)
    shared, own = rng.normal(0, 3, 20_000), rng.normal(0, 4, (3, 20_000))
    assert shared_variance([shared + one for one in own]) == pytest.approx(9, rel=0.1)
    assert shared_variance(list(own)) == pytest.approx(0, abs=0.5)


def test_unrelated_training_runs_are_not_called_and_the_note_says_what_is_known() -> None:
    """Both runs of the new side came out worse by chance, each by far more than its examples explain."""
    rng = np.random.default_rng(2)
    base = [rng.random(2000) < share for share in (0.86, 0.82)]
    new = [rng.random(2000) < share for share in (0.83, 0.78)]
    check = judge([accuracy_pair(base, new)])[0]
    assert check.outcome == "inconclusive"
    assert "these checkpoints are worse" in check.note


def test_seeds_of_a_model_without_training_are_judged_by_the_examples_alone() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(1000) < 0.8
    new = base & (rng.random(1000) < 0.95)
    one, three = compare(accuracy_pair([base], [new])), compare(accuracy_pair([base] * 3, [new] * 3))
    assert three.p == pytest.approx(one.p, abs=1e-3)
    assert three.low == pytest.approx(one.low, abs=0.003)
    assert judge([accuracy_pair([base] * 3, [new] * 3)])[0].outcome == "regression"
