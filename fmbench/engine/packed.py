"""Padding-free execution of pretrained encoders of the BERT family.

The tokens of a batch lie one after the other in `[total_tokens, hidden]`; only attention sees sequences, in
groups of similar length. The parameters are those of the Hugging Face model, so optimisers, `state_dict` and
saving go through it.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        return len(self._layer_modules())

    def forward(self, input_ids: Tensor, lengths: Tensor, stop: int | None = None) -> Tensor:
        """The hidden states of whole sequences after `layers[:stop]` (all layers where `stop` is None).

        Args:
            input_ids: `[total_tokens]` int64, the sequences one after the other, without padding.
            lengths: `[n_sequences]` int64 on CPU, tokens of each sequence, at least 1.

        Returns:
            `[total_tokens, hidden]`, in the order of `input_ids`.

        Raises:
            InputError: the lengths do not fit the tokens or the model's positions.
        """
        return self.layers(self.embed(input_ids, lengths), lengths, 0, stop)

    def embed(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """The input of the first layer, `[total_tokens, hidden]`; arguments and errors as in `forward`."""
        embeddings = self.base.embeddings
        first_position = embeddings.padding_idx + 1 if self._after_padding_idx else 0
        _check_lengths(lengths, len(input_ids), embeddings.position_embeddings.num_embeddings - first_position)
        positions = _offsets_in_sequence(lengths).to(input_ids.device, non_blocking=True) + first_position
        hidden = embeddings.word_embeddings(input_ids) + embeddings.position_embeddings(positions)
        if hasattr(embeddings, "token_type_embeddings"):
            hidden = hidden + embeddings.token_type_embeddings.weight[0]
        hidden = embeddings.LayerNorm(hidden)
        if embeddings.training:
            hidden = random_drop(hidden, self.dropout)
        if hasattr(self.base, "embeddings_project"):
            hidden = self.base.embeddings_project(hidden)
        return hidden

    def layers(self, hidden: Tensor, lengths: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Run `layers[start:stop]` on the output of layer `start - 1`, e.g. of cached frozen lower layers.

        Args:
            hidden: `[total_tokens, hidden]`, what `forward(..., stop=start)` or `embed` returned.
            lengths: `[n_sequences]` int64 on CPU, tokens of each sequence, at least 1.

        Returns:
            `[total_tokens, hidden]`, in the order of `hidden`.

        Raises:
            InputError: the lengths do not fit the hidden states, or `start`, `stop` are no range of layers.
        """
        modules = self._layer_modules()
        stop = len(modules) if stop is None else stop
        if not 0 <= start <= stop <= len(modules):
            raise InputError(f"layers[{start}:{stop}] is no range of the model's {len(modules)} layers")
        _check_lengths(lengths, len(hidden))
        if start == stop:
            return hidden
        layout = plan_groups(lengths, hidden.device)
        run = self._distilbert_layer if self.base.config.model_type == "distilbert" else self._bert_layer
        for module in modules[start:stop]:
            hidden = run(module, hidden, layout)
        return hidden

    def _layer_modules(self) -> nn.ModuleList:
        return (self.base.transformer if self.base.config.model_type == "distilbert" else self.base.encoder).layer

    def _bert_layer(self, layer: Any, hidden: Tensor, layout: Layout) -> Tensor:
        dropout = self.dropout if layer.training else 0.0
        attention, output = layer.attention.self, layer.attention.output
        context = attend(
            attention.query(hidden), attention.key(hidden), attention.value(hidden), layout, self._head_size
        )
        hidden = output.LayerNorm(random_drop(output.dense(context), dropout, hidden))
        inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(hidden))
        return layer.output.LayerNorm(random_drop(layer.output.dense(inner), dropout, hidden))

    def _distilbert_layer(self, layer: Any, hidden: Tensor, layout: Layout) -> Tensor:
        dropout = self.dropout if layer.training else 0.0
        attention, ffn = layer.attention, layer.ffn
        context = attend(
            attention.q_lin(hidden), attention.k_lin(hidden), attention.v_lin(hidden), layout, self._head_size
        )
        hidden = layer.sa_layer_norm(attention.out_lin(context) + hidden)
        inner = ffn.activation(ffn.lin1(hidden))
        return layer.output_layer_norm(random_drop(ffn.lin2(inner), dropout, hidden))


@dataclass(frozen=True)
class Layout:
    """Where the tokens of a batch lie when its sequences are padded group by group.

    `slots` `[total_tokens]` is the place of each token among the `padded_tokens`; a group is
    `(n_sequences, length)` in that order; its mask `[n_sequences, 1, 1, length]` is true on real tokens, None
    where all are real.
    """

    slots: Tensor
    padded_tokens: int
    groups: tuple[tuple[int, int], ...]
    masks: tuple[Tensor | None, ...]


def plan_groups(lengths: Tensor, device: torch.device, padded_share_max: float = PADDED_SHARE_MAX) -> Layout:
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
    return Layout(slots, padded_tokens, tuple(groups), masks)


def attend(query: Tensor, key: Tensor, value: Tensor, layout: Layout, head_size: int) -> Tensor:
    """Attention of each token over its own sequence; all tensors are `[total_tokens, heads * head_size]`."""
    sizes = [n * length for n, length in layout.groups]
    padded = [
        x.new_zeros(layout.padded_tokens, x.shape[1]).index_copy_(0, layout.slots, x).split(sizes)
        for x in (query, key, value)
    ]
    contexts = []
    for (n, length), mask, *parts in zip(layout.groups, layout.masks, *padded, strict=True):
        q, k, v = (part.view(n, length, -1, head_size).transpose(1, 2) for part in parts)
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        contexts.append(context.transpose(1, 2).reshape(n * length, -1))
    return torch.cat(contexts).index_select(0, layout.slots)


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
