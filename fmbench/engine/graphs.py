"""Small batches replayed from CUDA graphs: one launch instead of the eighty that a small encoder costs at batch 1.

Off unless $FMBENCH_CUDA_GRAPHS is 1: tested with a capture that runs on the CPU, and not yet run on a card.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from fmbench.engine.attention import Bounds
from fmbench.engine.classifier import Classifier
from fmbench.engine.devices import Device
from fmbench.engine.packed import PackedEncoder
from fmbench.engine.sequences import Batch

TOKENS = (32, 64, 128, 256, 512, 1024)
"""Batches are filled up to the next of these; larger ones run without a graph."""
SEQUENCES = 16


@dataclass
class Inputs:
    """The input of one graph, at addresses that do not change.

    Args:
        input_ids: int64 [tokens]; positions int64 [tokens], within each sequence; owner int64 [tokens].
        bounds: int32 [SEQUENCES + 2], where each sequence starts; what fills up is one more behind the real ones.
        sizes: float32 [SEQUENCES + 1], tokens of each sequence, 1 where there is none.
    """

    input_ids: Tensor
    positions: Tensor
    owner: Tensor
    bounds: Tensor
    sizes: Tensor

    def copy_(self, other: Inputs) -> None:
        """Take over the numbers of `other`."""
        for one in fields(self):
            getattr(self, one.name).copy_(getattr(other, one.name), non_blocking=True)


Replay = Callable[[], Tensor]
Capture = Callable[[Callable[[], Tensor]], Replay]


def capture_cuda(work: Callable[[], Tensor]) -> Replay:
    """Record `work` as a CUDA graph; the replay returns the tensor it writes to."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = work()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


class GraphedClassifier:
    """`model(batch)` in inference: small batches from graphs, the others as they are.

    Args:
        model: in evaluation mode, with a packed trunk and weights that do not change any more.
        capture: records a computation on fixed tensors and returns its replay.
    """

    def __init__(self, model: Classifier, device: Device, capture: Capture = capture_cuda) -> None:
        self.model, self.device, self.capture = model, device, capture
        self._graphs: dict[int, tuple[Inputs, Replay]] = {}

    def __call__(self, batch: Batch) -> Tensor:
        """[n_targets, n_outputs]"""
        size = next((size for size in TOKENS if len(batch.input_ids) <= size), None)
        if size is None or len(batch.lengths) > SEQUENCES or batch.states is not None:
            whole: Tensor = self.model(batch)
            return whole
        given = _filled_up(batch, size)
        if size not in self._graphs:
            inputs = Inputs(*(getattr(given, one.name).clone() for one in fields(given)))
            self._graphs[size] = inputs, self.capture(lambda: self._forward(inputs))
        inputs, replay = self._graphs[size]
        inputs.copy_(given)
        hidden, pooled = replay().split([size, SEQUENCES + 1])
        if batch.reads is not None:
            return hidden[batch.reads]
        if self.model.pooling == "cls":
            return hidden[given.bounds[: len(batch.lengths)].long()]
        return pooled[: len(batch.lengths)]

    def _forward(self, inputs: Inputs) -> Tensor:
        """Logits of all tokens, then logits of the mean of every sequence, [tokens + SEQUENCES + 1, n_outputs]."""
        trunk: PackedEncoder = self.model.trunk
        layout = Bounds(inputs.bounds, len(inputs.input_ids))
        hidden = trunk.embed_at(inputs.input_ids, inputs.positions)
        hidden = trunk.layers_in(hidden, layout, 0, trunk.num_layers)
        sums = hidden.new_zeros(SEQUENCES + 1, hidden.shape[1]).index_add_(0, inputs.owner, hidden)
        means = sums / inputs.sizes[:, None].to(hidden.dtype)
        return self.model.head(torch.cat([hidden, means]))


def with_graphs(model: Any, device: Device) -> Any:
    """`model`, or what replays its small batches where that is asked for and can be."""
    asked = os.environ.get("FMBENCH_CUDA_GRAPHS") == "1"
    if asked and device.name == "cuda" and isinstance(model, Classifier) and isinstance(model.trunk, PackedEncoder):
        return GraphedClassifier(model, device)
    return model


def _filled_up(batch: Batch, size: int) -> Inputs:
    """A batch with one more sequence behind it, so that it has `size` tokens; empty sequences follow."""
    n, tokens = len(batch.lengths), len(batch.input_ids)
    lengths = torch.zeros(SEQUENCES + 1, dtype=torch.int64)
    lengths[:n] = batch.lengths
    lengths[n] = size - tokens
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
    owner = torch.arange(SEQUENCES + 1).repeat_interleave(lengths)
    positions = torch.arange(size) - bounds[owner]
    positions[tokens:] = 0
    device = batch.input_ids.device
    input_ids = torch.zeros(size, dtype=torch.int64, device=device)
    input_ids[:tokens] = batch.input_ids
    rest = (positions, owner, bounds.int(), lengths.clamp(min=1).float())
    return Inputs(input_ids, *(one.to(device, non_blocking=True) for one in rest))
