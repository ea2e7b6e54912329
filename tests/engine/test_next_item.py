"""Training of next-item networks: what counts in the loss, when it ends, and that a seed gives the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from fmbench.engine.context import FitContext
from fmbench.engine.next_item import _batches, _loss, _padded, fit_next_item
from fmbench.errors import CellFailed, Place
from fmbench.registry import KINDS, LOADERS
from fmbench.suite.schema import Model, ModelFile
from fmbench.tasks.examples import Examples

LOADED = ["gru4rec", "sasrec"]


def model(loader: str, **settings: Any) -> Any:
    owner = LOADERS[loader]
    own = owner.Settings(**{"hidden_size": 8, "epochs": 3, "batch_size": 8, **settings})
    return owner.load(Model(ModelFile(name=loader, loader=loader), own, Path(), Place("here")))


def data(n: int = 24, size: int = 12) -> Examples:
    columns = {
        "user": [str(i) for i in range(n)],
        "history": [[(i + k) % size for k in range(3)] for i in range(n)],
        "item": [(i + 3) % size for i in range(n)],
    }
    table, kind = pa.table(columns), KINDS["sequential-recommendation"]
    side = {"items": pa.table({"item": [str(i) for i in range(size)], "count": [1] * size})}
    return Examples(kind, (), table, table, None, side, kind.Options())


@pytest.mark.parametrize("loader", LOADED)
def test_no_place_sees_what_comes_after_it(loader: str) -> None:
    torch.manual_seed(0)
    network = model(loader).build(9).eval()
    first, second = torch.tensor([[1, 2, 3, 0]]), torch.tensor([[1, 2, 7, 8]])
    with torch.no_grad():
        a, b, alone = network(first), network(second), network(first[:, :3])
    torch.testing.assert_close(a[:, :2], b[:, :2])
    torch.testing.assert_close(a[:, :3], alone)
    assert not torch.allclose(a[:, 2], b[:, 2])


@pytest.mark.parametrize("loader", LOADED)
def test_the_same_seed_gives_the_same_ranking_and_another_seed_another(loader: str) -> None:
    runs = [fit_next_item(model(loader), data(), FitContext(seed, "cpu", lambda found: 0.0)) for seed in (1, 1, 2)]
    inputs = data().inputs(data().train)
    scores = [predictor.score(inputs) for predictor, _ in runs]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_the_best_epoch_on_validation_is_kept_and_patience_ends_training() -> None:
    found: list[np.ndarray] = []
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.9])

    def validate(ranking: np.ndarray) -> float:
        found.append(ranking)
        return next(scores)

    own = model("gru4rec", epochs=9, patience=2)
    predictor, training = fit_next_item(own, data(), FitContext(0, "cpu", validate))
    assert (training.scores, training.best_epoch, len(training.losses)) == ([0.1, 0.5, 0.4, 0.3], 2, 4)
    np.testing.assert_array_equal(predictor.predict(data().inputs(data().validation)), found[1])


def test_a_history_of_nothing_scores_everything_the_same() -> None:
    predictor, _ = fit_next_item(model("sasrec"), data(), FitContext(0, "cpu", lambda found: 0.0))
    assert (predictor.score([["u", []]]) == 0).all()
    long = [["u", [i % 12 for i in range(200)]]]
    np.testing.assert_allclose(predictor.score(long), predictor.score([["u", long[0][1][-50:]]]), atol=1e-6)


def test_the_full_loss_is_the_cross_entropy_over_all_items() -> None:
    torch.manual_seed(0)
    network = model("gru4rec").build(6).eval()
    batch = torch.tensor([[1, 2, 3], [4, 5, 0]])
    states, table = network(batch[:, :-1]), network.items.weight[1:]
    expected = [
        -torch.log_softmax(states[i, t] @ table.T, dim=0)[batch[i, t + 1] - 1] for i, t in ((0, 0), (0, 1), (1, 0))
    ]
    found = _loss(network, batch, 6, 0, np.random.default_rng(0))
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_batches_hold_every_history_once_and_padding_stands_at_the_end() -> None:
    histories = [np.arange(1 + i % 7) for i in range(100)]
    batches = list(_batches(histories, 8, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(100))
    assert _padded([[4, 0], [2], []]).tolist() == [[5, 1], [3, 0], [0, 0]]


def test_out_of_time_and_nothing_to_learn_fail_the_cell() -> None:
    with pytest.raises(CellFailed, match="out of time"):
        fit_next_item(model("gru4rec"), data(), FitContext(0, "cpu", lambda found: 0.0, deadline=-1.0))
    empty = pa.table({"user": ["a"], "history": pa.array([[]], pa.list_(pa.int64())), "item": [0]})
    nothing = Examples(KINDS["sequential-recommendation"], (), empty, empty, None, data().side, data().options)
    with pytest.raises(CellFailed, match="no user of the train split has two items"):
        fit_next_item(model("gru4rec"), nothing, FitContext(0, "cpu", lambda found: 0.0))
