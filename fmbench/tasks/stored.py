"""A model's scores as they are stored, and the numbers that they predict."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def stored_scores(scores: np.ndarray) -> pa.Array:
    """Scores [n, n_outputs] as a list of float32 a row."""
    flat = pa.array(np.ascontiguousarray(scores, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, scores.shape[1])


def predicted_numbers(scores: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """Predictions float64 [n] and stored scores, where the one output [n, 1] is the prediction itself."""
    prediction = pa.array(np.ascontiguousarray(scores[:, 0], dtype=np.float64))
    return prediction, pa.FixedSizeListArray.from_arrays(prediction.cast(pa.float32()), 1)
