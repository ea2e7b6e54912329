"""The work of the bars: the same on both sides, and counted right."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import finetuning, trainer
from benchmarks.harness import Stopwatch, inside, watched
from benchmarks.pairs import Times
from benchmarks.quality import paired_difference
from benchmarks.roofline import Shape, against_roof
from benchmarks.workloads import batch_order, examples, fresh_cache, minilm
from fmbench.adapt.adaptation import Fitted
from fmbench.adapt.finetune import Finetune
from fmbench.engine.sequences import shuffled_batches
from fmbench.engine.trunks import trunk_of
from fmbench.tasks.examples import Examples


@pytest.fixture(params=["sst2", "conll2003"])
def data(request: pytest.FixtureRequest, public_data: Path, monkeypatch: pytest.MonkeyPatch) -> Examples:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    return examples(request.param, 64, 24)


SETTINGS = Finetune.Settings(epochs=2, batch_size=32, learning_rate=1e-4, dropout=0.0, precision="fp32")


def ours(data: Examples) -> np.ndarray:
    with fresh_cache() as cache:
        predictor = finetuning._fit((minilm(), cache), data, SETTINGS)
        return np.asarray(predictor.predict(data.inputs(data.validation)))


@pytest.mark.data
@pytest.mark.slow
def test_without_dropout_plain_training_of_the_peer_s_model_on_its_batches_ends_where_the_engine_does(
    data: Examples,
) -> None:
    peer = trainer.peer(data, SETTINGS, seed=0)
    rows, collator = peer.rows(peer.tokenizer())
    matrices = [p for p in peer.model.parameters() if p.ndim >= 2]
    others = [p for p in peer.model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    schedule = trainer.schedule(optimizer, 4, SETTINGS.warmup)
    for start in range(0, len(rows), 32):
        columns = [name for name in rows.column_names if name != "token_type_ids"]
        peer.model(
            **collator([{name: row[name] for name in columns} for row in rows.select(range(start, start + 32))])
        ).loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    np.testing.assert_allclose(peer.predict(data.inputs(data.validation)), ours(data), atol=1e-5)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="Trainer needs accelerate")
def test_without_dropout_trainer_ends_where_the_engine_does(data: Examples) -> None:
    peer = trainer.peer(data, SETTINGS, seed=0)
    assert peer.fit()["steps"] > 0
    np.testing.assert_allclose(peer.predict(data.inputs(data.validation)), ours(data), atol=1e-5)


@pytest.mark.data
def test_the_peer_freezes_the_embeddings_and_the_lower_layers(data: Examples) -> None:
    model = trainer.peer(data, SETTINGS, seed=0, frozen_layers=4).model
    trained = {name.rpartition("layer.")[2][0] for name, p in model.bert.encoder.named_parameters() if p.requires_grad}
    assert trained == {"4", "5"}
    assert not any(p.requires_grad for p in model.bert.embeddings.parameters())
    assert model.classifier.weight.requires_grad


def test_the_order_is_the_engine_s() -> None:
    rng = np.random.default_rng(3)
    epochs = [np.concatenate(list(shuffled_batches(96, 32, rng))) for _ in range(2)]
    np.testing.assert_array_equal(batch_order(96, 2, 3), np.concatenate(epochs))
    with pytest.raises(ValueError, match="no multiple of the batch size"):
        batch_order(97, 1, 0)


@pytest.mark.data
def test_the_paired_difference_of_a_system_with_itself_is_zero(data: Examples) -> None:
    targets = data.targets(data.validation)
    right = np.eye(len(data.outputs))[targets]
    same = paired_difference(data, data.validation, right, right)
    assert (same.ours, same.low, same.high) == (1, 0, 0)
    assert same.equal
    wrong = np.roll(right, 1, axis=1)
    worse = paired_difference(data, data.validation, wrong, right)
    assert worse.high < 0
    assert not worse.equal


def test_operations_of_a_forward_pass_by_hand() -> None:
    matrices = 2 * (4 * 384**2 + 2 * 384 * 1536) * 10
    attention = 2 * 2 * 10 * 10 * 384
    assert Shape(6, 384).forward_flops(np.array([10])) == 6 * (matrices + attention)
    assert Shape(6, 384).forward_flops(np.array([10, 10])) == 12 * (matrices + attention)


def test_the_count_agrees_with_the_engine_s_own() -> None:
    lengths = np.array([5, 24, 61])
    counted = trunk_of(minilm().network).flops(torch.from_numpy(lengths))
    assert Shape(6, 384).forward_flops(lengths) == counted


def test_the_roof_is_the_best_product_of_all_rounds() -> None:
    peer = {"whole": np.array([0.1, 0.1]), "gemm a": np.array([3.0, 2.0]), "gemm b": np.array([2.5, 4.0])}
    ours_s, roof = against_roof(Times({"ours": {"whole": np.array([4.0, 5.0])}, "peer": peer}), "whole")
    assert (roof / ours_s).tolist() == [0.5, 0.4]


def test_a_call_within_a_call_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 1.0, 3.0])  # one end: the inner call has none of its own
    monkeypatch.setattr("benchmarks.harness.time.perf_counter", lambda: next(ticks))
    watch = Stopwatch()
    inner = watch.around(lambda: None)
    watch.around(inner)()
    assert watch.seconds == 3


def test_predictions_after_a_fit_are_watched() -> None:
    class Predictor:
        path = "packed"

        def predict(self, inputs: Sequence[Any]) -> np.ndarray:
            return np.array([len(one) for one in inputs])

    watch = Stopwatch()
    fitted = watched(Fitted(Predictor(), 1, 1), watch)
    assert fitted.predictor.predict(["ab"]).tolist() == [2]
    assert watch.seconds > 0
    assert fitted.predictor.path == "packed"
    whole, model = inside(Times({"ours": {"whole": np.array([4.0]), "model": np.array([3.0])}}), "whole")
    assert (model / whole).tolist() == [0.75]
