"""`probe` on recommendation: a head on the items' texts that ranks what nobody took, and users who took nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from choosers import encoder, taken

from fmbench.adapt.probe import Probe
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.errors import CellFailed
from fmbench.tasks.examples import Examples

TOOLS = ["a hammer", "a saw", "a drill", "a wrench", "a chisel"]
CAKES = ["a cherry cake", "an apple pie", "a chocolate tart", "a cream bun", "a lemon cake"]


def opposites(texts: list[str] | None = None, validation: bool = True) -> Examples:
    """Who took a tool takes a cake next and the other way round; nobody took the last of each."""
    rows = [[5 * ((i + k) % 2) + (i + 2 * k) % 4 for k in range(4)] for i in range(16)]
    return taken(rows, TOOLS + CAKES if texts is None else texts, 8 if validation else 0)


def about(data: Examples, cache: Path, seed: int = 0) -> FitContext:
    def validate(rankings: np.ndarray) -> float:
        return float((rankings[:, :2] == data.targets(data.validation)[:, None]).any(axis=1).mean())

    return FitContext(seed, "cpu", validate, cache=ArrayCache(cache))


def test_the_head_learns_what_cosines_cannot_know_and_ranks_items_that_nobody_took(tmp_path: Path) -> None:
    data = opposites()
    fitted = Probe.fit(encoder(), data, Probe.Settings(C=[0.3, 3.0]), about(data, tmp_path))
    ranked = fitted.predictor.predict([["new", [0]], ["new", [5]], ["new", [4]], ["new", []]])
    assert set(ranked[0, :4].tolist()) <= {5, 6, 7, 8, 9}
    assert set(ranked[1, :4].tolist()) <= {0, 1, 2, 3, 4}
    assert 9 in ranked[0, :5]
    assert 4 in ranked[1, :5]
    assert 4 not in ranked[2]
    assert sorted(ranked[3, :10].tolist()) == [*range(10)]
    k = fitted.notes["components"]
    assert fitted.trainable_parameters == k * (k + 1)


def test_seeds_agree_and_share_the_fit(tmp_path: Path) -> None:
    data = opposites()
    inputs = data.inputs(data.train)
    found = [
        Probe.fit(encoder(), data, Probe.Settings(layers=[-1]), about(data, tmp_path / str(seed // 2), seed)).predictor
        for seed in (0, 1, 2)
    ]
    np.testing.assert_array_equal(found[0].predict(inputs), found[1].predict(inputs))
    np.testing.assert_array_equal(found[0].predict(inputs), found[2].predict(inputs))


def test_without_validation_rows_nothing_is_chosen(tmp_path: Path) -> None:
    data = opposites(validation=False)
    fitted = Probe.fit(encoder(), data, Probe.Settings(C=[0.1, 3.0, 30.0]), about(data, tmp_path))
    assert (fitted.notes["layer"], fitted.notes["C"]) == (6, 3.0)


def test_what_cannot_be_probed_says_so(tmp_path: Path) -> None:
    data = opposites([""] * 10)
    with pytest.raises(CellFailed, match="have no texts, or all the same"):
        Probe.fit(encoder(), data, Probe.Settings(), about(data, tmp_path))
    empty = Examples(data.kind, (), data.train.slice(0, 0), data.validation, None, opposites().side, data.options)
    with pytest.raises(CellFailed, match="no interactions to train on"):
        Probe.fit(encoder(), empty, Probe.Settings(), about(data, tmp_path))
    with pytest.raises(CellFailed, match="no layer 9"):
        Probe.fit(encoder(), opposites(), Probe.Settings(layers=[9]), about(data, tmp_path))
