"""The bootstrap bars: both sides find the same interval, and the limit takes the peer's place."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.bars import BARS
from benchmarks.pairs import WHOLE, Times


def test_both_sides_find_the_same_interval() -> None:
    counts = statistics.counts()
    assert counts.shape == (10_000, 4, 3)
    ours, scipys = statistics.ours(counts), statistics.scipys(counts)
    assert ours == pytest.approx(scipys, abs=5e-4)
    assert ours[0] < 0.83 < ours[1] + 0.01


def test_the_limit_is_the_peer() -> None:
    ours, limit = statistics.against_limit(Times({"ours": {WHOLE: np.array([0.1, 0.4])}}), WHOLE)
    assert (limit / ours).tolist() == pytest.approx([2.0, 0.5])
    assert {"bootstrap", "bootstrap-scipy"} <= {bar.name for bar in BARS}
