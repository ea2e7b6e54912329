"""Has quality become worse? Paired on the same examples, and on the same seeds where there are several.

A metric passes if the one-sided 95 % bound of its change lies above -margin (non-inferiority). It is a regression if
it does not pass, the one-sided p of "no loss" stays below alpha after Holm over all gated metrics, and the loss is at
least half the margin. A score that is undefined in new (a constant has no correlation) and was defined in the base is a
regression. Everything else is inconclusive. Shares of independent examples use McNemar's exact test and
Tango's score bounds (1998), all other metrics exchange the sides within examples or clusters, and bootstrap them. With
several seeds the noise of training counts too (training.py): p is the larger of the one over examples, which is about
these checkpoints, and the one that joins examples and Student's t over seeds, which is about the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from fmbench.gate.foreign import Coded
from fmbench.gate.scores import Clusters, exchange_p, is_proportion, resampled, right, widened
from fmbench.gate.training import Training, answers_alike, mover_p, shared_variance, training_of
from fmbench.gate.verdict import Cells, Check, Flip, Outcome
from fmbench.measure.metric import Metric
from fmbench.stats import power
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.multiplicity import holm
from fmbench.stats.paired import discordant, mcnemar, tango
from fmbench.stats.seeds import with_seeds

BOUND = 0.95
"""Level of each of the two one-sided bounds."""
SMALLEST_SHARE = 0.5
"""A loss below this share of the margin is never a regression, however certain it is."""
CERTAIN = 0.01
"""Level at which the checkpoints at hand are called worse in a note, where the verdict is about the method."""
ONE_SEED = "one seed: about this checkpoint, not the method"
SEEDS_DIFFER = "these checkpoints are worse; the seeds are too few to say so of the method"


@dataclass(frozen=True)
class Pair:
    """One metric of the same cells on both sides.

    Args:
        ids: of the examples, [n].
        base, new: statistics [n, ...] of each seed, rows in the order of `ids`.
        seeds: their numbers.
        clusters: a label for each example, or None.
    """

    cells: Cells
    metric: Metric
    ids: Sequence[str]
    seeds: tuple[int, ...]
    base: tuple[np.ndarray, ...]
    new: tuple[np.ndarray, ...]
    margin: float
    clusters: Clusters = None


def judge(pairs: Sequence[Pair], alpha: float = 0.01, family: int | None = None) -> list[Check]:
    """A check for each pair; p-values are adjusted for all of them (or for `family` where only some are judged)."""
    tests = max(len(pairs), family or 0)
    draws = int(min(1_000_000, max(10_000, 4 * tests / alpha)))
    found = [compare(pair, draws) for pair in pairs]
    values = [1.0 if math.isnan(check.p) else check.p for check in found]
    adjusted = holm([*values, *[1.0] * (tests - len(values))])[: len(found)]
    return [_decided(check, float(p), alpha) for check, p in zip(found, adjusted, strict=True)]


def compare(pair: Pair, draws: int = 10_000) -> Check:
    """Difference, bounds and p of one pair; not yet decided."""
    metric = pair.metric
    width = max((run.shape[1] for run in (*pair.base, *pair.new) if run.ndim > 1), default=0)
    base = [widened(run, width) for run in pair.base]
    new = [widened(run, width) for run in pair.new]
    scores = np.array([[metric.score(run) for run in side] for side in (base, new)])
    changes = scores[1] - scores[0]
    lost, gained, flips = _flips(pair)
    check = Check(
        cells=pair.cells,
        sort="quality",
        metric=metric.name,
        outcome="inconclusive",
        base=float(scores[0].mean()),
        new=float(scores[1].mean()),
        change=float(changes.mean()),
        low=math.nan,
        high=math.nan,
        worse=float(changes.mean()) * (-1.0 if metric.higher_is_better else 1.0),
        margin=pair.margin,
        n=len(pair.ids),
        seeds=len(pair.seeds),
        lost=lost,
        gained=gained,
        flips=flips,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
    )
    if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(base, new, strict=True)):
        return replace(check, outcome="pass", change=0.0, low=0.0, high=0.0, worse=0.0, method="identical")
    if np.isnan(check.change):
        return _undefined(check, pair.seeds, np.isnan(scores))
    if len(pair.seeds) == 1 and is_proportion(metric) and pair.clusters is None:
        return _shares(check, base[0], new[0])
    training = training_of(scores, _alike(metric, base, new)) if len(pair.seeds) > 1 else None
    return _scores(check, pair, base, new, training, draws)


def _alike(metric: Metric, base: Sequence[np.ndarray], new: Sequence[np.ndarray]) -> bool:
    if isinstance(metric, Coded):
        base, new = ([metric.answers(run) for run in side] for side in (base, new))
        labels = base[0].dtype.kind == "i"
        return answers_alike(base, new, labels)
    return answers_alike(base, new)


def _undefined(check: Check, seeds: Sequence[int], undefined: np.ndarray) -> Check:
    """A score that new lost is a regression without statistics; where the base has none nothing can be said.

    Args:
        undefined: bool [2 sides, K seeds].
    """
    lost = undefined[1] & ~undefined[0]
    side, which = ("new", lost) if lost.any() else ("base", undefined[0])
    at = ", ".join(str(seed) for seed, found in zip(seeds, which, strict=True) if found)
    note = f"undefined in {side}" + (f" (seeds {at})" if len(seeds) > 1 else "")
    if lost.any():
        return replace(check, outcome="regression", note=f"{note}, defined in base", method="undefined")
    both = " and in new" if undefined[1].all() else ""
    return replace(check, note=f"{note}{both}: there is nothing to lose", method="undefined")


def _shares(check: Check, base: np.ndarray, new: np.ndarray) -> Check:
    """McNemar and Tango: right or wrong, one seed, independent examples."""
    a, b = right(base), right(new)
    assert a is not None and b is not None
    lost, gained = discordant(a, b)
    bounds = tango(gained, lost, check.n, 2 * BOUND - 1)
    variance = (lost + gained) / check.n - check.change**2
    least = math.ceil(NormalDist().inv_cdf(BOUND) ** 2 * (1 - check.margin) / check.margin)
    return replace(
        check,
        low=bounds.low,
        high=bounds.high,
        p=mcnemar(lost, gained, "greater").p,
        method="McNemar exact, Tango",
        detectable=power.detectable(check.n, max(variance, 1 / check.n), 1 - BOUND, sides=1),
        needed=max(least, _settled(variance, 0.0, check.margin) or 0),
        note=ONE_SEED,
    )


def _scores(
    check: Check,
    pair: Pair,
    base: Sequence[np.ndarray],
    new: Sequence[np.ndarray],
    training: Training | None,
    draws: int,
) -> Check:
    """Sign flips and the bootstrap, over examples (clusters) and seeds; p only where it could decide."""
    metric, k, n = pair.metric, len(pair.seeds), check.n
    drawn = resampled(metric, [*base, *new], pair.clusters)
    differences = [b - a for a, b in zip(drawn[:k], drawn[k:], strict=True)]
    mean = np.mean(differences, axis=0)
    runs = "1 seed, training variance unknown" if training is None else f"t over {k} seeds"
    what = f"bootstrap over {'items' if pair.clusters is None else 'clusters'}; {runs}"
    bounds = percentile(mean, 2 * BOUND - 1, what)
    items, seeds, note = float(np.nanvar(mean)), 0.0, ONE_SEED
    if training is not None:
        bounds = with_seeds(bounds, check.change, training.variance, training.freedom, 2 * BOUND - 1)
        seeds, note = (training.half(1 - BOUND) / NormalDist().inv_cdf(BOUND)) ** 2, ""
    p = math.nan
    if not _within(check, bounds) and check.worse >= SMALLEST_SHARE * check.margin:
        p = checkpoints = exchange_p(metric, base, new, pair.clusters, draws)
        if training is not None:
            p = max(p, mover_p(check.worse, shared_variance(differences), training))
            note = SEEDS_DIFFER if checkpoints < CERTAIN <= p else note
    return replace(
        check,
        low=bounds.low,
        high=bounds.high,
        p=p,
        method=f"sign flips, {bounds.method}",
        detectable=power.detectable(n, items * n, 1 - BOUND, sides=1, fixed=seeds),
        needed=_settled(items * n, seeds, check.margin),
        note=note,
    )


def _settled(variance: float, fixed: float, margin: float) -> int | None:
    """Examples with which a side that lost nothing would pass four times in five; None where only seeds would help."""
    z = NormalDist().inv_cdf(BOUND) + NormalDist().inv_cdf(0.8)
    room = (margin / z) ** 2 - fixed
    return None if room <= 0 else max(1, math.ceil(variance / room))


def _within(check: Check, bounds: Interval) -> bool:
    """Whether the bound on the side of a loss lies within the margin."""
    return (-bounds.low if check.higher_is_better else bounds.high) <= check.margin


def _decided(check: Check, adjusted: float, alpha: float) -> Check:
    if check.method == "identical" or math.isnan(check.change):
        return check
    outcome: Outcome = "inconclusive"
    if _within(check, Interval(check.low, check.high, check.method)):
        outcome = "pass"
    elif adjusted < alpha and check.worse >= SMALLEST_SHARE * check.margin:
        outcome = "regression"
    return replace(check, outcome=outcome, adjusted=math.nan if math.isnan(check.p) else adjusted)


def _flips(pair: Pair, most: int = 20) -> tuple[int | None, int | None, tuple[Flip, ...]]:
    """How many examples each side alone has right, over all seeds, and the first of them, lost ones first."""
    found: list[Flip] = []
    for seed, base, new in zip(pair.seeds, pair.base, pair.new, strict=True):
        a, b = right(base), right(new)
        if a is None or b is None:
            return None, None, ()
        found += [Flip(str(pair.ids[i]), seed, bool(a[i])) for i in np.nonzero(a != b)[0].tolist()]
    lost = [flip for flip in found if flip.lost]
    gained = [flip for flip in found if not flip.lost]
    return len(lost), len(gained), (*lost[:most], *gained[: max(0, most - len(lost))])
