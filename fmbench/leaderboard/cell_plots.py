"""The plots of one cell: what was learnt step by step, from how many examples, how sure it is and how rightly so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fmbench.leaderboard.errors import confidences
from fmbench.leaderboard.plots import Plot
from fmbench.leaderboard.svg import Axis, axis_of, bar, chart, frame, line, mark
from fmbench.leaderboard.view import significant
from fmbench.run.result import Result, few_shot
from fmbench.stats.calibration import equal_mass_bins, reliability

NULL_DRAWS = 400
TABLES = ("confusion_", "reliability_", "entity_reliability_", "risk_coverage_", "length_")
"""Lists of a result that are the columns of a table and have no steps."""
MOST_MARKS = 40


def plots_of_cell(result: Result, clean: pa.Table | None) -> list[Plot]:
    """All plots that a result and its clean predictions have something for."""
    plots = [
        _steps(name, values)
        for name, values in result.curves.items()
        if name != "few_shot" and not name.startswith(TABLES)
    ]
    plots += [_few_shot(result), _risk(result)]
    found = None if clean is None else confidences(clean)
    if found is not None and len(found[0]) >= 20:
        plots.append(reliability_plot(*found))
    return [plot for plot in plots if plot is not None]


def _steps(name: str, values: Sequence[float | None]) -> Plot | None:
    points = [(float(i), value) for i, value in enumerate(values, 1) if value is not None]
    note = "As the first seed recorded it."
    return _line(f"Curve: {name}", note, points, "step", name, Axis(1, max(2, len(values)), 60, 480))


def _few_shot(result: Result) -> Plot | None:
    points = [(float(shots), value) for shots, value in few_shot(result)]
    axis = Axis(0.8 * points[0][0], 1.25 * points[-1][0], 60, 480, log=True) if points else Axis(0, 1, 60, 480)
    note = f"{result.main_metric} on the validation rows with a head from so many examples of each class, first seed."
    return _line("Few-shot", note, points, "examples of each class", result.main_metric, axis)


def _risk(result: Result) -> Plot | None:
    both = (result.curves.get(f"risk_coverage_{name}", []) for name in ("coverage", "risk"))
    points = [(x, y) for x, y in zip(*both, strict=True) if x is not None and y is not None]
    note = "Share of wrong answers among the surest part of the test rows, first seed."
    return _line("Risk and coverage", note, points, "coverage", "risk", Axis(0, 1, 60, 480))


def _line(
    name: str, note: str, points: Sequence[tuple[float, float]], x_name: str, y_name: str, x: Axis
) -> Plot | None:
    if len(points) < 2:
        return None
    y = axis_of([value for _, value in points], 220, 30)
    parts = frame(x, y, x_name, y_name)
    parts.append(line([(x.at(a), y.at(b)) for a, b in points], 0))
    if len(points) <= MOST_MARKS:
        parts += [mark(x.at(a), y.at(b), 0, f"{y_name} at {x_name} {a:g}: {significant(b)}") for a, b in points]
    return Plot(name, note, chart(520, 260, f"{y_name} by {x_name}", parts))


def reliability_plot(confidence: np.ndarray, correct: np.ndarray) -> Plot:
    """Accuracy by confidence in bins of equal mass, and the band in which a calibrated model's bins lie in 95 %."""
    where = equal_mass_bins(confidence)
    bins = reliability(confidence, correct, where)
    rng = np.random.default_rng(0)
    simulated = np.stack([np.bincount(where, weights=rng.random(len(where)) < confidence) for _ in range(NULL_DRAWS)])
    there = np.flatnonzero(np.bincount(where))
    low, high = np.percentile(simulated[:, there] / np.bincount(where)[there], [2.5, 97.5], axis=0)
    x, y = Axis(0, 1, 60, 360), Axis(0, 1, 330, 30)
    parts = frame(x, y, "confidence", "accuracy")
    parts.append(f'<path class="p" d="M{x.at(0):.1f} {y.at(0):.1f}L{x.at(1):.1f} {y.at(1):.1f}"/>')
    for one, a, b in zip(bins, low, high, strict=True):
        at = x.at(one.confidence)
        parts.append(f'<path class="band" d="M{at - 7:.1f} {y.at(float(a)):.1f}h14V{y.at(float(b)):.1f}h-14z"/>')
        parts.append(bar(at, y.at(one.accuracy), at, y.at(one.confidence), 1))
        title = f"{one.n} items: confidence {one.confidence:.3f}, accuracy {one.accuracy:.3f}"
        parts.append(mark(at, y.at(one.accuracy), 0, title))
    note = "First seed. Grey: where 95 % of a calibrated model's bins of this size lie."
    return Plot("Reliability", note, chart(400, 370, "Accuracy by confidence", parts))
