"""What perturbed predictions show beside the clean ones: pure functions of the stored table.

A pass has predictions of the rows that it changed. Rows left unchanged keep their clean prediction in the perturbed
score, and are no part of any paired figure: they would only dilute it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric
from fmbench.measure.scene import Stored
from fmbench.registry import METRICS
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.intervals import Interval, percentile, wilson
from fmbench.stats.sums import GOLD, PREDICTED, TP, ratio, shares
from fmbench.tasks.tags import spans

EVERY = "any"
"""Where a worst case is over all perturbations."""


class Pass(NamedTuple):
    """Predictions of the rows that one perturbation changed; `label` says what became of their gold."""

    perturbation: str
    severity: int
    label: str
    rows: pa.Table


@dataclass(frozen=True)
class _Beside:
    """A pass with the clean predictions of its rows: statistics [m, ...] of both, `at` int [m] the clean rows."""

    made: Pass
    at: np.ndarray
    before: pa.Table
    statistics: np.ndarray
    clusters: list[Any] | None

    def measured(self, metric: str, value: float, interval: Interval, n: int, **more: Any) -> Measurement:
        dimensions = {"perturbation": self.made.perturbation, "severity": self.made.severity}
        return measured(metric, value, interval, n, **dimensions, **more)

    def share(self, metric: str, true: np.ndarray, better: bool | None) -> Measurement:
        return self.measured(metric, *_share(true, self.clusters), higher_is_better=better)


def judge_passes(stored: Stored, passes: Sequence[Pass]) -> list[Measurement]:
    """The rows of every pass, then the worst cases over passes; of the main metric."""
    metric: Metric = METRICS[stored.metrics[0]]
    if not passes:
        return []
    tables = [stored.clean, *(one.rows for one in passes)]
    shared = [name for name in stored.clean.column_names if all(name in table.column_names for table in tables)]
    together = pa.concat_tables([table.select(shared) for table in tables])
    parts = np.split(metric.statistics(together, stored.labels), np.cumsum([len(table) for table in tables])[:-1])
    clean, found = parts[0], []
    for one, statistics in zip(passes, parts[1:], strict=True):
        at = np.asarray(
            pc.index_in(one.rows["example_id"], stored.clean["example_id"].combine_chunks()), dtype=np.int64
        )
        before = stored.clean.take(at)
        found.append(_Beside(one, at, before, statistics, stored.clusters(before)))
    rows = [row for one in found for row in _of_pass(stored, metric, clean, one)]
    return rows + _worst_cases(stored, metric, clean, found)


def _of_pass(stored: Stored, metric: Metric, clean: np.ndarray, one: _Beside) -> list[Measurement]:
    changed = np.isin(np.arange(len(clean)), one.at)
    value, interval, n = _share(changed, stored.clusters(stored.clean))
    rows = [one.measured("changed_share", value, interval, n)]
    if one.made.label == "kept":
        rows.append(_perturbed(stored, metric, clean, one))
    if not len(one.at):
        return rows
    if one.made.label == "kept":
        rows += _drops(metric, clean[one.at], one)
    if one.made.label == "flips":
        rows += _directional(stored, one)
    return rows + _flips(one)


def _perturbed(stored: Stored, metric: Metric, clean: np.ndarray, one: _Beside) -> Measurement:
    """The score of all examples, of which the changed ones are perturbed."""
    statistics = clean.copy()
    statistics[one.at] = one.statistics
    drawn = _drawn(metric, [statistics], stored.clusters(stored.clean))[0]
    interval = percentile(drawn, 0.95, _method(stored.cluster_key))
    dimensions = {"unit": metric.unit, "higher_is_better": metric.higher_is_better}
    return one.measured(metric.name, metric.score(statistics), interval, len(clean), **dimensions)


def _drops(metric: Metric, before: np.ndarray, one: _Beside) -> list[Measurement]:
    """How much worse the changed examples became, above 0 for worse whichever way the metric points."""
    sign = 1 if metric.higher_is_better else -1
    method = f"paired {_method(one.clusters)}"
    scores = [metric.score(statistics) for statistics in (before, one.statistics)]
    drawn = _drawn(metric, [before, one.statistics], one.clusters)
    rows = []
    for name, relative, unit in (("drop", False, metric.unit), ("relative_drop", True, "")):
        value, *draws = (_drop(sign, np.asarray(a), np.asarray(b), relative) for a, b in (scores, drawn))
        interval = percentile(draws[0], 0.95, method)
        rows.append(
            one.measured(
                f"{metric.name}_{name}", float(value), interval, len(before), unit=unit, higher_is_better=False
            )
        )
    return rows


def _drop(sign: int, before: np.ndarray, after: np.ndarray, relative: bool) -> np.ndarray:
    """`before - after` in the direction of worse, over `before` if relative; NaN where that is not above 0."""
    lost = sign * (before - after) + 0.0
    if not relative:
        return lost
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(before > 0, lost / before, np.nan)


def _flips(one: _Beside) -> list[Measurement]:
    """How often the prediction is another; where it is a number, how far it moved."""
    column = one.made.rows["prediction"]
    if pa.types.is_floating(column.type) or (
        pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type)
    ):
        pairs = zip(one.before["prediction"].to_pylist(), column.to_pylist(), strict=True)
        moved = np.array([np.abs(np.subtract(a, b)).mean() for a, b in pairs])
        bootstrap = Bootstrap(shares(moved), one.clusters)
        row = one.measured(
            "prediction_shift", float(moved.mean()), bootstrap.interval(ratio), len(moved), higher_is_better=False
        )
        return [row]
    better = {"kept": False, "flips": True}.get(one.made.label)
    return [one.share("flip_rate", flipped(one.before, one.made.rows), better)]


def flipped(before: pa.Table, after: pa.Table) -> np.ndarray:
    """bool [n]: whether the prediction is another; of rankings, the first place.

    Of tags where words came or went: whether another of the gold mentions, which keep their order, is found, or
    another number of others.
    """
    sides = [table.select(["gold", "prediction"]).to_pylist() for table in (before, after)]
    return np.array([_differ(a, b) for a, b in zip(*sides, strict=True)], dtype=bool)


def _differ(before: dict[str, Any], after: dict[str, Any]) -> bool:
    a, b = before["prediction"], after["prediction"]
    if isinstance(a, list) and a and isinstance(a[0], int):
        return a[:1] != b[:1]
    if isinstance(a, list) and isinstance(before["gold"], list) and len(before["gold"]) != len(after["gold"]):
        return _outcome(before) != _outcome(after)
    return bool(a != b)


def _outcome(row: dict[str, Any]) -> tuple[list[bool], int]:
    gold, found = spans(row["gold"]), set(spans(row["prediction"]))
    return [one in found for one in gold], len(found - set(gold))


def _directional(stored: Stored, one: _Beside) -> list[Measurement]:
    """Of examples that were right, how many lost probability of their gold label, as they must when it flips."""
    index = {label: i for i, label in enumerate(stored.labels)}
    gold = np.array([index.get(label, -1) for label in one.before["gold"].to_pylist()])
    right = np.asarray(pc.equal(one.before["gold"], one.before["prediction"])) & (gold >= 0)
    if not right.any():
        return []
    before, after = (
        np.asarray(table["scores"].to_pylist())[right, gold[right]] for table in (one.before, one.made.rows)
    )
    clusters = None if one.clusters is None else [name for name, kept in zip(one.clusters, right, strict=True) if kept]
    value, interval, n = _share(after < before, clusters)
    return [one.measured("directional_success", value, interval, n, higher_is_better=True)]


def _worst_cases(stored: Stored, metric: Metric, clean: np.ndarray, found: Sequence[_Beside]) -> list[Measurement]:
    """The score with every example at its worst among clean and perturbed ones, by perturbation and over all."""
    groups: dict[str, list[_Beside]] = {}
    for one in found:
        if one.made.label == "kept":
            groups.setdefault(one.made.perturbation, []).append(one)
    every = [one for name, group in groups.items() if name != "identity" for one in group]
    if len({one.made.perturbation for one in every}) > 1:
        groups[EVERY] = every
    rows = []
    for name, group in groups.items():
        statistics = worst(metric, clean, [(one.at, one.statistics) for one in group])
        if statistics is None:
            continue
        drawn = _drawn(metric, [statistics], stored.clusters(stored.clean))[0]
        interval = percentile(drawn, 0.95, f"{_method(stored.cluster_key)}, worst of {len(group) + 1}")
        row = measured(
            f"{metric.name}_worst_case",
            metric.score(statistics),
            interval,
            len(clean),
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            perturbation=name,
        )
        rows.append(row)
    return rows


def worst(metric: Metric, clean: np.ndarray, passes: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray | None:
    """Statistics [n, ...] of each example where it scores worst: lowest, or highest if lower is better.

    An example's score is that of its statistics alone; where several are equally bad, it is the one with most errors.
    None for a metric without such a score (correlations, explained variance).

    Args:
        passes: (which examples, their statistics) of each.
    """
    value = getattr(metric, "value", None)
    if value is None:
        return None
    badness = _badness(metric, value, clean)
    if np.isneginf(badness).all():
        return None
    chosen = clean.copy()
    for at, statistics in passes:
        here = _badness(metric, value, statistics)
        worse = here > badness[at]
        chosen[at[worse]] = statistics[worse]
        badness[at[worse]] = here[worse]
    return chosen


def _badness(metric: Metric, value: Any, statistics: np.ndarray) -> np.ndarray:
    """float64 [n], higher for worse; -inf where there is nothing to be right or wrong about."""
    scores = np.asarray(value(statistics.astype(np.float64)))
    badness = np.where(np.isnan(scores), -np.inf, -scores if metric.higher_is_better else scores)
    if statistics.ndim == 3 and statistics.shape[-1] == 3:
        sums = statistics.sum(axis=1)
        badness = badness + 1e-9 * (sums[:, PREDICTED] + sums[:, GOLD] - 2 * sums[:, TP])
    return badness


def _drawn(metric: Metric, runs: Sequence[np.ndarray], clusters: list[Any] | None) -> list[np.ndarray]:
    """`metric.resampled`; a metric of elsewhere that cannot do that has no interval here."""
    if not hasattr(metric, "resampled"):
        return [np.full(2, np.nan) for _ in runs]
    return metric.resampled(runs, clusters)


def _share(true: np.ndarray, clusters: list[Any] | None) -> tuple[float, Interval, int]:
    n = len(true)
    if clusters is None:
        return float(true.mean()), wilson(float(true.sum()), n), n
    return float(true.mean()), Bootstrap(shares(true), clusters).interval(ratio), n


def _method(clustered: Any) -> str:
    return "cluster-bootstrap" if clustered else "bootstrap"
