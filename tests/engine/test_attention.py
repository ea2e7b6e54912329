"""Groups of sequences of like lengths, and attention within each sequence alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fmbench.engine.attention import PADDED_SHARE_MAX, Layout, attend, attend_short, plan_groups


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 512), min_size=1, max_size=80))
def test_groups_hold_each_token_once_and_little_padding(sizes: list[int]) -> None:
    lengths = torch.tensor(sizes)
    groups = plan_groups(lengths, torch.device("cpu"))
    assert groups.padded_tokens == sum(n * length for n, length in groups.shapes)
    assert sum(sizes) <= groups.padded_tokens <= PADDED_SHARE_MAX * sum(sizes)
    slots = torch.arange(sum(sizes)) if groups.slots is None else groups.slots
    assert len(slots.unique()) == sum(sizes)
    real = torch.zeros(groups.padded_tokens, dtype=torch.bool)
    real[slots] = True
    parts = real.split([n * length for n, length in groups.shapes])
    for (n, length), mask, part in zip(groups.shapes, groups.masks, parts, strict=True):
        assert part.all() if mask is None else torch.equal(mask.view(n, length), part.view(n, length))
        assert part.view(n, length)[:, 0].all()
    for one in slots.split(sizes):
        assert torch.equal(one, torch.arange(len(one)) + one[0])


def test_sequences_in_order_of_few_lengths_are_not_copied() -> None:
    cpu = torch.device("cpu")
    groups = plan_groups(torch.tensor([9, 9, 7, 4, 4, 4]), cpu)
    assert (groups.slots, groups.shapes, groups.padded_tokens) == (None, ((2, 9), (1, 7), (3, 4)), 37)
    assert plan_groups(torch.tensor([4, 9, 9]), cpu).slots is not None
    many = torch.arange(200, 100, -1)
    assert plan_groups(many, cpu).slots is not None


@pytest.mark.parametrize("length", [1, 2, 16, 17, 48])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_short_sequences_is_that_of_torch(length: int, masked: bool) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 4, length, 8).requires_grad_()
    mask = (torch.arange(length) < torch.tensor([length, 1, max(1, length // 2), length, 1])[:, None])[:, None, None]
    chosen = mask if masked else None
    found = attend_short(q, k, v, chosen)
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=chosen)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    weight = torch.randn(found.shape)
    for x in (q, k, v):
        mine, theirs = (torch.autograd.grad((y * weight).sum(), x, retain_graph=True)[0] for y in (found, wanted))
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_attention_is_that_of_each_sequence_alone(sizes: list[int]) -> None:
    lengths = torch.tensor(sizes)
    query, key, value = torch.randn(3, sum(sizes), 8)
    layout = Layout(lengths, torch.device("cpu"))
    got = attend(query, key, value, layout, head_size=4)
    alone = [
        torch.nn.functional.scaled_dot_product_attention(*(part.view(1, -1, 2, 4).transpose(1, 2) for part in parts))
        .transpose(1, 2)
        .reshape(-1, 8)
        for parts in zip(query.split(sizes), key.split(sizes), value.split(sizes), strict=True)
    ]
    torch.testing.assert_close(got, torch.cat(alone), atol=1e-5, rtol=0)
