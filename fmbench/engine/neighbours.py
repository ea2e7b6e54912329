"""Exact nearest neighbours by cosine, in blocks of matrix products."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fmbench.engine.devices import device_of

TEMPERATURE = 0.07
BLOCK_NUMBERS = 1 << 25
"""Similarities that are held at a time."""


class Neighbours:
    """Training targets that vote on what is near them.

    Args:
        features: float32 [n, hidden].
        targets: int64 [n], classes in [0, n_outputs).
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, n_outputs: int, device: str) -> None:
        self.device = device_of(device)
        self.n_outputs = n_outputs
        self.memory = self._unit(features)
        self.targets = self.device.send(targets)

    def votes(self, features: np.ndarray, k: int) -> np.ndarray:
        """Shares of the votes of the `k` nearest (all, where there are fewer), float64 [n_queries, n_outputs]."""
        k = min(k, len(self.memory))
        rows = max(1, BLOCK_NUMBERS // len(self.memory))
        with torch.inference_mode():
            blocks = [self._block(features[start : start + rows], k) for start in range(0, len(features), rows)]
        return np.concatenate([block.cpu().numpy() for block in blocks] or [np.empty((0, self.n_outputs))])

    def _block(self, features: np.ndarray, k: int) -> Tensor:
        cosine, index = (self._unit(features) @ self.memory.T).topk(k, dim=1)
        weights = torch.softmax(cosine / TEMPERATURE, dim=1)
        shares = torch.zeros(len(features), self.n_outputs, dtype=weights.dtype, device=weights.device)
        shares = shares.scatter_add_(1, self.targets[index], weights).double()
        return shares / shares.sum(dim=1, keepdim=True)

    def _unit(self, features: np.ndarray) -> Tensor:
        return F.normalize(self.device.send(np.array(features, dtype=np.float32)), dim=1)
