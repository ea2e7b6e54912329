"""Nearly equal texts, by MinHash over character shingles.

A text is the set of its 5-grams of characters, lower-cased and with blanks drawn together. The share of equal minima of
HASHES random functions estimates the Jaccard similarity of two sets (Broder 1997). Texts that agree in one of the bands
of ROWS minima are compared, by the sets themselves, and those of at least the asked similarity are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

SHINGLE = 5
HASHES, ROWS = 64, 4
MOST_IN_BUCKET = 200
"""Of texts that share a band only so many are compared with each other."""
_BLOCK = 2048


def shingles(text: str) -> np.ndarray:
    """Hashes of the different 5-grams, uint32 [k] in order; a shorter text is one shingle."""
    codes = np.frombuffer(" ".join(text.lower().split()).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    padded = np.concatenate([codes, np.zeros(max(SHINGLE - len(codes), 0), dtype=np.uint32)]).astype(np.uint64)
    found = np.zeros(len(padded) - SHINGLE + 1, dtype=np.uint64)
    for i in range(SHINGLE):
        found = (found ^ padded[i : i + len(found)]) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(29)
    return np.unique((found >> np.uint64(32)).astype(np.uint32))


def signatures(sets: Sequence[np.ndarray], seed: int = 0) -> np.ndarray:
    """The minima of each set under HASHES functions `(a x + b) >> 32`, uint32 [n, HASHES]."""
    rng = np.random.default_rng(seed)
    a = rng.integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)
    b = rng.integers(0, 2**63, HASHES, dtype=np.uint64)
    found = np.empty((len(sets), HASHES), dtype=np.uint32)
    for start in range(0, len(sets), _BLOCK):
        block = sets[start : start + _BLOCK]
        flat = np.concatenate(block).astype(np.uint64)
        offsets = np.cumsum([0, *(len(one) for one in block[:-1])])
        for k in range(HASHES):
            hashed = ((flat * a[k] + b[k]) >> np.uint64(32)).astype(np.uint32)
            found[start : start + len(block), k] = np.minimum.reduceat(hashed, offsets)
    return found


def near_pairs(left: Sequence[str], right: Sequence[str], at_least: float) -> list[tuple[int, int, float]]:
    """(row of left, most similar row of right, Jaccard similarity), for each row of left that has one of `at_least`."""
    if not left or not right:
        return []
    sets = [shingles(text) for text in [*left, *right]]
    found: dict[int, tuple[float, int]] = {}
    for i, j in _candidates(signatures(sets), len(left)):
        similarity = _jaccard(sets[i], sets[len(left) + j])
        best, at = found.get(i, (0.0, -1))
        if similarity >= at_least and (similarity, -j) > (best, -at):
            found[i] = similarity, j
    return [(i, j, similarity) for i, (similarity, j) in sorted(found.items())]


def _candidates(minima: np.ndarray, n_left: int) -> Iterator[tuple[int, int]]:
    """Pairs (row of left, row of right) that agree in a band, each once."""
    n_right = len(minima) - n_left
    pairs = []
    for band in range(0, HASHES, ROWS):
        key = np.ascontiguousarray(minima[:, band : band + ROWS]).view(f"V{4 * ROWS}").ravel()
        same = np.unique(key, return_inverse=True)[1]
        right_order = np.argsort(same[n_left:], kind="stable")
        ordered = same[n_left:][right_order]
        start = np.searchsorted(ordered, same[:n_left], "left")
        count = np.minimum(np.searchsorted(ordered, same[:n_left], "right") - start, MOST_IN_BUCKET)
        left = np.repeat(np.arange(n_left), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        pairs.append(left * n_right + right_order[np.repeat(start, count) + within])
    for pair in np.unique(np.concatenate(pairs)).tolist():
        yield divmod(pair, n_right)


def _jaccard(one: np.ndarray, two: np.ndarray) -> float:
    both = len(np.intersect1d(one, two, assume_unique=True))
    return both / (len(one) + len(two) - both)
