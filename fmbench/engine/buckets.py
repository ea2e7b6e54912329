"""A few static shapes for devices on which every new shape costs a compilation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LENGTHS = (16, 32, 64, 128, 256, 512)
"""Sequences are padded to the next of these; longer ones to a multiple of the last."""


def bucket_length(length: int) -> int:
    """The length that a sequence of `length` tokens is padded to."""
    for bucket in LENGTHS:
        if length <= bucket:
            return bucket
    return -(-length // LENGTHS[-1]) * LENGTHS[-1]


def bucket_rows(rows: int) -> int:
    """The number of rows that a batch of `rows` sequences is padded to: the next power of two."""
    return 1 << max(0, rows - 1).bit_length()


def static_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Index arrays of batches whose padded shapes are few, the longest first.

    Every batch holds sequences of one bucket; all but the last of a bucket have the same number of rows, the largest
    power of two that keeps the padded batch within `budget` tokens (one row where a single one is longer).

    Args:
        lengths: int64 [n_sequences], tokens of each.
        budget: padded tokens of a batch.
    """
    buckets = np.array([bucket_length(int(length)) for length in lengths], dtype=np.int64)
    for bucket in np.unique(buckets)[::-1]:
        members = np.flatnonzero(buckets == bucket)
        rows = 1 << (max(1, budget // int(bucket)).bit_length() - 1)
        for start in range(0, len(members), rows):
            yield members[start : start + rows]
