"""Padding-free execution of pretrained encoders of the BERT family.

The tokens of a batch lie one after the other in `[total_tokens, hidden]`; only attention sees sequences, in
groups of similar length. The parameters are those of the Hugging Face model, so optimisers, `state_dict` and
saving go through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from fmbench.errors import InputError

PADDED_SHARE_MAX = 1.1
"""The padded area of a group of sequences is at most this many times its real tokens."""

_BASE_CLASSES = {
    "bert": "transformers.models.bert.modeling_bert.BertModel",
    "camembert": "transformers.models.camembert.modeling_camembert.CamembertModel",
    "distilbert": "transformers.models.distilbert.modeling_distilbert.DistilBertModel",
    "electra": "transformers.models.electra.modeling_electra.ElectraModel",
    "roberta": "transformers.models.roberta.modeling_roberta.RobertaModel",
    "xlm-roberta": "transformers.models.xlm_roberta.modeling_xlm_roberta.XLMRobertaModel",
}
_POSITIONS_AFTER_PADDING_IDX = frozenset({"camembert", "roberta", "xlm-roberta"})


def supports(model: PreTrainedModel) -> bool:
    """Whether `PackedEncoder` computes exactly what the base model of `model` computes on padded batches."""
    base = model.base_model
    config: Any = base.config
    return (
        _BASE_CLASSES.get(config.model_type) == f"{type(base).__module__}.{type(base).__qualname__}"
        and not getattr(config, "is_decoder", False)
        and not getattr(config, "add_cross_attention", False)
        and not getattr(config, "is_encoder_decoder", False)
        and not getattr(config, "chunk_size_feed_forward", 0)
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not any(getattr(module, "gradient_checkpointing", False) for module in base.modules())
        and config.hidden_size % config.num_attention_heads == 0
    )


class PackedEncoder(nn.Module):
    """The encoder of a Hugging Face model on packed tokens, in forward and backward, with shared parameters.

    Hidden dropout follows the training mode of each layer: a frozen layer set to `eval()` is deterministic.
    Attention dropout is not applied.

    Args:
        model: a model for which `supports` holds, with or without a head; it stays usable by itself.
        dropout: the probability of hidden dropout in [0, 1); None takes the configuration's.

    Raises:
        InputError: the architecture is not supported, or `dropout` is out of range.
    """

    hidden_size: int

    def __init__(self, model: PreTrainedModel, dropout: float | None = None) -> None:
        super().__init__()
        if not supports(model):
            raise InputError(
                f"{type(model).__name__} cannot run packed; supported are plain encoders of type "
                f"{', '.join(sorted(_BASE_CLASSES))}"
            )
        self.base: Any = model.base_model
        config = self.base.config
        if dropout is None:
            dropout = config.dropout if config.model_type == "distilbert" else config.hidden_dropout_prob
        if not 0 <= dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {dropout}")
        self.dropout = float(dropout)
        self.hidden_size = config.hidden_size
        self._head_size = config.hidden_size // config.num_attention_heads
        self._after_padding_idx = config.model_type in _POSITIONS_AFTER_PADDING_IDX

    @property
    def num_layers(self) -> int:
        """The number of transformer layers."""
        return len(self.layer_modules())

    def forward(
        self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None, stop: int | None = None
    ) -> Tensor:
        """The hidden states of whole sequences after `layers[:stop]` (all layers where `stop` is None).

        Args:
            input_ids: `[total_tokens]` int64, the sequences one after the other, without padding.
            lengths: `[n_sequences]` int64 on CPU, tokens of each sequence, at least 1.
            reads: `[n_targets]` int64, the tokens whose hidden states are wanted; None for all.

        Returns:
            `[total_tokens, hidden]`, in the order of `input_ids`; or `[n_targets, hidden]` in the order of `reads`.

        Raises:
            InputError: the lengths do not fit the tokens or the model's positions.
        """
        return self.layers(self.embed(input_ids, lengths), lengths, 0, stop, reads)

    def embed(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """The input of the first layer, `[total_tokens, hidden]`; arguments and errors as in `forward`."""
        embeddings = self.base.embeddings
        first_position = embeddings.padding_idx + 1 if self._after_padding_idx else 0
        _check_lengths(lengths, len(input_ids), embeddings.position_embeddings.num_embeddings - first_position)
        positions = _offsets_in_sequence(lengths).to(input_ids.device, non_blocking=True)
        return self.embed_at(input_ids, positions)

    def embed_at(self, input_ids: Tensor, positions: Tensor) -> Tensor:
        """`embed` for tokens whose places in their sequences, `[total_tokens]` from 0, are known already."""
        embeddings = self.base.embeddings
        first_position = embeddings.padding_idx + 1 if self._after_padding_idx else 0
        positions = positions + first_position
        hidden = embeddings.word_embeddings(input_ids) + embeddings.position_embeddings(positions)
        if hasattr(embeddings, "token_type_embeddings"):
            hidden = hidden + embeddings.token_type_embeddings.weight[0]
        hidden = embeddings.LayerNorm(hidden)
        if embeddings.training:
            hidden = random_drop(hidden, self.dropout)
        if hasattr(self.base, "embeddings_project"):
            hidden = self.base.embeddings_project(hidden)
        return hidden

    def layers(
        self, hidden: Tensor, lengths: Tensor, start: int = 0, stop: int | None = None, reads: Tensor | None = None
    ) -> Tensor:
        """Run `layers[start:stop]` on the output of layer `start - 1`, e.g. of cached frozen lower layers.

        Args:
            hidden: `[total_tokens, hidden]`, what `forward(..., stop=start)` or `embed` returned.
            lengths: `[n_sequences]` int64 on CPU, tokens of each sequence, at least 1.
            reads: `[n_targets]` int64, the tokens wanted; behind its attention the last layer computes no others.

        Returns:
            `[total_tokens, hidden]`, in the order of `hidden`; or `[n_targets, hidden]` in the order of `reads`.

        Raises:
            InputError: the lengths do not fit the hidden states, or `start`, `stop` are no range of layers.
        """
        modules = self.layer_modules()
        stop = len(modules) if stop is None else stop
        if not 0 <= start <= stop <= len(modules):
            raise InputError(f"layers[{start}:{stop}] is no range of the model's {len(modules)} layers")
        _check_lengths(lengths, len(hidden))
        if start == stop:
            return hidden if reads is None else hidden[reads]
        return self.layers_in(hidden, Layout(lengths, hidden.device), start, stop, reads)

    def layers_in(
        self, hidden: Tensor, layout: Layout | Bounds, start: int, stop: int, reads: Tensor | None = None
    ) -> Tensor:
        """`layers[start:stop]`, `start` < `stop`, for sequences whose layout is known already."""
        modules = self.layer_modules()
        run = self._distilbert_layer if self.base.config.model_type == "distilbert" else self._bert_layer
        for number, module in enumerate(modules[start:stop], start + 1):
            hidden = run(module, hidden, layout, reads if number == stop else None)
        return hidden

    def flops(self, lengths: Tensor, start: int = 0, stop: int | None = None, n_reads: int | None = None) -> float:
        """Useful operations of `layers[start:stop]`, norms and activations left out.

        A layer costs 2 operations a weight of its linear layers and token, and 4 S d a token for attention over S
        tokens. Where only `n_reads` tokens are wanted, what follows attention in the last layer counts for them alone.
        """
        modules = self.layer_modules()[start:stop]
        if not len(modules):
            return 0.0
        linear = [m.weight.numel() for m in modules[0].modules() if isinstance(m, nn.Linear)]
        projections = 3 * self.hidden_size**2
        sizes = lengths.double()
        tokens = float(sizes.sum())
        one = 2 * sum(linear) * tokens + 4 * self.hidden_size * float((sizes * sizes).sum())
        unread = 0.0 if n_reads is None else max(0.0, tokens - n_reads)
        return one * len(modules) - 2 * (sum(linear) - projections) * unread

    def layer_modules(self) -> nn.ModuleList:
        """The transformer layers of the base model, lowest first."""
        return (self.base.transformer if self.base.config.model_type == "distilbert" else self.base.encoder).layer

    def _bert_layer(self, layer: Any, hidden: Tensor, layout: Layout | Bounds, reads: Tensor | None) -> Tensor:
        dropout = self.dropout if layer.training else 0.0
        attention, output = layer.attention.self, layer.attention.output
        context = attend(
            attention.query(hidden), attention.key(hidden), attention.value(hidden), layout, self._head_size
        )
        if reads is not None:
            context, hidden = context[reads], hidden[reads]
        hidden = output.LayerNorm(random_drop(output.dense(context), dropout, hidden))
        inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(hidden))
        return layer.output.LayerNorm(random_drop(layer.output.dense(inner), dropout, hidden))

    def _distilbert_layer(self, layer: Any, hidden: Tensor, layout: Layout | Bounds, reads: Tensor | None) -> Tensor:
        dropout = self.dropout if layer.training else 0.0
        attention, ffn = layer.attention, layer.ffn
        context = attend(
            attention.q_lin(hidden), attention.k_lin(hidden), attention.v_lin(hidden), layout, self._head_size
        )
        if reads is not None:
            context, hidden = context[reads], hidden[reads]
        hidden = layer.sa_layer_norm(attention.out_lin(context) + hidden)
        inner = ffn.activation(ffn.lin1(hidden))
        return layer.output_layer_norm(random_drop(ffn.lin2(inner), dropout, hidden))


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

    `slots` `[total_tokens]` is the place of each token among the `padded_tokens`; a group's shape is
    `(n_sequences, length)` in that order; its mask `[n_sequences, 1, 1, length]` is true on real tokens, None
    where all are real.
    """

    slots: Tensor
    padded_tokens: int
    shapes: tuple[tuple[int, int], ...]
    masks: tuple[Tensor | None, ...]


