"""Options of a question, chosen by what is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEMPERATURE = 0.05
"""Of the softmax of cosines."""


def option_shares(cosines: Sequence[np.ndarray], n_outputs: int) -> np.ndarray:
    """Probabilities float64 [n, n_outputs] from the cosines [n_options] of each question with its options.

    Options share in proportion to exp(cosine / TEMPERATURE); where there are fewer than `n_outputs` the rest is 0.
    """
    shares = np.zeros((len(cosines), n_outputs))
    for row, own in zip(shares, cosines, strict=True):
        row[: len(own)] = np.exp((own - own.max()) / TEMPERATURE)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
