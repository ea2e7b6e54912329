"""`finetune` on recommendation: the encoder learns what a head on frozen vectors of the texts cannot rank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from choosers import encoder, taken

from fmbench.adapt.adaptation import Fitted
from fmbench.adapt.finetune import Finetune
from fmbench.adapt.probe import Probe
from fmbench.engine import taste
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.errors import CellFailed
from fmbench.tasks.examples import Examples

THINGS = ["hammer", "cherry cake", "violin", "tent", "lamp", "coat", "parrot", "river map"]
TEXTS = [f"A {thing}, {size} edition." for size in ("small", "large") for thing in THINGS]
SETTINGS = Finetune.Settings(epochs=6, batch_size=16, learning_rate=3e-4, dropout=0.0, frozen_layers=5)


def sizes(validation: bool = True) -> Examples:
    """Five in six of what is taken is large, of whatever thing; nobody took the last two things of either size."""
    rng = np.random.default_rng(0)
    large = [[int((user + k) % 6 > 0) for k in range(3)] for user in range(48)]
    rows = [[8 * size + int(thing) for size, thing in zip(one, rng.permutation(6), strict=False)] for one in large]
    return taken(rows, TEXTS, 24 if validation else 0)


def about(data: Examples, cache: Path, seed: int = 0) -> FitContext:
    return FitContext(seed, "cpu", large_first, cache=ArrayCache(cache))


def large_first(rankings: np.ndarray) -> float:
    """The share of large things among the first five."""
    return float((rankings[:, :5] >= 8).mean())


def fit(folder: Path, seed: int = 0, data: Examples | None = None, **changed: Any) -> Fitted:
    data = data or sizes()
    return Finetune.fit(encoder(), data, SETTINGS.model_copy(update=changed), about(data, folder, seed))


@pytest.fixture(autouse=True)
def _two_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the head sees of a text: things, which differ more than sizes do."""
    monkeypatch.setattr(taste, "COMPONENTS", 2)


def test_the_encoder_learns_what_the_head_cannot_see_and_ranks_items_that_nobody_took(tmp_path: Path) -> None:
    data = sizes()
    readers = data.inputs(data.validation)
    frozen = Probe.fit(encoder(), data, Probe.Settings(layers=[-1]), about(data, tmp_path)).predictor.predict(readers)
    trained = fit(tmp_path)
    found = trained.predictor.predict(readers)
    assert large_first(frozen) < 0.6
    assert large_first(found) > 0.75
    assert trained.notes["kept"] == "trained"
    assert max(trained.curves["validation"]) > trained.notes["validation_frozen"]
    assert trained.trainable_parameters > 1_000_000
    for (_, history), row in zip(readers, found.tolist(), strict=True):
        assert set(row) - {-1} == set(range(16)) - set(history)


def test_a_seed_decides_everything(tmp_path: Path) -> None:
    once, again, other = (fit(tmp_path / str(i), seed, epochs=1, dropout=0.1) for i, seed in enumerate((0, 0, 1)))
    assert once.curves == again.curves
    np.testing.assert_array_equal(once.predictor.predict(inputs()), again.predictor.predict(inputs()))
    assert once.curves["train_loss"] != other.curves["train_loss"]


def test_training_reads_no_text_of_items_that_nobody_took(tmp_path: Path) -> None:
    data, found = sizes(validation=False), []
    for texts in (TEXTS, [text if i % 8 < 6 else "A large hammer." for i, text in enumerate(TEXTS)]):
        items = data.side["items"].set_column(1, "text", pa.array(texts))
        found.append(fit(tmp_path, data=replace(data, side={"items": items}), epochs=1).curves["train_loss"])
    assert found[0] == found[1]


def test_the_probe_stays_where_training_does_harm(tmp_path: Path) -> None:
    data = sizes()
    frozen = Probe.fit(encoder(), data, Probe.Settings(layers=[-1]), about(data, tmp_path))
    context = replace(about(data, tmp_path), validate=lambda rankings: -float((rankings != start).any()))
    start = frozen.predictor.predict(data.inputs(data.validation))
    trained = Finetune.fit(encoder(), data, SETTINGS.model_copy(update={"epochs": 1}), context)
    assert trained.notes["kept"] == "frozen"
    assert trained.curves["validation"] == [-1.0]


def test_without_validation_rows_the_last_epoch_is_kept(tmp_path: Path) -> None:
    trained = fit(tmp_path, data=sizes(validation=False), epochs=2)
    assert (trained.notes["kept"], trained.notes["best_epoch"]) == ("trained", 2)


def test_what_it_cannot_train_on_says_so(tmp_path: Path) -> None:
    data = sizes()
    empty = replace(data, train=data.train.slice(0, 0))
    with pytest.raises(CellFailed, match="no interactions to train on"):
        fit(tmp_path, data=empty)
    with pytest.raises(CellFailed, match="frozen_layers: 9, but this model has 6"):
        fit(tmp_path, frozen_layers=9)


def inputs() -> list[Any]:
    return [["new", [item]] for item in range(6)]
