"""Verdicts on quality: each outcome from numbers chosen to force it, and the promises behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gated import CELLS, accuracy_pair, shares
from hypothesis import given
from hypothesis import strategies as st

from fmbench.gate.quality import Pair, judge
from fmbench.gate.text import sentence
from fmbench.gate.verdict import Check, worst_first
from fmbench.registry import METRICS
from fmbench.stats.paired import mcnemar, tango


def verdict(*counts: int, margin: float = 0.01) -> Check:
    base, new = shares(*counts)
    return judge([accuracy_pair([base], [new], margin)])[0]


def test_identical_predictions_pass_without_statistics() -> None:
    check = verdict(50, 30, 0, 0)
    assert (check.outcome, check.method, check.change, check.lost, check.gained) == ("pass", "identical", 0.0, 0, 0)


def test_a_clear_loss_is_a_regression_with_mcnemar_and_tango() -> None:
    check = verdict(2000, 1500, 60, 10)
    assert check.outcome == "regression"
    assert check.change == pytest.approx(-50 / 2000)
    assert check.p == mcnemar(60, 10, "greater").p
    assert (check.low, check.high) == tango(10, 60, 2000, 0.9)[:2]
    assert (check.lost, check.gained) == (60, 10)
    assert [flip.lost for flip in check.flips] == [True] * 20


def test_few_flips_among_many_pass_and_few_examples_stay_undecided() -> None:
    assert verdict(10_000, 8000, 20, 20).outcome == "pass"
    check = verdict(200, 150, 6, 5)
    assert check.outcome == "inconclusive"
    assert check.needed is not None and check.needed > 200
    assert check.detectable > check.margin


def test_a_certain_loss_within_the_margin_passes() -> None:
    check = verdict(20_000, 15_000, 60, 0)
    assert check.p < 1e-6
    assert check.outcome == "pass"


def test_a_certain_loss_below_half_the_margin_is_never_a_regression() -> None:
    check = verdict(1000, 900, 12, 0, margin=0.03)
    assert check.p < 0.001
    assert check.outcome != "regression"


def test_more_gated_metrics_make_the_same_loss_harder_to_call() -> None:
    base, new = shares(1000, 800, 30, 10)
    pair = accuracy_pair([base], [new])
    others = [accuracy_pair([base], [base])] * 20
    alone, among = judge([pair])[0], judge([pair, *others])[0]
    assert alone.outcome == "regression"
    assert among.adjusted == pytest.approx(min(1.0, 21 * alone.p))
    assert among.outcome == "inconclusive"
    assert judge([pair], family=21)[0].adjusted == pytest.approx(among.adjusted)


def test_a_gain_is_never_a_regression() -> None:
    check = verdict(1000, 800, 10, 60)
    assert (check.outcome, check.change > 0, check.worse < 0) == ("pass", True, True)


@given(st.integers(0, 40), st.integers(0, 40))
def test_exchanging_the_sides_turns_the_change(lost: int, gained: int) -> None:
    there, back = verdict(500, 300, lost, gained), verdict(500, 300, gained, lost)
    assert there.change == pytest.approx(-back.change)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert not (there.outcome == back.outcome == "regression")


def test_one_bad_seed_of_three_is_not_a_regression_of_the_method() -> None:
    rng = np.random.default_rng(0)
    base = [rng.random(600) < 0.8 for _ in range(3)]
    bad = base[0] & (rng.random(600) < 0.85)
    fails_once = judge([accuracy_pair(base, [bad, base[1], base[2]])])[0]
    assert fails_once.change < -0.02
    assert fails_once.outcome == "inconclusive"
    always = [run & (rng.random(600) < 0.88) for run in base]
    assert judge([accuracy_pair(base, always)])[0].outcome == "regression"


def test_examples_in_clusters_count_as_few() -> None:
    base, new = shares(800, 600, 40, 8)
    alone = judge([accuracy_pair([base], [new])])[0]
    together = judge([accuracy_pair([base], [new], clusters=[str(i // 50) for i in range(800)])])[0]
    assert alone.outcome == "regression"
    assert together.outcome == "inconclusive"
    assert together.p > alone.p


def entity_runs(rng: np.random.Generator, n: int, miss: float) -> np.ndarray:
    """Counts [n, 1, 3] of sentences with 0 to 3 entities of which a share is missed."""
    gold = rng.integers(0, 4, n)
    found = rng.binomial(gold, 1 - miss)
    return np.stack([found, found, gold], axis=1)[:, None, :].astype(np.int32)


def test_entity_f1_is_judged_over_sentences() -> None:
    rng = np.random.default_rng(1)
    base = entity_runs(rng, 1500, 0.2)
    new = base.copy()
    hit = rng.random(1500) < 0.05
    new[hit, :, :2] = 0
    pair = Pair(CELLS, METRICS["entity_f1"], [str(i) for i in range(1500)], (0,), (base,), (new,), 0.01)
    check = judge([pair])[0]
    assert check.outcome == "regression"
    assert check.low < check.change < check.high < 0
    assert judge([replace(pair, new=(base,))])[0].method == "identical"


def test_a_correlation_has_no_sums_and_is_judged_all_the_same() -> None:
    rng = np.random.default_rng(2)
    gold = rng.random(150)
    good = gold + rng.normal(0, 0.1, 150)
    bad = np.where(rng.random(150) < 0.3, rng.random(150), good)
    runs = [(np.stack([prediction, gold], axis=1),) for prediction in (good, bad)]
    pair = Pair(CELLS, METRICS["spearman"], [str(i) for i in range(150)], (0,), *runs, 0.01)
    assert judge([pair])[0].outcome == "regression"
    back = judge([replace(pair, base=pair.new, new=pair.base)])[0]
    assert back.outcome == "pass"


def test_of_an_error_more_is_worse() -> None:
    rng = np.random.default_rng(3)

    def runs(errors: np.ndarray) -> tuple[np.ndarray]:
        return (np.stack([errors, errors**2, errors, errors, np.ones_like(errors)], axis=1),)

    errors = rng.random(400)
    pair = Pair(CELLS, METRICS["mae"], [str(i) for i in range(400)], (0,), runs(errors), runs(errors * 1.2), 0.005)
    check = judge([pair])[0]
    assert (check.outcome, check.change > 0, check.worse > 0) == ("regression", True, True)
    assert judge([replace(pair, base=pair.new, new=pair.base)])[0].outcome == "pass"


def test_labels_that_only_one_side_predicts_change_no_score() -> None:
    base, new = (np.array([[[1, 1, 1], [0, 0, 0]]] * 50), np.array([[[1, 1, 1], [0, 0, 0], [0, 0, 0]]] * 50))
    pair = Pair(CELLS, METRICS["macro_f1"], [str(i) for i in range(50)], (0,), (base,), (new,), 0.01)
    assert judge([pair])[0].method == "identical"


def correlations(*predictions: np.ndarray) -> tuple[np.ndarray, ...]:
    gold = np.arange(30.0)
    return tuple(np.stack([one, gold], axis=1) for one in predictions)


def test_a_score_that_became_undefined_is_a_regression_and_says_so() -> None:
    fine, constant = np.arange(30.0), np.full(30, 2.0)
    pair = Pair(CELLS, METRICS["spearman"], [str(i) for i in range(30)], (0,), (), (), 0.01)
    lost = judge([replace(pair, base=correlations(fine), new=correlations(constant))])[0]
    assert lost.outcome == "regression"
    assert lost.note == "undefined in new, defined in base"
    nan = judge([replace(pair, base=correlations(fine), new=correlations(np.full(30, np.nan)))])[0]
    assert nan.outcome == "regression"
    seeds = replace(pair, seeds=(4, 7), base=correlations(fine, fine), new=correlations(fine, constant))
    assert judge([seeds])[0].note == "undefined in new (seeds 7), defined in base"
    assert judge([seeds])[0].outcome == "regression"
    assert worst_first([lost, verdict(2000, 1500, 60, 10)])[0] is lost


def test_an_undefined_base_is_undecided_and_no_seeds_are_asked_for() -> None:
    fine, constant, other = np.arange(30.0), np.full(30, 2.0), np.full(30, 3.0)
    pair = Pair(CELLS, METRICS["spearman"], [str(i) for i in range(30)], (0,), (), (), 0.01)
    found = judge([replace(pair, base=correlations(constant), new=correlations(fine))])[0]
    assert (found.outcome, found.note) == ("inconclusive", "undefined in base: there is nothing to lose")
    assert "settle" not in sentence(found)
    assert "detectable" not in sentence(found)
    both = judge([replace(pair, base=correlations(constant), new=correlations(other))])[0]
    assert (both.outcome, both.note) == ("inconclusive", "undefined in base and in new: there is nothing to lose")


def test_precision_of_a_tagger_that_finds_nothing_any_more_is_a_regression() -> None:
    base = entity_runs(np.random.default_rng(1), 50, 0.2)
    new = base.copy()
    new[:, :, :2] = 0
    pair = Pair(CELLS, METRICS["entity_precision"], [str(i) for i in range(50)], (0,), (base,), (new,), 0.01)
    assert judge([pair])[0].outcome == "regression"