def plan_groups(lengths: Tensor, device: torch.device, padded_share_max: float = PADDED_SHARE_MAX) -> Groups:
    """Group sequences of similar length, longest first.

    Args:
        lengths: `[n_sequences]` int64 on CPU, at least 1 each.
        device: where the tokens are.
        padded_share_max: a group is padded to at most this many times its real tokens.
    """
    sizes = lengths.numpy()
    order = np.argsort(-sizes, kind="stable")
    groups: list[tuple[int, int]] = []
    full: list[bool] = []
    n_sequences = longest = real = 0
    for size in sizes[order].tolist():
        if n_sequences and (n_sequences + 1) * longest > padded_share_max * (real + size):
            groups.append((n_sequences, longest))
            full.append(real == n_sequences * longest)
            n_sequences = real = 0
        if not n_sequences:
            longest = size
        n_sequences += 1
        real += size
    groups.append((n_sequences, longest))
    full.append(real == n_sequences * longest)

    strides = np.repeat([length for _, length in groups], [n for n, _ in groups])
    first_slots = np.empty_like(sizes)
    first_slots[order] = np.cumsum(strides) - strides
    padded_tokens = int(strides.sum())
    slots = torch.from_numpy(first_slots).repeat_interleave(lengths) + _offsets_in_sequence(lengths)
    slots = slots.to(device, non_blocking=True)
    real_slots = torch.zeros(padded_tokens, dtype=torch.bool, device=device).index_fill_(0, slots, True)
    masks = tuple(
        None if no_padding else part.view(n, 1, 1, length)
        for part, (n, length), no_padding in zip(
            real_slots.split([n * length for n, length in groups]), groups, full, strict=True
        )
    )
    return Groups(slots, padded_tokens, tuple(groups), masks)


