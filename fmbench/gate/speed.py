"""Has speed or memory become worse? From rounds in which base, a second copy of base, and new take turns.

The samples are log-ratios new / base of rounds. A side is slower if the one-sided signed-rank test that the ratio is
above 1 + margin has p below the stage's alpha, and the median process agrees. The margin is never below the noise
floor: the 95 % quantile of the absolute Hodges-Lehmann ratio of the two copies of base, over processes and rounds drawn
anew. It passes if the 99.5 % upper bound is below the margin that was asked for; else it is undecided, and gets more
rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fmbench.gate.verdict import Cells, Check, Outcome, Samples
from fmbench.stats.timing import hodges_lehmann, signed_rank

FLOOR_DRAWS = 400
TWO_SIDED = 0.99
"""Level of the interval whose ends are the one-sided 99.5 % bounds."""


@dataclass(frozen=True)
class Stage:
    """So many fresh processes an arm, and rounds in each; `alpha` is what may be spent on false alarms here."""

    processes: int
    rounds: int
    alpha: float


STAGES = (Stage(3, 4, 0.001), Stage(3, 6, 0.002), Stage(3, 10, 0.002))
"""12, 30 and 60 rounds in all."""


@dataclass(frozen=True)
class Block:
    """What one process of each arm gave: seconds a pass [rounds], and peak memory, None where it is not known."""

    base: np.ndarray
    again: np.ndarray
    new: np.ndarray
    peaks: tuple[int, int, int] | None = None


def judge_speed(blocks: Sequence[Block], cells: Cells, metric: str, margin: float, alpha: float) -> Check:
    """The check of all rounds so far.

    Args:
        metric: "cpu_seconds", "device_seconds" or "wall_seconds".
        margin: share of time by which new may be slower.
        alpha: of this stage, divided by the number of cells that are judged together.
    """
    logs = np.concatenate([np.log(block.new / block.base) for block in blocks])
    middle, bounds = hodges_lehmann(logs, TWO_SIDED)
    floor = noise_floor(blocks)
    allowed = max(math.log1p(margin), floor)
    p = signed_rank(logs - allowed, "greater")
    typical = float(np.median([hodges_lehmann(np.log(block.new / block.base))[0] for block in blocks]))
    outcome: Outcome = "inconclusive"
    if bounds.high < math.log1p(margin):
        outcome = "pass"
    elif p < alpha and typical > allowed:
        outcome = "regression"
    return Check(
        cells=cells,
        sort="speed",
        metric=metric,
        outcome=outcome,
        base=float(np.median(np.concatenate([block.base for block in blocks]))),
        new=float(np.median(np.concatenate([block.new for block in blocks]))),
        change=math.expm1(middle),
        low=math.expm1(bounds.low),
        high=math.expm1(bounds.high),
        worse=math.expm1(middle),
        margin=math.expm1(allowed),
        n=len(logs),
        p=p,
        adjusted=p,
        method="Hodges-Lehmann, signed rank",
        note=f"{len(blocks)} processes an arm, two copies of base differ by up to {100 * math.expm1(floor):.1f} %",
        unit="s",
        higher_is_better=False,
        samples=_samples(*(np.concatenate([getattr(one, arm) for one in blocks]) for arm in ("base", "again", "new"))),
    )


def noise_floor(blocks: Sequence[Block], seed: int = 0) -> float:
    """What two copies of base differ by, as a log-ratio: q95 of |Hodges-Lehmann|, processes and rounds drawn anew.

    Each drawn process gives as many rounds as processes have on average.
    """
    logs = [np.log(block.again / block.base) for block in blocks]
    rng = np.random.default_rng(seed)
    lengths = np.array([len(one) for one in logs])
    padded = np.zeros((len(logs), lengths.max()))
    for row, one in zip(padded, logs, strict=True):
        row[: len(one)] = one
    drawn = rng.integers(0, len(logs), (FLOOR_DRAWS, len(logs)))
    each = max(1, round(float(lengths.mean())))
    rounds = (rng.random((*drawn.shape, each)) * lengths[drawn][:, :, None]).astype(int)
    samples = padded[drawn[:, :, None], rounds].reshape(FLOOR_DRAWS, -1)
    first, second = np.triu_indices(samples.shape[1])
    middles = np.median((samples[:, first] + samples[:, second]) / 2, axis=1)
    return float(np.quantile(np.abs(middles), 0.95))


def judge_memory(blocks: Sequence[Block], cells: Cells, margin: float) -> Check | None:
    """The check of peak memory, one value a process; None where the system does not tell it.

    It is a regression if the least of new is above the most of both copies of base by more than the margin, or than the
    largest difference of the two copies if that is more.
    """
    peaks = np.array([block.peaks for block in blocks if block.peaks is not None], dtype=np.float64)
    if not len(peaks):
        return None
    ratios = peaks[:, 2] / peaks[:, 0]
    allowed = max(margin, float(np.abs(peaks[:, 1] / peaks[:, 0] - 1).max()))
    change = float(np.median(peaks[:, 2]) / np.median(peaks[:, :2])) - 1
    outcome: Outcome = "pass" if change <= margin else "inconclusive"
    if peaks[:, 2].min() > peaks[:, :2].max() * (1 + allowed):
        outcome = "regression"
    return Check(
        cells=cells,
        sort="memory",
        metric="peak_memory_bytes",
        outcome=outcome,
        base=float(np.median(peaks[:, :2])),
        new=float(np.median(peaks[:, 2])),
        change=change,
        low=float(ratios.min()) - 1,
        high=float(ratios.max()) - 1,
        worse=change,
        margin=allowed,
        n=len(peaks),
        method="least and most of processes",
        unit="B",
        higher_is_better=False,
        samples=_samples(*peaks.T),
    )


def _samples(base: np.ndarray, again: np.ndarray, new: np.ndarray) -> Samples:
    return Samples(tuple(base.tolist()), tuple(again.tolist()), tuple(new.tolist()))
