"""The limits that docs/gate.md puts beside the gate's power: known values, and that McNemar's test stays below."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from benchmarks.gate_limits import paired_shares, students_t


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05])
def test_without_a_loss_the_best_test_calls_alpha(alpha: float) -> None:
    assert paired_shares(500, 0.03, 0.03, alpha) == pytest.approx(alpha)
    assert students_t(0.0, 1.0, 2, alpha) == pytest.approx(alpha)


def test_the_exact_mcnemar_test_comes_close_and_never_above() -> None:
    n, lost, gained, alpha = 200, 0.12, 0.04, 0.01
    counts = np.array([(b, c) for b in range(70) for c in range(40)])
    chances = multinomial.pmf(np.column_stack([counts, n - counts.sum(axis=1)]), n, [lost, gained, 1 - lost - gained])
    called = binom.cdf(counts[:, 1], counts.sum(axis=1), 0.5) < alpha
    power = float(chances[called].sum())
    assert chances.sum() == pytest.approx(1, abs=1e-6)
    assert power < paired_shares(n, lost, gained, alpha) < power + 0.1


def test_more_seeds_and_less_noise_show_more() -> None:
    assert students_t(0.02, 0.005, 2) < students_t(0.02, 0.005, 4) < students_t(0.02, 0.004, 4)
