"""Ragged sequences: batches are partitions, and targets are read from the right places."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from fmbench.engine.sequences import Sequences, shuffled_batches, token_budget_batches

lengths_of_sequences = st.lists(st.integers(0, 40), max_size=60)


@st.composite
def tagged(draw: st.DrawFn) -> Sequences:
    """Sequences whose ids are their positions, with some positions read, in any order."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    reads = [draw(st.lists(st.integers(int(start), int(end) - 1), max_size=6)) for start, end in pairwise(offsets)]
    flat = np.array([at for part in reads for at in part], dtype=np.int64)
    read_offsets = np.concatenate([[0], np.cumsum([len(part) for part in reads])])
    return Sequences(np.arange(offsets[-1]), offsets, flat, read_offsets)


@given(lengths_of_sequences, st.integers(1, 100))
def test_batches_by_tokens_are_a_partition_within_the_budget(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    batches = list(token_budget_batches(array, budget))
    assert sorted(np.concatenate([[], *batches]).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert array[batch].sum() <= budget or len(batch) == 1
    in_order = [int(array[i]) for batch in batches for i in batch]
    assert in_order == sorted(lengths, reverse=True)


@given(lengths_of_sequences, st.integers(1, 100))
def test_batches_by_tokens_are_as_full_as_their_order_allows(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    batches = list(token_budget_batches(array, budget))
    for batch, following in pairwise(batches):
        assert array[batch].sum() + array[following[0]] > budget


@given(tagged(), st.randoms(use_true_random=False))
def test_a_batch_reads_what_its_sequences_read(sequences: Sequences, random: object) -> None:
    assert sequences.reads is not None
    assert sequences.read_offsets is not None
    index = np.random.default_rng(random.getrandbits(32)).permutation(len(sequences))  # type: ignore[attr-defined]
    index = index[: len(index) // 2 + 1]
    batch = sequences.batch(index)
    assert batch.reads is not None
    parts = [np.arange(sequences.offsets[i], sequences.offsets[i + 1]) for i in index]
    assert batch.input_ids.tolist() == np.concatenate(parts).tolist()
    assert batch.lengths.tolist() == [len(part) for part in parts]
    wanted = [sequences.reads[sequences.read_offsets[i] : sequences.read_offsets[i + 1]] for i in index]
    assert batch.input_ids[batch.reads].tolist() == np.concatenate(wanted).tolist()
    assert sequences.reads[sequences.targets_of(index)].tolist() == np.concatenate(wanted).tolist()


@given(tagged(), st.integers(1, 30))
def test_all_batches_together_give_every_target_once(sequences: Sequences, budget: int) -> None:
    batches = token_budget_batches(sequences.lengths, budget)
    targets = np.concatenate([sequences.targets_of(index) for index in batches])
    assert sorted(targets.tolist()) == list(range(sequences.n_targets))


def test_whole_sequences_are_their_own_targets() -> None:
    sequences = Sequences(np.arange(6), np.array([0, 1, 3, 6]))
    batch = sequences.batch(np.array([2, 0]))
    assert batch.reads is None
    assert batch.input_ids.tolist() == [3, 4, 5, 0]
    assert torch.equal(batch.lengths, torch.tensor([3, 1]))
    assert sequences.n_targets == 3
    assert sequences.targets_of(np.array([2, 0])).tolist() == [2, 0]


def test_an_empty_batch_is_empty() -> None:
    sequences = Sequences(np.arange(3), np.array([0, 1, 3]), np.array([0, 2]), np.array([0, 1, 2]))
    batch = sequences.batch(np.array([], dtype=np.int64))
    assert batch.reads is not None
    assert (len(batch.input_ids), len(batch.lengths), len(batch.reads)) == (0, 0, 0)


@given(st.integers(0, 50), st.integers(1, 16), st.integers(0, 5))
def test_an_epoch_sees_every_row_once_and_is_repeatable(n: int, size: int, seed: int) -> None:
    first = list(shuffled_batches(n, size, np.random.default_rng(seed)))
    again = list(shuffled_batches(n, size, np.random.default_rng(seed)))
    assert sorted(np.concatenate([[], *first]).tolist()) == list(range(n))
    assert [len(batch) for batch in first[:-1]] == [size] * (len(first) - 1)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
