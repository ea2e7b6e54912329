"""Prediction: all sequences through a model, in batches by token budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.buckets import static_batches
from fmbench.engine.devices import Device, Precision, device_of, out_of_memory
from fmbench.engine.sequences import Batch, Sequences, token_budget_batches
from fmbench.engine.trunks import PaddedTrunk
from fmbench.errors import CellFailed


def run_batches(
    compute: Callable[[Batch], Tensor],
    sequences: Sequences,
    width: int,
    device: Device | str,
    budget: int | None = None,
    precision: Precision = "fp32",
) -> np.ndarray:
    """`compute` over all sequences, longest first -> float32 [n_targets, width] in the order of the targets.

    When memory runs out the token budget is halved and the work goes on; a single sequence that does not fit raises.
    """
    device = device_of(device) if isinstance(device, str) else device
    result = np.empty((sequences.n_targets, width), dtype=np.float32)
    budget = budget or device.predict_tokens
    pending = list(_batches(sequences.lengths, budget, device))[::-1]
    with torch.inference_mode():
        while pending:
            index = pending.pop()
            try:
                with device.autocast(precision):
                    rows = compute(sequences.batch(index, device)).float().cpu().numpy()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or len(index) == 1:
                    raise
                device.release_memory()
                budget = max(1, budget // 2)
                rest = np.concatenate([index, *pending[::-1]])
                pending = [rest[part] for part in _batches(sequences.lengths[rest], budget, device)][::-1]
                continue
            result[sequences.targets_of(index)] = rows
    return result


def predict(
    model: Any,
    sequences: Sequences,
    device: str,
    precision: Precision = "fp32",
    forward: Callable[[Batch], Tensor] | None = None,
) -> np.ndarray:
    """What `model` gives, float32 [n_targets, model.width].

    Args:
        forward: computes `model(batch)` in a quicker way, or None.

    Raises:
        CellFailed: that is anything but numbers.
    """
    model.eval()
    found = run_batches(forward or model, sequences, model.width, device, precision=precision)
    if not np.isfinite(found).all():
        raise CellFailed("the model's scores are not finite: its training has diverged")
    return found


def computed_tokens(trunk: Any, sequences: Sequences, device: str) -> int:
    """Tokens that the linear layers of a trunk compute in a pass over `sequences`: the real ones, or with padding."""
    if not isinstance(trunk, PaddedTrunk):
        return int(sequences.lengths.sum())
    on = device_of(device)
    shapes = (trunk.shape(sequences.lengths[i]) for i in _batches(sequences.lengths, on.predict_tokens, on))
    return sum(rows * length for rows, length in shapes)


def pair_cosines(vectors: np.ndarray) -> np.ndarray:
    """Vectors of pairs, [2 n, width], the two of a pair in turn -> their cosines, float64 [n, 1]; 0 where one is 0."""
    first, second = vectors[::2].astype(np.float64), vectors[1::2].astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray(np.einsum("ij,ij->i", first, second) / np.where(lengths > 0, lengths, 1.0))[:, None]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities in float64, [n, n_outputs]."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities of each class on its own in float64, [n, n_outputs]."""
    wide = logits.astype(np.float64)
    return np.asarray(np.where(wide >= 0, 1 / (1 + np.exp(-np.abs(wide))), 1 - 1 / (1 + np.exp(-np.abs(wide)))))


def choices_softmax(logits: np.ndarray, k: int) -> np.ndarray:
    """Logits of options, [k n, 1], those of a question in turn -> their probabilities, [n, k]."""
    return softmax(logits.reshape(-1, k))


def _batches(lengths: np.ndarray, budget: int, device: Device) -> Iterator[np.ndarray]:
    return static_batches(lengths, budget) if device.static_shapes else token_budget_batches(lengths, budget)
