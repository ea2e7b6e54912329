"""Attention over sequences that lie one after the other: what padding costs it, and which kernel does it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PADDED_SHARE_MAX = 1.1
"""The padded area of a group of sequences is at most this many times its real tokens."""
MORE_GROUPS = 6
"""Groups of equal length may be this many more than padded ones: copies to and from padding cost as much."""
SHORT, VERY_SHORT = 48, 16
"""Sequences up to this length attend by plain matrix products on CPUs; measured in docs/benchmarks.md."""


@dataclass(frozen=True)
class Bounds:
    """A layout for the ragged kernel alone: `bounds` `[n_sequences + 1]` int32, and an upper bound of their lengths."""

    bounds: Tensor
    longest: int


class Layout:
    """How attention sees the sequences of a batch: as groups for padded kernels, as bounds for ragged ones.

    Both are made when first asked for, once for all layers.

    Args:
        lengths: `[n_sequences]` int64 on CPU, at least 1 each.
        device: where the tokens are.
    """

    def __init__(self, lengths: Tensor, device: torch.device) -> None:
        self.lengths, self.device = lengths, device

    @cached_property
    def groups(self) -> Groups:
        """Groups of sequences of similar length."""
        return plan_groups(self.lengths, self.device)

    @cached_property
    def bounds(self) -> Tensor:
        """`[n_sequences + 1]` int32, where each sequence starts, and the end."""
        return F.pad(self.lengths.cumsum(0), (1, 0)).int().to(self.device, non_blocking=True)

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return int(self.lengths.max())


@dataclass(frozen=True)
class Groups:
    """Where the tokens of a batch lie when its sequences are padded group by group.

    A group's shape is `(n_sequences, length)`; its mask `[n_sequences, 1, 1, length]` is true on real tokens, None
    where all are real. `slots` `[total_tokens]` is the place of each token among the `padded_tokens`; None where every
    token lies in its place already.
    """

    slots: Tensor | None
    padded_tokens: int
    shapes: tuple[tuple[int, int], ...]
    masks: tuple[Tensor | None, ...]


def plan_groups(lengths: Tensor, device: torch.device, padded_share_max: float = PADDED_SHARE_MAX) -> Groups:
    """Group sequences of similar length, longest first.

    Sequences that come in this order and have few different lengths are grouped by equal length: no padding, no copies.

    Args:
        lengths: `[n_sequences]` int64 on CPU, at least 1 each.
        device: where the tokens are.
        padded_share_max: a group is padded to at most this many times its real tokens.
    """
    sizes = lengths.numpy()
    order = np.argsort(-sizes, kind="stable")
    shapes: list[tuple[int, int]] = []
    full: list[bool] = []
    n_sequences = longest = real = 0
    for size in sizes[order].tolist():
        if n_sequences and (n_sequences + 1) * longest > padded_share_max * (real + size):
            shapes.append((n_sequences, longest))
            full.append(real == n_sequences * longest)
            n_sequences = real = 0
        if not n_sequences:
            longest = size
        n_sequences += 1
        real += size
    shapes.append((n_sequences, longest))
    full.append(real == n_sequences * longest)

    if (sizes[:-1] >= sizes[1:]).all():
        different, counts = np.unique(sizes, return_counts=True)
        if len(different) <= len(shapes) + MORE_GROUPS:
            equal = tuple(zip(counts[::-1].tolist(), different[::-1].tolist(), strict=True))
            return Groups(None, int(sizes.sum()), equal, (None,) * len(equal))

    strides = np.repeat([length for _, length in shapes], [n for n, _ in shapes])
    first_slots = np.empty_like(sizes)
    first_slots[order] = np.cumsum(strides) - strides
    padded_tokens = int(strides.sum())
    slots = torch.from_numpy(first_slots).repeat_interleave(lengths) + offsets_in_sequence(lengths)
    slots = slots.to(device, non_blocking=True)
    real_slots = torch.zeros(padded_tokens, dtype=torch.bool, device=device).index_fill_(0, slots, True)
    masks = tuple(
        None if no_padding else part.view(n, 1, 1, length)
        for part, (n, length), no_padding in zip(
            real_slots.split([n * length for n, length in shapes]), shapes, full, strict=True
        )
    )
    return Groups(slots, padded_tokens, tuple(shapes), masks)


def attend(query: Tensor, key: Tensor, value: Tensor, layout: Layout | Bounds, head_size: int) -> Tensor:
    """Attention of each token over its own sequence; all tensors are `[total_tokens, heads * head_size]`.

    In half precision on CUDA one ragged flash kernel does it; elsewhere padded kernels, group by group.
    """
    if isinstance(layout, Bounds) or has_ragged_kernel(query):
        return attend_ragged(query, key, value, layout, head_size)
    groups = layout.groups
    sizes = [n * length for n, length in groups.shapes]
    padded = [_scattered(x, groups).split(sizes) for x in (query, key, value)]
    contexts = []
    for (n, length), mask, *parts in zip(groups.shapes, groups.masks, *padded, strict=True):
        q, k, v = (part.view(n, length, -1, head_size).transpose(1, 2) for part in parts)
        short = query.device.type == "cpu" and length <= SHORT
        context = attend_short(q, k, v, mask) if short else F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        contexts.append(context.transpose(1, 2).reshape(n * length, -1))
    joined = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
    return joined if groups.slots is None else joined.index_select(0, groups.slots)


def _scattered(x: Tensor, groups: Groups) -> Tensor:
    if groups.slots is None:
        return x
    return x.new_zeros(groups.padded_tokens, x.shape[1]).index_copy_(0, groups.slots, x)


def attend_short(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """`F.scaled_dot_product_attention` for few tokens on CPUs, where its flash kernel costs more than the arithmetic.

    Args:
        query, key, value: `[n, heads, length, head_size]`; mask `[n, 1, 1, length]` is true on real tokens, or None.
    """
    n, heads, length, head_size = query.shape
    q, k, v = (x.reshape(n * heads, length, head_size) for x in (query, key, value))
    keys_first = length <= VERY_SHORT  # softmax over a dimension that is not the last runs on whole vectors
    left, right = (k, q) if keys_first else (q, k)
    scores = torch.baddbmm(q.new_empty(1), left, right.transpose(1, 2), beta=0, alpha=head_size**-0.5)
    if mask is not None:
        hidden = ~(mask.transpose(2, 3) if keys_first else mask)
        scores = scores.view(n, heads, length, length).masked_fill(hidden, float("-inf")).view_as(scores)
    shares = scores.softmax(1).transpose(1, 2) if keys_first else scores.softmax(2)
    return torch.bmm(shares, v).view(n, heads, length, head_size)


def has_ragged_kernel(query: Tensor) -> bool:
    """Whether torch's flash attention over ragged sequences takes tensors like this one."""
    return query.is_cuda and query.dtype in (torch.float16, torch.bfloat16)


def attend_ragged(query: Tensor, key: Tensor, value: Tensor, layout: Layout | Bounds, head_size: int) -> Tensor:
    """The same by `torch.nn.attention.varlen.varlen_attn`."""
    from torch.nn.attention import varlen

    q, k, v = (x.view(len(x), -1, head_size) for x in (query, key, value))
    bounds, longest = layout.bounds, layout.longest
    context = varlen.varlen_attn(q, k, v, bounds, bounds, longest, longest)
    assert isinstance(context, Tensor)
    return context.reshape(len(query), -1)


def offsets_in_sequence(lengths: Tensor) -> Tensor:
    """The place of each token in its sequence, int64 `[total_tokens]`, from 0."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)
