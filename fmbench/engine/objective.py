"""What training minimises: examples with targets, and the loss of some of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from fmbench.engine.devices import Device
from fmbench.engine.sequences import Sequences
from fmbench.tasks.kind import IGNORED


class Objective(Protocol):
    """Examples 0 .. n - 1 and their loss under a model; a step's loss is a sum divided by its total weight."""

    sequences: Sequences
    lengths: np.ndarray

    def weight(self, index: np.ndarray) -> float:
        """The total weight of the examples `index`, what their summed loss is divided by; never 0."""

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        """The summed loss of the examples `index`, in fp32."""


class CrossEntropy:
    """Cross-entropy of every target that is not IGNORED.

    Args:
        sequences: one example each.
        targets: int64 [sequences.n_targets], classes.
        class_weights: float32 [n_outputs], or None.
    """

    def __init__(self, sequences: Sequences, targets: np.ndarray, class_weights: np.ndarray | None = None) -> None:
        self.sequences, self.targets, self.class_weights = sequences, targets, class_weights
        self.lengths = sequences.lengths

    def weight(self, index: np.ndarray) -> float:
        wanted = self.targets[self.sequences.targets_of(index)]
        counted = wanted[wanted != IGNORED]
        if self.class_weights is None:
            return float(max(len(counted), 1))
        return float(self.class_weights[counted].sum(dtype=np.float64)) or 1.0

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        classes = device.send(self.targets[self.sequences.targets_of(index)])
        weights = None if self.class_weights is None else device.send(self.class_weights)
        logits = model(self.sequences.batch(index, device)).float()
        return F.cross_entropy(logits, classes, weights, ignore_index=IGNORED, reduction="sum")


class CosineError:
    """Squared error of the cosine of two sentence vectors against a similarity (Reimers and Gurevych 2019, 1908.10084).

    Args:
        sequences: 2 n of them; example i is the pair 2 i, 2 i + 1.
        targets: float64 [n], similarities in [0, 1].
    """

    def __init__(self, sequences: Sequences, targets: np.ndarray) -> None:
        self.sequences, self.targets = sequences, targets.astype(np.float32)
        self.lengths = sequences.lengths.reshape(-1, 2).sum(axis=1)

    def weight(self, index: np.ndarray) -> float:
        return float(max(len(index), 1))

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        both = np.stack([2 * index, 2 * index + 1], axis=1).ravel()
        vectors = model(self.sequences.batch(both, device)).float()
        cosine = (vectors[::2] * vectors[1::2]).sum(dim=1)
        return F.mse_loss(cosine, device.send(self.targets[index]), reduction="sum")


class _OneASequence:
    """Targets of one number or several a sequence, each sequence of weight 1."""

    def __init__(self, sequences: Sequences, targets: np.ndarray) -> None:
        self.sequences, self.targets = sequences, targets.astype(np.float32)
        self.lengths = sequences.lengths

    def weight(self, index: np.ndarray) -> float:
        return float(max(len(index), 1))


class SquaredError(_OneASequence):
    """Squared error of one number a sequence.

    Args:
        targets: float64 [n], scaled to about [0, 1].
    """

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        found = model(self.sequences.batch(index, device)).float()[:, 0]
        return F.mse_loss(found, device.send(self.targets[index]), reduction="sum")


class BinaryCrossEntropy(_OneASequence):
    """Cross-entropy of each class on its own, summed over classes (multi-label).

    Args:
        targets: [n, n_outputs], 0 or 1.
    """

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        logits = model(self.sequences.batch(index, device)).float()
        return F.binary_cross_entropy_with_logits(logits, device.send(self.targets[index]), reduction="sum")


class ChoiceCrossEntropy:
    """Cross-entropy over the options of each question, a sequence and a logit an option.

    Args:
        sequences: k n of them; question i has the sequences k i .. k i + k - 1.
        targets: int64 [n], the right option.
    """

    def __init__(self, sequences: Sequences, targets: np.ndarray, k: int) -> None:
        self.sequences, self.targets, self.k = sequences, targets, k
        self.lengths = sequences.lengths.reshape(-1, k).sum(axis=1)

    def weight(self, index: np.ndarray) -> float:
        return float(max(len(index), 1))

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        options = (self.k * index[:, None] + np.arange(self.k)).ravel()
        logits = model(self.sequences.batch(options, device)).float().view(-1, self.k)
        return F.cross_entropy(logits, device.send(self.targets[index]), reduction="sum")


def inverse_frequencies(targets: np.ndarray, n_outputs: int) -> np.ndarray:
    """Class weights, float32 [n_outputs]: inverse frequency, with mean 1 over the classes that occur; others get 1."""
    counts = np.bincount(targets[targets != IGNORED], minlength=n_outputs).astype(np.float64)
    inverse = np.where(counts > 0, 1 / np.maximum(counts, 1), np.nan)
    return np.nan_to_num(inverse / np.nanmean(inverse), nan=1.0).astype(np.float32)