def attend(query: Tensor, key: Tensor, value: Tensor, layout: Layout | Bounds, head_size: int) -> Tensor:
    """Attention of each token over its own sequence; all tensors are `[total_tokens, heads * head_size]`.

    In half precision on CUDA one ragged flash kernel does it; elsewhere padded kernels, group by group.
    """
    if isinstance(layout, Bounds) or has_ragged_kernel(query):
        return attend_ragged(query, key, value, layout, head_size)
    groups = layout.groups
    sizes = [n * length for n, length in groups.shapes]
    padded = [
        x.new_zeros(groups.padded_tokens, x.shape[1]).index_copy_(0, groups.slots, x).split(sizes)
        for x in (query, key, value)
    ]
    contexts = []
    for (n, length), mask, *parts in zip(groups.shapes, groups.masks, *padded, strict=True):
        q, k, v = (part.view(n, length, -1, head_size).transpose(1, 2) for part in parts)
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        contexts.append(context.transpose(1, 2).reshape(n * length, -1))
    return torch.cat(contexts).index_select(0, groups.slots)


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


def random_drop(x: Tensor, probability: float, residual: Tensor | None = None) -> Tensor:
    """Inverted dropout of `x`, plus `residual` of the same shape where given; for training only.

    On CPU the mask comes from random bytes of torch's default generator, which is several times faster than
    `F.dropout`: the probability is rounded to a multiple of 1/256 (at least 1/256) and the kept values are
    scaled by the inverse of the share really kept. Elsewhere it is `F.dropout`.
    """
    if probability == 0:
        return x if residual is None else x + residual
    if x.device.type != "cpu":
        dropped = F.dropout(x, probability)
        return dropped if residual is None else dropped + residual
    threshold = min(max(round(probability * 256), 1), 255)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    random_bytes = words.view(torch.uint8)[: x.numel()].view(x.shape)
    keep = torch.ge(random_bytes, threshold, out=torch.empty(x.shape, dtype=x.dtype))
    keep *= 256 / (256 - threshold)
    return x * keep if residual is None else torch.addcmul(residual, x, keep)


def _offsets_in_sequence(lengths: Tensor) -> Tensor:
    starts = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)


def _check_lengths(lengths: Tensor, n_tokens: int, longest: int | None = None) -> None:
    if lengths.device.type != "cpu" or lengths.dtype != torch.int64 or lengths.dim() != 1 or not len(lengths):
        raise InputError(
            f"lengths must be a non-empty [n_sequences] int64 tensor on CPU, not {list(lengths.shape)} "
            f"{lengths.dtype} on {lengths.device}"
        )
    if int(lengths.min()) < 1 or int(lengths.sum()) != n_tokens:
        raise InputError(
            f"lengths must be at least 1 and sum to the {n_tokens} tokens given, but have minimum "
            f"{int(lengths.min())} and sum {int(lengths.sum())}"
        )
    if longest is not None and int(lengths.max()) > longest:
        raise InputError(f"a sequence has {int(lengths.max())} tokens; the model has positions for {longest}")
