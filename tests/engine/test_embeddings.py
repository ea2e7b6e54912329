"""Training only the reached rows of an embedding table gives what training all of it gives."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from fmbench.engine.classifier import Classifier
from fmbench.engine.context import FitContext
from fmbench.engine.embeddings import ReachedRows, only_reached_rows
from fmbench.engine.objective import CrossEntropy
from fmbench.engine.predict import predict, softmax
from fmbench.engine.sequences import Sequences
from fmbench.engine.train import TrainSettings, train
from fmbench.engine.trunks import trunk_of

CONFIG = BertConfig(
    vocab_size=90,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=20,
)


def sequences(seed: int, low: int, high: int) -> Sequences:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 20, 24)
    return Sequences(rng.integers(low, high, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]))


def scores(model: Classifier, sequences: Sequences) -> np.ndarray:
    return softmax(predict(model, sequences, "cpu"))


def fitted(network: BertModel, data: Sequences, other: Sequences, reached_only: bool) -> tuple[BertModel, np.ndarray]:
    torch.manual_seed(0)
    model = Classifier(trunk_of(network, 0.0), 2, dropout=0.0)
    settings = TrainSettings(epochs=3, batch_size=8, learning_rate=1e-2, weight_decay=0.0, clip_norm=0.5)
    targets = np.arange(len(data)) % 2
    context = FitContext(0, "cpu", lambda scores: float(scores[:, 0].mean()))
    ids = data.ids if reached_only else np.arange(CONFIG.vocab_size)
    with only_reached_rows(network, ids):
        objective = CrossEntropy(data, targets)
        train(model, objective, lambda: scores(model, other), settings, context, np.random.default_rng(0))
        inside = scores(model, other)
    np.testing.assert_allclose(scores(model, other), inside, atol=1e-6)
    return network, inside


def test_weights_and_predictions_are_those_of_training_the_whole_table() -> None:
    torch.manual_seed(1)
    network = BertModel(CONFIG)
    pretrained = network.get_input_embeddings().weight.detach().clone()
    data, unseen = sequences(0, 1, 40), sequences(1, 30, 90)
    part, scores_part = fitted(copy.deepcopy(network), data, unseen, reached_only=True)
    whole, scores_whole = fitted(copy.deepcopy(network), data, unseen, reached_only=False)
    np.testing.assert_allclose(scores_part, scores_whole, atol=1e-5)
    for (name, one), (_, other) in zip(part.named_parameters(), whole.named_parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4, msg=name)
    table = part.get_input_embeddings()
    assert type(table) is torch.nn.Embedding and table.weight.requires_grad
    reached = np.unique(data.ids)
    others = np.setdiff1d(np.arange(CONFIG.vocab_size), reached)
    assert torch.equal(table.weight[others], pretrained[others])
    assert not torch.equal(table.weight[reached], pretrained[reached])


def test_only_the_reached_rows_are_parameters() -> None:
    table = torch.nn.Embedding(50, 4)
    part = ReachedRows(table, np.array([3, 7, 7, 3, 9]))
    assert [tuple(p.shape) for p in part.parameters() if p.requires_grad] == [(3, 4)]
    ids = torch.tensor([[0, 3], [9, 49]])
    assert torch.equal(part.eval()(ids), table(ids))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_table_is_left_as_it_is(frozen: bool) -> None:
    network = BertModel(CONFIG)
    table = network.get_input_embeddings().requires_grad_(not frozen)
    with only_reached_rows(network, np.array([1, 2])):
        assert (network.get_input_embeddings() is table) == frozen
    assert network.get_input_embeddings() is table
    assert table.weight.requires_grad == (not frozen)
