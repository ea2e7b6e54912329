"""Readout, order of targets, memory that runs out, and the padded trunk beside the packed one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fmbench.engine.classifier import Classifier, SentenceEmbedder, read, vectors
from fmbench.engine.devices import out_of_memory
from fmbench.engine.packed import PackedEncoder
from fmbench.engine.predict import run_batches, softmax
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.trunks import PaddedTrunk, execution_path, hidden_state, hidden_states, trunk_of

SIZES = {
    "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32
}  # fmt: skip
lengths_lists = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def network(kind: str = "bert") -> transformers.PreTrainedModel:
    torch.manual_seed(0)
    config = {
        "bert": transformers.BertConfig(**SIZES),
        "roberta": transformers.RobertaConfig(**SIZES, pad_token_id=1, max_position_embeddings=64),
        "albert": transformers.AlbertConfig(**SIZES, embedding_size=8),
    }[kind]
    return transformers.AutoModel.from_config(config).eval()


def make(lengths: list[int], targets: list[int] | None = None) -> Sequences:
    """Sequences whose ids are their positions; `targets` says how many positions of each are read."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(offsets[-1])
    if targets is None:
        return Sequences(ids, offsets)
    reads = [offsets[i] + np.arange(count) % lengths[i] for i, count in enumerate(targets)]
    return Sequences(ids, offsets, np.concatenate(reads).astype(np.int64), np.concatenate([[0], np.cumsum(targets)]))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_the_padded_trunk_equals_the_packed_one(kind: str) -> None:
    model = network(kind)
    packed, padded = trunk_of(model, 0.0).eval(), PaddedTrunk(model)
    assert isinstance(packed, PackedEncoder)
    assert (execution_path(packed), execution_path(padded)) == ("packed", "padded")
    assert packed.hidden_size == padded.hidden_size == 16
    lengths = torch.tensor([5, 1, 17, 17, 3])
    ids = torch.randint(2, 100, (43,), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(packed(ids, lengths), padded(ids, lengths), atol=1e-5, rtol=0)
        ours, theirs = hidden_states(packed, ids, lengths), hidden_states(padded, ids, lengths)
        assert len(ours) == len(theirs) == 3
        for layer, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
            for trunk in (packed, padded):
                torch.testing.assert_close(hidden_state(trunk, ids, lengths, layer), a, atol=1e-5, rtol=0)


def test_other_architectures_are_padded_and_see_no_padding() -> None:
    trunk = trunk_of(network("albert"))
    assert execution_path(trunk) == "padded"
    ids = torch.randint(2, 100, (9,), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = trunk(ids, torch.tensor([2, 7]))
        alone = torch.cat([trunk(ids[:2], torch.tensor([2])), trunk(ids[2:], torch.tensor([7]))])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@given(lengths_lists)
def test_readout_equals_the_naive_one(lengths: list[int]) -> None:
    hidden = torch.randn(sum(lengths), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = Batch(torch.zeros(sum(lengths), dtype=torch.int64), torch.tensor(lengths), None)
    parts = hidden.split(lengths)
    torch.testing.assert_close(read(hidden, batch, "mean"), torch.stack([part.mean(0) for part in parts]))
    assert torch.equal(read(hidden, batch, "cls"), torch.stack([part[0] for part in parts]))
    reads = torch.tensor([len(hidden) - 1, 0, 0])
    for pooling in ("mean", "cls"):
        assert torch.equal(read(hidden, Batch(batch.input_ids, batch.lengths, reads), pooling), hidden[reads])


@settings(deadline=None)
@given(lengths_lists, st.integers(1, 40), st.data())
def test_targets_come_back_in_their_order(lengths: list[int], budget: int, draw: st.DataObject) -> None:
    counts = draw.draw(st.none() | st.lists(st.integers(0, 5), min_size=len(lengths), max_size=len(lengths)))
    sequences = make(lengths, counts)

    def compute(batch: Batch) -> Tensor:
        assert len(batch.lengths) == 1 or len(batch.input_ids) <= budget
        chosen = read(batch.input_ids[:, None].double(), batch, "cls")
        return torch.cat([chosen, -chosen], dim=1)

    found = run_batches(compute, sequences, 2, "cpu", budget)
    wanted = sequences.offsets[:-1] if counts is None else sequences.reads
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack([wanted, -wanted], axis=1))


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("can't allocate memory: 12 bytes")])
def test_when_memory_runs_out_the_budget_is_halved(error: RuntimeError) -> None:
    sequences = make([3, 9, 4, 4, 8, 1, 6, 7, 2], [1, 2, 0, 3, 1, 1, 2, 1, 1])
    sizes: list[int] = []

    def compute(batch: Batch) -> Tensor:
        sizes.append(len(batch.input_ids))
        if len(batch.input_ids) > 10:
            raise error
        return batch.input_ids[batch.reads][:, None]

    found = run_batches(compute, sequences, 1, "cpu", 40)
    np.testing.assert_array_equal(found[:, 0], sequences.reads)
    too_large = [size for size in sizes if size > 10]
    assert len(too_large) == 2
    assert too_large[0] > 20 >= too_large[1]
    assert max(sizes[2:]) <= 10


def test_a_sequence_that_does_not_fit_and_other_errors_are_raised() -> None:
    def full(batch: Batch) -> Tensor:
        raise torch.OutOfMemoryError("full")

    def wrong(batch: Batch) -> Tensor:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(torch.OutOfMemoryError):
        run_batches(full, make([3, 4, 5]), 1, "cpu")
    with pytest.raises(RuntimeError, match="shapes"):
        run_batches(wrong, make([3, 4, 5]), 1, "cpu")
    assert not out_of_memory(RuntimeError("shapes do not fit"))


def test_softmax_is_stable_and_sums_to_one() -> None:
    found = softmax(np.array([[1e4, 1e4, -1e4], [0, 1, 2]], dtype=np.float32))
    np.testing.assert_allclose(found[0], [0.5, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(found[1], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-12)
    assert softmax(np.zeros((0, 3), dtype=np.float32)).shape == (0, 3)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("reads", [None, [4, 0, 22, 22]])
def test_reading_only_what_is_wanted_gives_the_same(pooling: str, reads: list[int] | None) -> None:
    model = network()
    lengths = torch.tensor([5, 1, 17])
    ids = torch.randint(2, 100, (23,), generator=torch.Generator().manual_seed(1))
    batch = Batch(ids, lengths, None if reads is None else torch.tensor(reads))
    for trunk in (trunk_of(model, 0.0).eval(), PaddedTrunk(model)):
        with torch.no_grad():
            found = vectors(trunk, batch, pooling)
            torch.testing.assert_close(found, read(trunk(ids, lengths), batch, pooling), atol=1e-5, rtol=0)


def test_stored_states_enter_where_they_came_from() -> None:
    trunk = trunk_of(network(), 0.0).eval()
    head = Classifier(trunk, 2).eval()
    lengths = torch.tensor([5, 1, 17])
    ids = torch.randint(2, 100, (23,), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        states = hidden_state(trunk, ids, lengths, 1)
        torch.testing.assert_close(head(Batch(ids, lengths, None, states, 1)), head(Batch(ids, lengths, None)))


def test_sentence_vectors_have_length_one() -> None:
    embed = SentenceEmbedder(trunk_of(network(), 0.0)).eval()
    with torch.no_grad():
        found = embed(Batch(torch.arange(2, 12), torch.tensor([4, 6]), None))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    assert found.shape == (2, embed.width)
