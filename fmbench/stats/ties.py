"""Items in the order of a value, equal values together: running sums of weights, for many weightings at once."""

from __future__ import annotations

import numpy as np


class Ties:
    """The groups of equal values, from the smallest.

    Args:
        values: [n].
    """

    def __init__(self, values: np.ndarray) -> None:
        unique, self.group = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.group, kind="stable")
        self.starts = np.searchsorted(self.group[self.order], np.arange(len(unique)))

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Weights [..., n] summed within the groups, [..., groups]."""
        return np.add.reduceat(weights[..., self.order], self.starts, axis=-1)
