"""One task over all rows that have a score on it: means over seeds, their intervals, ranks and comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fmbench.leaderboard.board import Estimate, Score
from fmbench.leaderboard.entry import Entry, Task
from fmbench.leaderboard.holm_ranks import ranks_of
from fmbench.leaderboard.pairs import Compared, Spread, compared, items_won, own_variance, spread_of


@dataclass(frozen=True)
class Column:
    """The scores of one task.

    Args:
        scores: number of a row -> its score; rows without one are not there.
        at: number of a row -> its place in `compared`.
        scaled, variance, df: rescaled scores and what is known of them, float64 [m]; NaN without levels.
        found: differences of rescaled scores (of scores turned so that higher is better, without levels), [m, m]; None
            where they were let go because there are too many.
    """

    task: Task
    scores: Mapping[int, Score]
    at: Mapping[int, int]
    scaled: np.ndarray
    variance: np.ndarray
    df: np.ndarray
    found: Compared | None


def make_column(task: Task, cells: Sequence[Sequence[Entry]], count_items: bool = True) -> Column:
    """Entries of each row -> the column. Entries without a value are only told of.

    Args:
        count_items: also count the items that each row wins from each other, where items have scores.
    """
    good = {i: [entry for entry in cell if entry.value is not None] for i, cell in enumerate(cells)}
    rows = [i for i, cell in good.items() if cell]
    values = [[float(entry.value) for entry in good[i] if entry.value is not None] for i in rows]
    means = np.array([math.fsum(one) / len(one) for one in values], dtype=np.float64)
    runs = [[entry.contributions for entry in good[i]] for i in rows]
    raw = spread_of(runs, values)
    span = task.span
    factor = (1.0 if task.higher_is_better else -1.0) if span is None else 1.0 / span
    offset = task.chance if span is not None and task.chance is not None else 0.0
    scaled, spread = (means - offset) * factor, raw.scaled(factor)
    found = compared(scaled, spread)
    if count_items and task.item_scores:
        won = items_won(runs)
        found = replace(found, won=won if factor > 0 else won.T)
    variance, df = own_variance(spread)
    ranks = ranks_of(found)
    estimates = _estimates(means, raw, task.range)
    scores = {
        i: Score(
            estimates[k],
            None if span is None else _rescaled(estimates[k], offset, factor),
            ranks[k],
            max(entry.n for entry in good[i]),
            tuple(entry.seed for entry in good[i]),
            problems_of(cells[i]),
            tuple(entry.folder for entry in good[i]),
        )
        for k, i in enumerate(rows)
    }
    unknown = np.full(len(rows), np.nan)
    return Column(
        task,
        scores,
        {i: k for k, i in enumerate(rows)},
        unknown if span is None else scaled,
        variance,
        df,
        found,
    )


def problems_of(cell: Sequence[Entry]) -> str | None:
    """What went wrong in a cell's seeds, or None."""
    return "; ".join(sorted({entry.problem for entry in cell if entry.problem}))[:500] or None


def interval(value: float, variance: float, df: float, ends: tuple[float, float]) -> Estimate:
    """Student's t interval, cut at the ends of what the metric can be."""
    from scipy.special import stdtrit

    if not math.isfinite(variance):
        return Estimate(value)
    return _around(value, float(stdtrit(df, 0.975)) * math.sqrt(variance), ends)


def _around(value: float, half: float, ends: tuple[float, float]) -> Estimate:
    return Estimate(value, five_digits(max(ends[0], value - half)), five_digits(min(ends[1], value + half)))


def five_digits(value: float) -> float:
    """An end of an interval in five digits, which is more than it knows and keeps pages small."""
    return float(f"{value:.5g}")


def _estimates(means: np.ndarray, spread: Spread, ends: tuple[float, float]) -> list[Estimate]:
    """`interval` of every row."""
    from scipy.special import stdtrit

    variance, df = own_variance(spread)
    half = stdtrit(df, 0.975) * np.sqrt(variance)
    known = np.isfinite(variance)
    return [
        _around(value, width, ends) if there else Estimate(value)
        for value, width, there in zip(means.tolist(), half.tolist(), known.tolist(), strict=True)
    ]


def _rescaled(raw: Estimate, offset: float, factor: float) -> Estimate:
    ends = [None if end is None else five_digits((end - offset) * factor) for end in (raw.low, raw.high)]
    low, high = ends if factor > 0 else ends[::-1]
    return Estimate((raw.value - offset) * factor, low, high)
