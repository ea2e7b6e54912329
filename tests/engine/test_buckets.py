"""Static shapes: few of them, every sequence once, and the numbers of the packed way."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from fmbench.engine.buckets import LENGTHS, bucket_length, bucket_rows, static_batches
from fmbench.engine.classifier import Classifier
from fmbench.engine.devices import CPU
from fmbench.engine.predict import run_batches
from fmbench.engine.sequences import Sequences
from fmbench.engine.trunks import PaddedTrunk, trunk_of

STATIC = replace(CPU, static_shapes=True)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_bucket_holds_its_length_and_grows_with_it(a: int, b: int) -> None:
    assert bucket_length(a) >= a
    assert bucket_length(a) < 2 * a or bucket_length(a) == LENGTHS[0]
    assert bucket_length(min(a, b)) <= bucket_length(max(a, b))
    assert a <= bucket_rows(a) < 2 * a or a == bucket_rows(a)


@given(st.lists(st.integers(1, 1400), min_size=1, max_size=200), st.integers(1, 9000))
def test_batches_hold_every_sequence_once_in_few_shapes(sizes: list[int], budget: int) -> None:
    lengths = np.array(sizes)
    batches = list(static_batches(lengths, budget))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(sizes)))
    shapes: dict[int, set[int]] = {}
    for index in batches:
        (bucket,) = {bucket_length(int(length)) for length in lengths[index]}
        rows = bucket_rows(len(index))
        assert len(index) == 1 or rows * bucket <= budget
        shapes.setdefault(bucket, set()).add(rows)
    assert all(len(rows) <= 2 for rows in shapes.values())


def network(kind: str) -> transformers.PreTrainedModel:
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = {
        "bert": transformers.BertConfig(**sizes, intermediate_size=32),
        "roberta": transformers.RobertaConfig(**sizes, intermediate_size=32, pad_token_id=1),
    }[kind]
    return transformers.AutoModel.from_config(config).eval()


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_static_execution_gives_the_numbers_of_the_packed_one(kind: str) -> None:
    model, rng = network(kind), np.random.default_rng(0)
    lengths = rng.integers(1, 90, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    sequences = Sequences(rng.integers(2, 60, offsets[-1]), offsets)
    static = trunk_of(model, 0.0, static_shapes=True)
    assert isinstance(static, PaddedTrunk)
    seen: set[tuple[int, ...]] = set()
    hook = model.register_forward_pre_hook(lambda m, a, k: seen.add(tuple(k["input_ids"].shape)), with_kwargs=True)
    head = Classifier(static, 3)
    found = run_batches(head.eval(), sequences, 3, STATIC, budget=512)
    hook.remove()
    packed = copy.deepcopy(head)
    packed.trunk = trunk_of(model, 0.0)
    np.testing.assert_allclose(found, run_batches(packed.eval(), sequences, 3, CPU), atol=1e-5)
    assert {length for _, length in seen} <= set(LENGTHS)
    assert len(seen) <= 2 * len({length for _, length in seen})
