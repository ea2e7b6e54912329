"""The bars of entity F1: both sides find the same number, on all of the test split."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scoring
from benchmarks.bars import BARS


def test_both_sides_find_the_same_f1(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    table = scoring.predictions()
    f1 = scoring.ours(table)
    assert f1 == pytest.approx(
        scoring.seqevals(*(table[name].to_pylist() for name in ("gold", "prediction"))), abs=1e-12
    )
    low, high = scoring.with_interval(table)
    assert len(table) > 3000
    assert 0.5 < low < f1 < high < 1
    assert {"entity-f1", "entity-f1-interval"} <= {bar.name for bar in BARS}
