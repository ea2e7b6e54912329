"""What benchmarks.gate reports is what happened: rules fire when they must, and simulated losses have their size."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gate_quality import accuracy, entities, false_alarms, trained
from benchmarks.gate_speed import PEERS, Record, alarms, ours
from fmbench.gate.quality import compare


def test_simulated_losses_have_the_size_they_are_said_to_have() -> None:
    rng = np.random.default_rng(0)
    check = compare(accuracy(rng, 200_000, 1, 0.06, 0.02))
    assert check.base == pytest.approx(0.8, abs=0.005)
    assert check.change == pytest.approx(-0.02, abs=0.003)
    assert check.lost is not None and check.gained is not None
    assert (check.lost + check.gained) / check.n == pytest.approx(0.06, abs=0.005)
    assert compare(entities(rng, 20_000, 1, 0.034)).change == pytest.approx(-0.02, abs=0.004)
    assert compare(entities(rng, 20_000, 1, 0.0)).change == pytest.approx(0.0, abs=0.004)


def test_a_few_simulated_reports_are_counted() -> None:
    rates = false_alarms(2)
    assert len(rates) == 7
    for rate in rates:
        assert rate.trials == 2
        assert rate.regressions + rate.passes <= 2


def test_unrelated_training_runs_have_the_noise_they_are_given() -> None:
    pair = trained(np.random.default_rng(1), 4000, 200, 0.02, 0.01)
    base, new = (np.array([run[:, 0, 0].mean() for run in side]) for side in (pair.base, pair.new))
    assert base.mean() - new.mean() == pytest.approx(0.02, abs=0.005)
    assert base.std(ddof=1) == pytest.approx((0.01**2 + 0.1525 / 4000) ** 0.5, rel=0.2)


def test_peers_see_a_large_slowdown_and_none_in_equal_samples() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(1, 0.001, 30)
    for name, rule in PEERS.items():
        assert rule(base, 1.5 * rng.permutation(base)), name
        assert not rule(base, rng.permutation(base)), name


def test_the_recorded_rounds_give_a_share_for_each_rule() -> None:
    rng = np.random.default_rng(0)
    samples = np.exp(rng.normal(0, 0.01, (6, 3, 30)))
    found = alarms(Record(samples, samples), trials=2, slowdowns=(0.0, 0.5))
    assert len(found) == len(PEERS) + 2
    for name, (nothing, half) in found.items():
        assert (nothing, half) == (pytest.approx(0, abs=0.06), 1.0), name
    assert ours(samples, 0.0, rng) == "pass"
