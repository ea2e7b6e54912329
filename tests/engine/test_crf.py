"""The chain: likelihood and marginals against all tag sequences counted out, and IOB2 kept."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from fmbench.engine.classifier import Classifier
from fmbench.engine.crf import CrfTagger, forbidden, log_partition, marginals, path_score
from fmbench.engine.sequences import Sequences

OUTPUTS = ("O", "B-x", "I-x")


@pytest.fixture
def tagger() -> CrfTagger:
    torch.manual_seed(0)
    trunk = torch.nn.Identity()
    trunk.hidden_size = 4
    model = CrfTagger(Classifier(trunk, 3), OUTPUTS)
    for parameter in (model.start, model.end, model.transitions):
        torch.nn.init.normal_(parameter)
    return model


def counted_out(model: CrfTagger, emissions: np.ndarray) -> tuple[float, np.ndarray]:
    """log of the partition and marginals [length, 3] from every sequence of tags."""
    start, between, end = (weight.detach().double().numpy() for weight in model.weights())
    marginal, total = np.zeros(emissions.shape), 0.0
    for path in product(range(3), repeat=len(emissions)):
        score = start[path[0]] + end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
        score += sum(between[a, b] for a, b in pairwise(path))
        total += np.exp(score)
        marginal[np.arange(len(path)), path] += np.exp(score)
    return float(np.log(total)), marginal / total


def test_marginals_and_partition_are_those_of_all_sequences(tagger: CrfTagger) -> None:
    lengths = [4, 1, 3]
    emissions = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    sequences = Sequences(np.zeros(8, np.int64), offsets, np.arange(8), offsets)
    found = marginals(tagger, emissions, sequences)
    chain = [weight.detach().double() for weight in tagger.weights()]
    for begin, end in pairwise(offsets):
        log_total, expected = counted_out(tagger, emissions[begin:end].astype(np.float64))
        np.testing.assert_allclose(found[begin:end], expected, atol=1e-9)
        one = torch.from_numpy(emissions[begin:end]).double()[None]
        assert float(log_partition(one, torch.ones(1, end - begin, dtype=torch.bool), *chain)) == pytest.approx(
            log_total
        )


def test_padding_changes_neither_partition_nor_path(tagger: CrfTagger) -> None:
    emissions = torch.randn(1, 3, 3).double()
    tags, chain = torch.tensor([[1, 2, 0]]), [weight.detach().double() for weight in tagger.weights()]
    real = torch.ones(1, 3, dtype=torch.bool)
    longer = torch.cat([emissions, torch.full((1, 2, 3), 7.0).double()], dim=1)
    longer_tags = torch.cat([tags, torch.zeros(1, 2, dtype=torch.int64)], dim=1)
    longer_real = torch.tensor([[True, True, True, False, False]])
    assert log_partition(longer, longer_real, *chain) == pytest.approx(log_partition(emissions, real, *chain).tolist())
    ours, again = path_score(emissions, tags, real, *chain), path_score(longer, longer_tags, longer_real, *chain)
    assert again.tolist() == pytest.approx(ours.tolist())


def test_what_iob2_forbids_has_no_probability(tagger: CrfTagger) -> None:
    first, between = forbidden(("O", "B-x", "I-x", "B-y", "I-y"))
    assert first.tolist() == [False, False, True, False, True]
    assert between[:, 2].tolist() == [True, False, False, True, True]
    emissions = np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 9.0]], dtype=np.float32)
    offsets = np.array([0, 2])
    found = marginals(tagger, emissions, Sequences(np.zeros(2, np.int64), offsets, np.arange(2), offsets))
    assert found[0, 2] == pytest.approx(0, abs=1e-12)
    assert found.sum(axis=1) == pytest.approx([1, 1])
