"""Seeded random splits: stratified, by whole groups, or both at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def stratified(strata: Sequence[str], share: float, seed: int) -> np.ndarray:
    """A boolean mask [n] that picks `share` of the rows of every stratum, rounded fairly and at random by `seed`."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(strata), dtype=bool)
    names, values = _numbered(strata)
    carry = 0.0
    for stratum in range(len(names)):
        members = rng.permutation(np.flatnonzero(values == stratum))
        exact = share * len(members) + carry
        count = min(int(exact + 0.5), len(members))
        carry = exact - count
        chosen[members[:count]] = True
    return chosen


def grouped(groups: Sequence[Any], share: float, seed: int, strata: Sequence[str] | None = None) -> np.ndarray:
    """A boolean mask [n] that picks whole groups, about `share` of the rows of every stratum, and never all groups.

    Groups come in an order shuffled by `seed`; each is picked if that brings the picked rows closer to `share` of every
    stratum, measured as `sum_s (picked_s - share n_s)^2 / n_s`, after StratifiedGroupKFold of scikit-learn.
    """
    names, index = _numbered([str(group) for group in groups])
    if len(names) < 2:
        return np.zeros(len(groups), dtype=bool)
    strata_names, stratum = _numbered(strata) if strata is not None else ([""], np.zeros(len(groups), dtype=np.int64))
    pairs, counts = np.unique(index * len(strata_names) + stratum, return_counts=True)
    of_group = np.searchsorted(pairs // len(strata_names), np.arange(len(names) + 1))
    total = np.bincount(stratum, minlength=len(strata_names)).astype(np.float64)
    lacking = share * total
    picked: list[int] = []
    best, best_gain = -1, -np.inf
    for group in np.random.default_rng(seed).permutation(len(names)):
        part = slice(of_group[group], of_group[group + 1])
        where, rows = pairs[part] % len(strata_names), counts[part]
        gain = float(np.sum((2 * lacking[where] - rows) * rows / total[where]))
        if gain > best_gain:
            best, best_gain = int(group), gain
        if gain > 0 and len(picked) < len(names) - 1:
            picked.append(int(group))
            lacking[where] -= rows
    return np.isin(index, picked or [best])


def _numbered(values: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Distinct values in order, and the number of each value among them [n]."""
    names = sorted(set(values))
    number = {name: i for i, name in enumerate(names)}
    return names, np.fromiter((number[value] for value in values), dtype=np.int64, count=len(values))
