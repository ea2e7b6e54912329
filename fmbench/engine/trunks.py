"""Trunks: from tokens to hidden states, packed where the architecture is known and padded where it is not."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from fmbench.engine.buckets import bucket_length, bucket_rows
from fmbench.engine.packed import PackedEncoder, supports
from fmbench.engine.sequences import Batch
from fmbench.errors import CellFailed


class Trunk(Protocol):
    """What every trunk offers, those that are trained from scratch included."""

    hidden_size: int

    def __call__(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """Hidden states of packed tokens.

        Args:
            input_ids: int64 [total_tokens], sequences one after the other.
            lengths: int64 [n_sequences] on the CPU.
            reads: int64 [n_targets], the tokens whose states are wanted; None for all.

        Returns:
            [n_targets or total_tokens, hidden]
        """

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """Useful operations of a forward pass over sequences of these lengths, with `n_reads` tokens wanted."""


class PaddedTrunk(nn.Module):
    """Any encoder of transformers on padded batches, for architectures that cannot be packed.

    Args:
        network: the encoder.
        static_shapes: pad to a few shapes (engine/buckets.py) instead of to the longest sequence.
    """

    def __init__(self, network: Any, static_shapes: bool = False) -> None:
        super().__init__()
        self.network = network
        self.static_shapes = static_shapes
        self.hidden_size = int(network.config.hidden_size)

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        """See Trunk."""
        padded, mask, slots = self._pad(input_ids, lengths)
        hidden = self.network(input_ids=padded, attention_mask=mask).last_hidden_state
        return hidden.flatten(0, 1).index_select(0, slots if reads is None else slots[reads])

    def hidden_states(self, input_ids: Tensor, lengths: Tensor) -> list[Tensor]:
        """The same after the embeddings and after every layer."""
        padded, mask, slots = self._pad(input_ids, lengths)
        found = self.network(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
        return [hidden.flatten(0, 1).index_select(0, slots) for hidden in found]

    def flops(self, lengths: Tensor, *, n_reads: int | None = None) -> float:
        """2 operations a weight of every linear layer and token, and 4 S d a layer and token for attention."""
        weights = sum(m.weight.numel() for m in self.network.modules() if isinstance(m, nn.Linear))
        layers = int(getattr(self.network.config, "num_hidden_layers", 0))
        sizes = lengths.double()
        return float(2 * weights * sizes.sum() + 4 * layers * self.hidden_size * (sizes * sizes).sum())

    def shape(self, lengths: np.ndarray) -> tuple[int, int]:
        """Rows and length that sequences of these lengths, int64 [n_sequences], are padded to."""
        rows, length = len(lengths), int(lengths.max())
        return (bucket_rows(rows), bucket_length(length)) if self.static_shapes else (rows, length)

    def _pad(self, input_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """input_ids [rows, length], attention mask [rows, length], and the place of each token among them."""
        rows, length = self.shape(lengths.numpy())
        starts = lengths.cumsum(0) - lengths
        within = torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)
        slots = torch.arange(len(lengths)).repeat_interleave(lengths) * length + within
        mask = torch.zeros(rows * length, dtype=torch.int64).index_fill_(0, slots, 1).view(rows, length)
        mask[len(lengths) :, 0] = 1
        slots = slots.to(input_ids.device)
        padding = int(getattr(self.network.config, "pad_token_id", None) or 0)
        padded = torch.full((rows * length,), padding, dtype=input_ids.dtype, device=input_ids.device)
        return padded.index_copy_(0, slots, input_ids).view(rows, length), mask.to(input_ids.device), slots


def trunk_of(network: Any, dropout: float | None = None, static_shapes: bool = False) -> Any:
    """The packed trunk of an encoder if its architecture is known and shapes may vary, else the padded one."""
    if static_shapes or not supports(network):
        return PaddedTrunk(network, static_shapes)
    return PackedEncoder(network, dropout)


def freeze_lower(trunk: nn.Module, n_layers: int) -> bool:
    """Take the embeddings and the lowest `n_layers` layers out of training.

    Returns:
        Whether the rest can run on stored states of these layers; a padded trunk computes them anew each time.

    Raises:
        CellFailed: the model has fewer layers, or they cannot be told apart.
    """
    layers: nn.ModuleList | None
    if isinstance(trunk, PackedEncoder):
        base, layers = trunk.base, trunk.layer_modules()
        lower = [base.embeddings, *([base.embeddings_project] if hasattr(base, "embeddings_project") else [])]
    else:
        network: Any = getattr(trunk, "network", trunk)
        lower = [getattr(network, "embeddings", None) or network.get_input_embeddings()]
        found = [m for m in network.modules() if isinstance(m, nn.ModuleList)]
        layers = next((m for m in found if len(m) == getattr(network.config, "num_hidden_layers", None)), None)
        if layers is None:
            raise CellFailed(f"frozen_layers: the layers of {type(network).__name__} are not known")
    if n_layers > len(layers):
        raise CellFailed(f"frozen_layers: {n_layers}, but this model has {len(layers)} layers")
    for module in (*lower, *layers[:n_layers]):
        module.requires_grad_(False)
    return isinstance(trunk, PackedEncoder)


def execution_path(trunk: nn.Module) -> str:
    """ "packed" or "padded": which of the two computed a result."""
    return "padded" if isinstance(trunk, PaddedTrunk) else "packed"


def run_trunk(trunk: Any, batch: Batch, reads: Tensor | None = None) -> Tensor:
    """Hidden states of a batch, [n_targets or total_tokens, hidden]; from its stored states on if it has them."""
    hidden: Tensor
    if batch.states is not None:
        hidden = trunk.layers(batch.states, batch.lengths, batch.layer, reads=reads)
    else:
        hidden = trunk(batch.input_ids, batch.lengths, reads=reads)
    return hidden


def hidden_states(trunk: Any, input_ids: Tensor, lengths: Tensor) -> list[Tensor]:
    """Hidden states [total_tokens, hidden] after the embeddings and after every layer, of either trunk."""
    if isinstance(trunk, PaddedTrunk):
        return trunk.hidden_states(input_ids, lengths)
    found = [trunk.embed(input_ids, lengths)]
    for layer in range(trunk.num_layers):
        found.append(trunk.layers(found[-1], lengths, layer, layer + 1))
    return found


def hidden_state(trunk: Any, input_ids: Tensor, lengths: Tensor, layer: int) -> Tensor:
    """The hidden states after one layer (0: the embeddings); layers above it are not computed where that can be."""
    if isinstance(trunk, PaddedTrunk):
        return trunk.hidden_states(input_ids, lengths)[layer]
    hidden: Tensor = trunk(input_ids, lengths, stop=layer)
    return hidden
