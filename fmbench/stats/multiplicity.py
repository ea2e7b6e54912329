"""Many tests at once: adjusted p-values, and on how many tasks a difference replicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, in the order given: the chance of any false alarm is held (Holm 1979).

    An undefined p (NaN) stays so and counts as a test. Of an array [..., tests] each row is adjusted by itself.
    """
    values = np.asarray(p, dtype=np.float64)
    tests = values.shape[-1]
    order = np.argsort(values, axis=-1)
    stepped = np.take_along_axis(values, order, -1) * (tests - np.arange(tests))
    found = np.empty_like(values)
    np.put_along_axis(found, order, np.minimum(1.0, np.maximum.accumulate(stepped, axis=-1)), -1)
    return found


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values (1995, JRSS B 57): the share of false alarms among alarms is held."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)[::-1]
    factors = len(values) / np.arange(len(values), 0, -1)
    found = np.empty(len(values))
    found[order] = np.minimum(1.0, np.fmin.accumulate(values[order] * factors))
    found[np.isnan(values)] = np.nan
    return found


def replicated(p: Sequence[float] | np.ndarray, alpha: float = 0.05) -> int:
    """On how many of N tasks, at least, A beats B (Dror et al. 2017, TACL 5, k-hat by Bonferroni).

    `p^(u/N) = (N - u + 1) p_(u)` tests that fewer than u hold; the count is the largest u up to which all are rejected.
    It is right whatever the dependence between tasks.

    Args:
        p: one-sided, for A being better, one a task; an undefined one (NaN) supports nothing.
    """
    values = np.sort(np.nan_to_num(np.asarray(p, dtype=np.float64), nan=1.0))
    partial = values * (len(values) - np.arange(len(values)))
    return int((np.maximum.accumulate(partial) <= alpha).sum())
