"""Training of and prediction with networks that read stacks of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.engine.devices import Device, device_of
from fmbench.engine.predict import softmax
from fmbench.models.stack import Stack
from fmbench.tasks.kind import IGNORED

CHUNK = 512
"""Inputs that are decoded at a time in prediction."""


class StackEntropy:
    """Cross-entropy of the classes of a stack, as `engine.train` minimises it.

    Args:
        targets: int64 [n]; those that are IGNORED do not count.
    """

    sequences: Any = None

    def __init__(self, stack: Stack, targets: np.ndarray) -> None:
        self.stack, self.targets = stack, targets
        self.lengths = np.full(len(stack), stack.cost)

    def weight(self, index: np.ndarray) -> float:
        return float(max(1, (self.targets[index] != IGNORED).sum()))

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        logits = model(*_sent(self.stack, index, device)).float()
        return F.cross_entropy(logits, device.send(self.targets[index]), ignore_index=IGNORED, reduction="sum")


def stack_scores(network: nn.Module, stack: Stack, device: Device) -> np.ndarray:
    """Probabilities, float64 [n, n_outputs], a few examples at a time."""
    step = max(1, device.predict_tokens // stack.cost)
    parts = []
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(stack), step):
            index = np.arange(start, min(start + step, len(stack)))
            parts.append(network(*_sent(stack, index, device)).float().cpu().numpy())
    return softmax(np.concatenate(parts))


@dataclass(frozen=True)
class StackPredictor:
    """A trained network: inputs of the kind -> probabilities [n, n_outputs]."""

    network: Any
    prepare: Callable[[Sequence[Any]], Stack]
    device: str

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        chunks = (self.prepare(list(inputs[i : i + CHUNK])) for i in range(0, len(inputs), CHUNK))
        return np.concatenate([stack_scores(self.network, chunk, device_of(self.device)) for chunk in chunks])


def _sent(stack: Stack, index: np.ndarray, device: Device) -> list[Tensor]:
    return [device.send(array) for array in stack.take(index)]
