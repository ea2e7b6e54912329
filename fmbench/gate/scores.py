"""Resampled and exchanged scores of any metric: those of sums fast, all others by scoring the rows again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from fmbench.measure.metric import Metric
from fmbench.stats.bootstrap import DRAWS, Value, resampled_sums, resampled_weights
from fmbench.stats.clusters import cluster_index, cluster_sums
from fmbench.stats.paired import sign_flip

REPEATED_DRAWS = 1000
ENOUGH_EXTREME = 100
"""Exchanges at least as extreme as the sides themselves after which p is known well enough, about a tenth of itself."""


@runtime_checkable
class Summed(Protocol):
    """A metric whose score is a function of the summed statistics."""

    @property
    def value(self) -> Value: ...


Clusters = Sequence[object] | None


def resampled(metric: Metric, runs: Sequence[np.ndarray], clusters: Clusters, seed: int = 0) -> list[np.ndarray]:
    """Bootstrap scores [draws] of each of `runs`; every draw has the same items (or clusters) in all of them."""
    rng = np.random.default_rng(seed)
    if isinstance(metric, Summed):
        sums = resampled_sums([cluster_sums(run, clusters) for run in runs], DRAWS, rng)
        return [metric.value(run) for run in sums]
    index = np.arange(len(runs[0])) if clusters is None else cluster_index(clusters)
    found: list[list[float]] = [[] for _ in runs]
    for weights in resampled_weights(int(index.max()) + 1, REPEATED_DRAWS, rng):
        for drawn in weights:
            rows = np.repeat(np.arange(len(index)), drawn[index].astype(int))
            for scores, run in zip(found, runs, strict=True):
                scores.append(metric.score(run[rows]))
    return [np.array(scores) for scores in found]


def exchange_p(
    metric: Metric, base: Sequence[np.ndarray], new: Sequence[np.ndarray], clusters: Clusters, draws: int, seed: int = 0
) -> float:
    """One-sided p of "base is not better": both sides exchanged within items (clusters), in all seeds at once.

    The two-sided p of the sign-flip test is halved: its null distribution is symmetric.

    Args:
        base, new: statistics [n_items, ...] of each seed, losses positive if base minus new is.
    """
    if isinstance(metric, Summed):
        value = metric.value
        found = sign_flip(
            np.stack(base, axis=1), np.stack(new, axis=1), lambda sums: value(sums).mean(axis=-1), clusters, draws, seed
        )
        difference, p = found.difference, found.p
    else:
        difference, p = _exchanged(metric, base, new, clusters, max(draws // 4, REPEATED_DRAWS), seed)
    better = difference if metric.higher_is_better else -difference
    if np.isnan(p):
        return float("nan")
    return p / 2 if better > 0 else 1 - p / 2


def _exchanged(
    metric: Metric, base: Sequence[np.ndarray], new: Sequence[np.ndarray], clusters: Clusters, draws: int, seed: int
) -> tuple[float, float]:
    """Difference and two-sided p; the larger p is, the fewer draws it takes (sequential, Besag and Clifford 1991)."""
    rng = np.random.default_rng(seed)
    index = np.arange(len(base[0])) if clusters is None else cluster_index(clusters)

    def difference(kept: np.ndarray) -> float:
        sides = zip(base, new, strict=True)
        return float(np.mean([metric.score(_mix(a, b, kept)) - metric.score(_mix(b, a, kept)) for a, b in sides]))

    observed = difference(np.ones(len(index), dtype=bool))
    extreme = 0
    for drawn in range(1, draws + 1):
        found = difference((rng.random(int(index.max()) + 1) < 0.5)[index])
        extreme += abs(found) >= abs(observed) * (1 - 1e-9)
        if extreme == ENOUGH_EXTREME:
            return observed, extreme / drawn
    return observed, (1 + extreme) / (1 + draws)


def _mix(a: np.ndarray, b: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return np.where(kept.reshape(-1, *[1] * (a.ndim - 1)), a, b)


def widened(run: np.ndarray, width: int) -> np.ndarray:
    """Counts [n, labels, 3] with zeros for labels that only the other side predicted; other shapes as they are."""
    if run.ndim < 3 or run.shape[1] == width:
        return run
    padding = [(0, 0), (0, width - run.shape[1]), *[(0, 0)] * (run.ndim - 2)]
    return np.pad(run, padding)


def is_proportion(metric: Metric) -> bool:
    """Whether the score is the share of items that are right."""
    return bool(getattr(metric, "proportion", False))


def right(run: np.ndarray) -> np.ndarray | None:
    """bool [n], items on which nothing is wrong, of counts [n, labels, 3]; None for other statistics."""
    if run.ndim != 3 or run.shape[2] != 3:
        return None
    found: np.ndarray = (run[:, :, 0] == run[:, :, 1]).all(axis=1) & (run[:, :, 0] == run[:, :, 2]).all(axis=1)
    return found
