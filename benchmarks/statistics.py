"""The bootstrap of entity F1, 10,000 sentences x 1,000 draws: beside a limit of 0.2 s, and beside scipy's bootstrap."""

from __future__ import annotations

import numpy as np
from scipy.stats import bootstrap

from benchmarks.pairs import Compared, Pair, Side, Times
from benchmarks.sizes import Size
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.sums import f1, micro

ITEMS, TYPES, DRAWS = 10_000, 4, 1000
LIMIT_S = 0.2


def counts(seed: int = 0) -> np.ndarray:
    """Entity counts like those of CoNLL-2003's sentences, int [ITEMS, TYPES, 3]: 1.5 gold entities, F1 about 0.83."""
    rng = np.random.default_rng(seed)
    gold = rng.poisson(1.5 / TYPES, (ITEMS, TYPES))
    right = rng.binomial(gold, 0.85)
    return np.stack([right, right + rng.poisson(0.3 / TYPES, (ITEMS, TYPES)), gold], axis=-1)


def ours(statistics: np.ndarray) -> tuple[float, float]:
    """Low and high of the 95 % interval."""
    return Bootstrap(statistics, draws=DRAWS).interval(micro(f1))[:2]


def scipys(statistics: np.ndarray) -> tuple[float, float]:
    """The same from scipy's percentile bootstrap in its vectorised form, of the counts summed over types."""
    columns = tuple(statistics.sum(axis=1).T)

    def score(right: np.ndarray, predicted: np.ndarray, gold: np.ndarray, axis: int = -1) -> np.ndarray:
        return 2 * right.sum(axis) / (predicted.sum(axis) + gold.sum(axis))

    found = bootstrap(columns, score, paired=True, n_resamples=DRAWS, method="percentile", batch=100, rng=0)
    return tuple(found.confidence_interval)


def within_limit(size: Size) -> Pair:
    """Our time beside the limit, whatever the size asked for: it takes a tenth of a second."""
    statistics = counts()
    return Pair(Side(lambda _: ours(statistics)), None, compare=against_limit)


def against_limit(times: Times, part: str) -> Compared:
    """Our seconds, and the limit."""
    seconds = times.of("ours", part)
    return seconds, np.full_like(seconds, LIMIT_S)


def beside_scipy(size: Size) -> Pair:
    """Our time beside that of scipy.stats.bootstrap on the counts summed over types."""
    statistics = counts()
    return Pair(Side(lambda _: ours(statistics)), Side(lambda _: scipys(statistics)))
