"""Trunk + readout + linear layer: what is trained and what predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from fmbench.engine.devices import out_of_memory
from fmbench.engine.packed import PackedEncoder, supports
from fmbench.engine.sequences import Batch, Sequences, token_budget_batches

Pooling = Literal["mean", "cls"]
TOKEN_BUDGET = {"cpu": 4096, "mps": 8192, "cuda": 32768}


class PaddedTrunk(nn.Module):
    """Any encoder of transformers on padded batches, for architectures that cannot be packed."""

    path = "padded"

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.hidden_size = int(network.config.hidden_size)

    def forward(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """input_ids [total_tokens], lengths [n_sequences] on the CPU -> hidden states [total_tokens, hidden]."""
        padded, real = self._pad(input_ids, lengths)
        return self.network(input_ids=padded, attention_mask=real.long()).last_hidden_state[real]

    def hidden_states(self, input_ids: Tensor, lengths: Tensor) -> list[Tensor]:
        """The same after the embeddings and after every layer."""
        padded, real = self._pad(input_ids, lengths)
        found = self.network(input_ids=padded, attention_mask=real.long(), output_hidden_states=True).hidden_states
        return [hidden[real] for hidden in found]

    @staticmethod
    def _pad(input_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        padded = nn.utils.rnn.pad_sequence(list(input_ids.split(lengths.tolist())), batch_first=True)
        real = torch.arange(padded.shape[1], device=padded.device)[None] < lengths.to(padded.device)[:, None]
        return padded, real


def trunk_of(network: Any, dropout: float | None = None) -> nn.Module:
    """The packed trunk of a transformers encoder if its architecture is known, else the padded one."""
    return PackedEncoder(network, dropout) if supports(network) else PaddedTrunk(network)


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


def execution_path(trunk: nn.Module) -> str:
    """ "packed" or "padded": which of the two computed a result."""
    return "padded" if isinstance(trunk, PaddedTrunk) else "packed"


def read(hidden: Tensor, batch: Batch, pooling: Pooling) -> Tensor:
    """Hidden states [total_tokens, hidden] -> one vector a target [n_targets, hidden]."""
    if batch.reads is not None:
        return hidden[batch.reads]
    lengths = batch.lengths.to(hidden.device)
    if pooling == "cls":
        return hidden[torch.cumsum(lengths, 0) - lengths]
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=hidden.device), lengths)
    sums = hidden.new_zeros(len(lengths), hidden.shape[1]).index_add_(0, owner, hidden)
    return sums / lengths[:, None].to(hidden.dtype)


class Classifier(nn.Module):
    """Logits for every target of a batch.

    Args:
        trunk: (input_ids [total_tokens], lengths [n_sequences]) -> hidden states [total_tokens, hidden].
        n_outputs: number of classes.
        pooling: how a sequence becomes one vector, where it is one target.
        dropout: before the linear layer.
    """

    def __init__(self, trunk: Any, n_outputs: int, pooling: Pooling = "mean", dropout: float = 0.1) -> None:
        super().__init__()
        self.trunk = trunk
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(trunk.hidden_size, n_outputs)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch) -> Tensor:
        """[n_targets, n_outputs]"""
        hidden = self.trunk(batch.input_ids, batch.lengths)
        return self.head(self.dropout(read(hidden, batch, self.pooling)))


def run_batches(
    compute: Callable[[Batch], Tensor], sequences: Sequences, width: int, device: str, budget: int | None = None
) -> np.ndarray:
    """`compute` over all sequences, longest first -> float32 [n_targets, width] in the order of the targets.

    When memory runs out the token budget is halved and the work goes on; a single sequence that does not fit raises.
    """
    result = np.empty((sequences.n_targets, width), dtype=np.float32)
    budget = budget or TOKEN_BUDGET[device]
    pending = list(token_budget_batches(sequences.lengths, budget))[::-1]
    with torch.inference_mode():
        while pending:
            index = pending.pop()
            try:
                rows = compute(sequences.batch(index, device)).float().cpu().numpy()
            except RuntimeError as error:
                if not out_of_memory(error) or len(index) == 1:
                    raise
                if device == "cuda":
                    torch.cuda.empty_cache()
                budget = max(1, budget // 2)
                rest = np.concatenate([index, *pending[::-1]])
                pending = [rest[part] for part in token_budget_batches(sequences.lengths[rest], budget)][::-1]
                continue
            result[sequences.targets_of(index)] = rows
    return result


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities in float64, [n, n_outputs]."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
