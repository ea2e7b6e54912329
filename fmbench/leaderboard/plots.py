"""The plots of a board, each a caption and an SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fmbench.leaderboard.board import Board, Estimate, Row
from fmbench.leaderboard.svg import Axis, axis_of, bar, chart, frame, line, mark, text, word
from fmbench.leaderboard.view import fixed, significant

MOST_ROWS = 60
MOST_LINES = 7
FRONT_DRAWS = 1000


class Plot(NamedTuple):
    """A picture with its name and what to know when reading it."""

    name: str
    note: str
    svg: str


def plots_of(board: Board) -> list[Plot]:
    """Every plot that the board has something for."""
    made = [ranks(board), *throughput(board), trained(board), *robustness(board), few_shot(board), history(board)]
    return [plot for plot in made if plot is not None]


def ranks(board: Board) -> Plot | None:
    """The rank-interval forest."""
    rows = [row for row in board.rows if row.rank is not None][:MOST_ROWS]
    if not rows:
        return None
    x = Axis(1, max(2, max(row.rank.high for row in rows if row.rank)), 250, 690)
    height = 20 * len(rows) + 50
    parts = []
    for value in sorted({round(v) for v in x.ticks()} | {1}):
        parts.append(f'<path class="g" d="M{x.at(value):.1f} 10V{height - 34}"/>')
        parts.append(f'<text x="{x.at(value):.1f}" y="{height - 20}" text-anchor="middle">{value}</text>')
    for i, row in enumerate(rows):
        assert row.rank is not None
        y, shade = 20 + 20 * i, (row.group or 1) - 1
        title = f"{row.name}: rank {row.rank.rank}, {row.rank.low} to {row.rank.high}; tie group {row.group}"
        parts.append(word(240, y + 4, row.name, "end"))
        parts.append(bar(x.at(row.rank.low), y, x.at(row.rank.high), y, shade))
        parts.append(mark(x.at(row.rank.rank), y, shade, title))
    parts.append(f'<text x="690" y="{height - 4}" text-anchor="end">rank</text>')
    note = "Ranks that paired tests with Holm's correction leave open; the same mark is the same tie group."
    return Plot("Rank intervals", note, chart(700, height, "Rank of each row with its interval", parts))


def throughput(board: Board) -> list[Plot | None]:
    """Quality against throughput, one plot a machine."""
    found: list[Plot | None] = []
    for number, extra in enumerate(board.extras):
        if extra.metric == "examples_per_s":
            cost = _extra(number)
            name, where = "Quality and throughput", f" on {extra.machine}"
            found.append(_scatter(board, cost, name, f"examples/s{where}", True, "faster"))
    return found


def trained(board: Board) -> Plot | None:
    """Quality against trainable parameters."""

    def cost(row: Row) -> Estimate | None:
        return None if row.trainable_parameters is None else Estimate(max(1, row.trainable_parameters))

    return _scatter(
        board, cost, "Quality and trainable parameters", "trainable parameters (0 drawn at 1)", False, "fewer"
    )


def _extra(number: int) -> Callable[[Row], Estimate | None]:
    def cost(row: Row) -> Estimate | None:
        found = row.extras[number]
        return None if isinstance(found, str) or found.value <= 0 else found

    return cost


def _scatter(
    board: Board, cost: Callable[[Row], Estimate | None], name: str, axis: str, more_is_better: bool, word_: str
) -> Plot | None:
    points = [(row, row.headline, c) for row in board.rows if row.headline and (c := cost(row))][:MOST_ROWS]
    if len(points) < 2:
        return None
    ends = [v for _, h, c in points for v in (c.value, c.low or c.value, c.high or c.value)]
    scores = [
        100 * v for _, h, _ in points for v in (h.value, h.low if h.low is not None else h.value, h.high or h.value)
    ]
    x, y = axis_of(ends, 60, 680, log=True), axis_of(scores, 330, 30)
    chance = front_probability([h for _, h, _ in points], [c for _, _, c in points], more_is_better)
    on_front = [k for k, p in enumerate(_front([(h.value, c.value) for _, h, c in points], more_is_better)) if p]
    parts = frame(x, y, axis, "score")
    step = sorted(((points[k][2].value, 100 * points[k][1].value) for k in on_front), key=lambda point: point[0])
    if len(step) > 1:
        parts.append(f'<path class="p" d="M{"L".join(f"{x.at(a):.1f} {y.at(b):.1f}" for a, b in step)}"/>')
    methods = list(dict.fromkeys(row.adaptation for row, _, _ in points))
    for (row, h, c), share in zip(points, chance, strict=True):
        kind = methods.index(row.adaptation)
        if c.low is not None and c.high is not None:
            parts.append(bar(x.at(c.low), y.at(100 * h.value), x.at(c.high), y.at(100 * h.value), kind))
        if h.low is not None and h.high is not None:
            parts.append(bar(x.at(c.value), y.at(100 * h.low), x.at(c.value), y.at(100 * h.high), kind))
        title = f"{row.name}: {fixed(100 * h.value, 1)} at {significant(c.value)}; on the front in {share:.0%} of draws"
        parts.append(mark(x.at(c.value), y.at(100 * h.value), kind, title, share < 0.05))
        if len(points) <= 12:
            left = x.at(c.value) > 480
            parts.append(
                word(x.at(c.value) + (-8 if left else 8), y.at(100 * h.value) - 6, row.name, "end" if left else "start")
            )
    note = (
        f"Up and {word_} is better. The line is the Pareto front of the estimates; a mark's title has the "
        "probability of being on it, faint below 5 %. Marks: "
        + ", ".join(f"{_SHAPES[i % 5]} {m}" for i, m in enumerate(methods))
        + "."
    )
    return Plot(name, note, chart(700, 370, f"{name}: score against {axis}", parts))


_SHAPES = ("circle", "square", "triangle", "diamond", "cross")


def front_probability(quality: Sequence[Estimate], cost: Sequence[Estimate], more_is_better: bool) -> np.ndarray:
    """How often each point is on the Pareto front when both of its coordinates are drawn within their intervals.

    Quality is drawn as normal, cost as log-normal, 1,000 times with a fixed seed; an interval that is missing does not
    vary.

    Returns:
        float64 [points], from 0 to 1.
    """
    rng = np.random.default_rng(0)
    widths = [(q.high - q.low) / 3.92 if q.low is not None and q.high is not None else 0.0 for q in quality]
    logs = [math.log(c.high / c.low) / 3.92 if c.low and c.high else 0.0 for c in cost]
    ups = np.array([q.value for q in quality]) + np.array(widths) * rng.normal(size=(FRONT_DRAWS, len(quality)))
    right = np.log([c.value for c in cost]) + np.array(logs) * rng.normal(size=(FRONT_DRAWS, len(cost)))
    right = right if more_is_better else -right
    found = np.empty(len(quality))
    for i in range(len(quality)):
        u, r = ups[:, i : i + 1], right[:, i : i + 1]
        beaten = (ups >= u) & (right >= r) & ((ups > u) | (right > r))
        found[i] = 1 - beaten.any(axis=1).mean()
    return found


def _front(points: Sequence[tuple[float, float]], more_is_better: bool) -> list[bool]:
    sign = 1 if more_is_better else -1
    return [not any(q >= a and sign * c >= sign * b and (q, c) != (a, b) for q, c in points) for a, b in points]


def robustness(board: Board) -> list[Plot]:
    """Score by severity of each perturbation, the best rows."""
    names = sorted({curve.perturbation for row in board.rows for curve in row.curves})
    return [_robustness(board, name) for name in names]


def _robustness(board: Board, name: str) -> Plot:
    found = [(row, curve.points) for row in board.rows for curve in row.curves if curve.perturbation == name]
    x = Axis(0, max(1, max(s for _, points in found for s, _ in points)), 60, 450)
    note = f"Rescaled scores under {name}, mean over the tasks that have it; the best {MOST_LINES} rows at most."
    return _lines(f"Robustness: {name}", note, found, x, "severity (0 is clean)", f"Scores by severity of {name}")


def few_shot(board: Board) -> Plot | None:
    """Score by the number of examples of each class, the best rows."""
    found = [(row, row.few_shot) for row in board.rows if len(row.few_shot) > 1]
    if not found:
        return None
    x = axis_of([shots for _, points in found for shots, _ in points], 60, 450, log=True)
    note = (
        "Rescaled scores on validation rows of heads from so many examples of each class, mean over the tasks that "
        f"have them; the best {MOST_LINES} rows at most."
    )
    return _lines("Few-shot", note, found, x, "examples of each class", "Scores by the number of examples")


def _lines(
    name: str,
    note: str,
    found: Sequence[tuple[Row, Sequence[tuple[int, float]]]],
    x: Axis,
    x_name: str,
    label: str,
) -> Plot:
    """A line a row, the first rows only, with their names beside it."""
    lines = [(row, [(at, 100 * value) for at, value in points]) for row, points in found[:MOST_LINES]]
    y = axis_of([v for _, points in lines for _, v in points], 250, 30)
    parts = frame(x, y, x_name, "score")
    for i, (row, points) in enumerate(lines):
        parts.append(line([(x.at(a), y.at(v)) for a, v in points], i))
        parts += [mark(x.at(a), y.at(v), i, f"{row.name}, {x_name} {a}: {fixed(v, 1)}") for a, v in points]
        parts.append(mark(480, 40 + 20 * i, i, row.name))
        parts.append(word(492, 44 + 20 * i, row.name))
    return Plot(name, note, chart(740, 290, label, parts))


def history(board: Board) -> Plot | None:
    """Headlines over the days on which they were computed, where there is more than one."""
    rows = [row for row in board.rows if row.headline and row.started_at][:MOST_ROWS]
    days = sorted({row.started_at[:10] for row in rows})
    if len(days) < 2:
        return None
    x = Axis(0, len(days) - 1, 60, 680)
    y = axis_of([100 * row.headline.value for row in rows if row.headline], 250, 30)
    parts = [part for part in frame(Axis(0, 1, 60, 680), y, "", "score") if 'text-anchor="middle"' not in part]
    for i, day in enumerate(days):
        if i % max(1, len(days) // 8) == 0:
            parts.append(f'<text x="{x.at(i):.1f}" y="266" text-anchor="middle">{text(day)}</text>')
    best = -math.inf
    steps: list[tuple[float, float]] = []
    for i, day in enumerate(days):
        for row in rows:
            if row.headline and row.started_at[:10] == day:
                value = 100 * row.headline.value
                best = max(best, value)
                parts.append(mark(x.at(i), y.at(value), 0, f"{row.name}, {day}: {fixed(value, 1)}"))
        steps += [(x.at(i), steps[-1][1])] if steps else []
        steps.append((x.at(i), y.at(best)))
    parts.append(line(steps, 1))
    note = "Each row at the day of its newest cell; the line is the best so far."
    return Plot("History", note, chart(700, 290, "Scores by the day of the run", parts))
