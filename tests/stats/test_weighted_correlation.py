"""Weighted correlations against scipy: on the full sample, on copied-out resamples, with ties and constants."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr

from fmbench.stats.bootstrap import resampled_weights
from fmbench.stats.correlation import pearson, spearman

OURS: dict[str, Callable[..., np.ndarray]] = {"pearson": pearson, "spearman": spearman}
THEIRS: dict[str, Callable[..., tuple[float, float]]] = {"pearson": pearsonr, "spearman": spearmanr}
both = pytest.mark.parametrize("name", OURS)
tied = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2)), min_size=2, max_size=25)
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


def whole(name: str, x: np.ndarray, y: np.ndarray) -> float:
    return float(OURS[name](x, y, np.ones((1, len(x))))[0])


def reference(name: str, x: np.ndarray, y: np.ndarray) -> float:
    """scipy's coefficient, NaN where a variable is constant."""
    if len(set(x)) < 2 or len(set(y)) < 2:
        return float("nan")
    return float(THEIRS[name](x, y)[0])


@pytest.mark.data
@both
def test_the_columns_of_sts_benchmark(name: str, public_data: Path) -> None:
    with gzip.open(public_data / "stsb" / "stsb-en-dev.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    score = np.array([float(row[2]) for row in rows])
    overlap = np.array([len({*row[0].split()} & {*row[1].split()}) for row in rows], dtype=np.float64)
    lengths = np.array([abs(len(row[0]) - len(row[1])) for row in rows], dtype=np.float64)
    for x in (overlap, lengths, overlap / (1 + lengths)):
        assert whole(name, x, score) == pytest.approx(THEIRS[name](x, score)[0], abs=1e-12)


@both
@given(tied)
def test_ties_and_constants_are_those_of_scipy(name: str, pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=np.float64).T
    assert whole(name, x, y) == pytest.approx(reference(name, x, y), abs=1e-9, nan_ok=True)


@both
@given(tied, st.integers(0, 1000))
def test_a_weighting_is_the_sample_that_it_stands_for(name: str, pairs: list[tuple[int, int]], seed: int) -> None:
    x, y = np.array(pairs, dtype=np.float64).T
    (weights,) = resampled_weights(len(x), 20, np.random.default_rng(seed))
    found = OURS[name](x, y, weights)
    for value, counts in zip(found, weights.astype(int), strict=True):
        drawn = np.repeat(np.arange(len(x)), counts)
        assert value == pytest.approx(reference(name, x[drawn], y[drawn]), abs=1e-9, nan_ok=True)


@given(st.lists(numbers, min_size=3, max_size=30, unique=True), st.integers(0, 1000))
def test_spearman_sees_only_the_order(values: list[float], seed: int) -> None:
    x = np.array(values)
    y = np.random.default_rng(seed).permutation(x)
    assert whole("spearman", x, y) == whole("spearman", rankdata(x), y) == whole("spearman", y, x)
    assert whole("spearman", -x, y) == -whole("spearman", x, y)
    assert whole("spearman", x, rankdata(x) ** 3) == 1.0


@both
@pytest.mark.parametrize("shift", [0.0, 1e9, -1e12])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_neither_place_nor_scale_matters(name: str, shift: float, scale: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 1000, 50).astype(np.float64), rng.normal(size=50)
    assert whole(name, (x + shift) * scale, y) == pytest.approx(whole(name, x, y), abs=1e-6)


@both
@pytest.mark.parametrize("bad", [[0.1] * 3, [np.nan, 1.0, 2.0], [np.inf, 1.0, 2.0]])
def test_what_is_constant_or_not_finite_has_no_correlation(name: str, bad: list[float]) -> None:
    values, other = np.array(bad), np.array([1.0, 2.0, 4.0])
    assert np.isnan(whole(name, values, other))
    assert np.isnan(whole(name, other, values))


@both
def test_a_draw_of_one_value_has_no_correlation(name: str) -> None:
    x, y = np.array([0.1, 0.1, 0.7]), np.array([0.3, 0.4, 0.5])
    found = OURS[name](x, y, np.array([[2, 1, 0], [3, 0, 0], [1, 1, 1]]))
    assert np.isnan(found).tolist() == [True, True, False]
