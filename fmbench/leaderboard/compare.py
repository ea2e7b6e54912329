"""What the page needs to compare rows pair by pair: differences with intervals, p-values and what could be detected."""

from __future__ import annotations

import math
from typing import Any

from fmbench.leaderboard.board import Board
from fmbench.stats.power import detectable

EMBEDDED = 800
"""Pairs times tasks up to which the comparisons are in the page itself."""


def pair_lines(board: Board) -> list[list[list[Any]]] | None:
    """Row i, row j > i, task -> [difference, half, p, won, lost, detectable], rescaled; null where one has no score.

    Compared pair by pair: p is not corrected here, the page applies Holm over the tests that it shows.

    Returns:
        [m][m - 1 - i][tasks], or None where the board has too many pairs.
    """
    if board.pairs is None:
        return None
    halves = [pair.half() for pair in board.pairs]
    chances = [pair.p() for pair in board.pairs]
    m = len(board.rows)
    return [
        [
            [_line(board, t, i, j, halves[t][i, j], chances[t][i, j]) for t in range(len(board.tasks))]
            for j in range(i + 1, m)
        ]
        for i in range(m)
    ]


def _line(board: Board, task: int, i: int, j: int, half: float, p: float) -> list[float | None] | None:
    assert board.pairs is not None
    pair = board.pairs[task]
    difference, variance = float(pair.difference[i, j]), float(pair.variance[i, j])
    if math.isnan(difference):
        return None
    won, lost = (None, None) if pair.won is None else (_count(pair.won[i, j]), _count(pair.won[j, i]))
    known = not math.isnan(variance)
    smallest = detectable(1, 0.0, fixed=variance) if known else None
    return [
        _short(difference),
        _short(float(half)) if known else None,
        _short(float(p)) if known else None,
        won,
        lost,
        None if smallest is None else _short(smallest),
    ]


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _count(value: float) -> int | None:
    return None if math.isnan(value) else int(value)
