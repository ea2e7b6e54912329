"""Padding-free execution of pretrained encoders of the BERT family.

The tokens of a batch lie one after the other in `[total_tokens, hidden]`; only attention sees sequences, in
groups of similar length. The parameters are those of the Hugging Face model, so optimisers, `state_dict` and
saving go through it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from fmbench.engine.attention import Bounds, Layout, attend, offsets_in_sequence
from fmbench.engine.prepacked import Prepacked
from fmbench.errors import InputError

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
        self._prepacked = Prepacked()

    def train(self, mode: bool = True) -> PackedEncoder:
        """As in torch; packed weights are forgotten before training."""
        if mode:
            self._prepacked.clear()
        return super().train(mode)

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
        positions = offsets_in_sequence(lengths).to(input_ids.device, non_blocking=True)
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
        linear = self._prepacked.linear
        query, key, value = (linear(part, hidden) for part in (attention.query, attention.key, attention.value))
        context = attend(query, key, value, layout, self._head_size)
        if reads is not None:
            context, hidden = context[reads], hidden[reads]
        hidden = output.LayerNorm(random_drop(linear(output.dense, context), dropout, hidden))
        inner = linear(layer.intermediate.dense, hidden, layer.intermediate.intermediate_act_fn)
        return layer.output.LayerNorm(random_drop(linear(layer.output.dense, inner), dropout, hidden))

    def _distilbert_layer(self, layer: Any, hidden: Tensor, layout: Layout | Bounds, reads: Tensor | None) -> Tensor:
        dropout = self.dropout if layer.training else 0.0
        attention, ffn = layer.attention, layer.ffn
        linear = self._prepacked.linear
        query, key, value = (linear(part, hidden) for part in (attention.q_lin, attention.k_lin, attention.v_lin))
        context = attend(query, key, value, layout, self._head_size)
        if reads is not None:
            context, hidden = context[reads], hidden[reads]
        hidden = layer.sa_layer_norm(linear(attention.out_lin, context) + hidden)
        inner = linear(ffn.lin1, hidden, ffn.activation)
        return layer.output_layer_norm(random_drop(linear(ffn.lin2, inner), dropout, hidden))


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
