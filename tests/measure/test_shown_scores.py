"""How scores are written for people."""

from __future__ import annotations

import pytest

from fmbench.measure.measurement import measured, score
from fmbench.stats.intervals import Interval


@pytest.mark.parametrize(
    ("metric", "value", "unit", "text"),
    [
        ("accuracy", 0.613, "", "accuracy 61.3 [51.3, 71.3]"),
        ("r2", 0.613, "", "r2 61.3 [51.3, 71.3]"),
        ("mae", 27.4, "", "mae 27.4 [27.3, 27.5]"),
        ("rmse", 2174.0, "", "rmse 2,174 [2,174, 2,174]"),
        ("ade", 0.613, "m", "ade 0.613 [0.513, 0.713] m"),
        ("evaluate:unknown", 0.613, "", "evaluate:unknown 61.3 [51.3, 71.3]"),
    ],
)
def test_shares_are_per_cent_and_open_scales_are_not(metric: str, value: float, unit: str, text: str) -> None:
    assert score(measured(metric, value, Interval(value - 0.1, value + 0.1, "bootstrap"), 9, unit=unit)) == text


def test_what_is_undefined_is_a_dash() -> None:
    assert score(measured("mae", float("nan"), Interval(float("nan"), float("nan"), "bootstrap"), 9)) == "mae – [–, –]"
