"""Counterfactual swaps: what a fitted model says once a perturbation has made every example about somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fmbench.errors import CellFailed
from fmbench.measure.evidence import Evidence
from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric
from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.perturbation import Perturbation, perturb
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.intervals import Interval, clustered_mean, wilson
from fmbench.stats.paired import difference_of, stacked

SEVERITY = 5
NOTHING = Interval(float("nan"), float("nan"), "none: no example changed")


class Swapped(NamedTuple):
    """The examples that a swap has changed, and their predictions before and after."""

    rows: np.ndarray
    before: pa.Table
    after: pa.Table


def modality_of(evidence: Evidence) -> str | None:
    """ "text" or "tokens" if the inputs are texts, lists of texts or lists of tokens; else None."""
    kind = evidence.kind
    if kind is None or kind.readout == "none" or not len(evidence.inputs):
        return None
    return "tokens" if kind.readout == "token" else "text"


def swapped(evidence: Evidence, perturbation: Perturbation) -> Swapped:
    """Predictions of the examples that the perturbation changes; the others are not computed again."""
    if evidence.predictions is None or evidence.task is None:
        raise CellFailed("counterfactual swaps need the clean predictions")
    ids = evidence.test["id"].to_pylist()
    columns = evidence.test.to_pydict()
    rows, inputs = [], []
    for i, (example_id, item) in enumerate(zip(ids, evidence.inputs, strict=True)):
        tags = columns["tags"][i] if "tags" in columns else None
        found = _other(item, tags, perturbation, example_id)
        if found != item:
            rows.append(i)
            inputs.append(found)
    index = np.array(rows, dtype=np.int64)
    before = evidence.predictions.take(index)
    if not rows:
        return Swapped(index, before, before)
    test = evidence.test.take(index)
    after = evidence.kind.predictions(evidence.predictor.predict, inputs, test, evidence.labels, evidence.task.options)
    return Swapped(index, before, after)


def _other(item: Any, tags: Sequence[str] | None, perturbation: Perturbation, example_id: str) -> Any:
    """The input about somebody else; all texts of one example draw the same numbers, so a person stays one person."""
    if isinstance(item, str):
        return perturb(perturbation, Text(item), example_id, SEVERITY).text
    if tags is not None:
        return list(perturb(perturbation, Tokens(tuple(item), tuple(tags)), example_id, SEVERITY).tokens)
    return [perturb(perturbation, Text(text), example_id, SEVERITY).text for text in item]


def swap_measurements(evidence: Evidence, perturbation: Perturbation, metric: Metric) -> list[Measurement]:
    """Share of changed examples, and among them how often and how far predictions move, and what that costs; paired."""
    found = swapped(evidence, perturbation)
    changed, total = len(found.rows), len(evidence.test)
    tags = {"perturbation": perturbation.name, "severity": SEVERITY}
    share = measured("counterfactual_changed", changed / total, wilson(changed, total), total, **tags)
    rows = [share]
    less = tags | {"higher_is_better": False}
    if not changed:
        return [*rows, measured("counterfactual_flip_rate", float("nan"), NOTHING, 0, **less)]
    key = evidence.task.spec.cluster_key if evidence.task else None
    clusters = found.before[key].to_pylist() if key else None
    answers = [table["prediction"].to_pylist() for table in (found.before, found.after)]
    flips = np.array([a != b for a, b in zip(*answers, strict=True)], dtype=np.float64)
    if evidence.kind.target != "score":
        interval = clustered_mean(flips, clusters) if key else wilson(float(flips.sum()), changed)
        rows.append(measured("counterfactual_flip_rate", float(flips.mean()), interval, changed, **less))
    moves = _moves(found, evidence.kind.target, evidence.kind.readout)
    if moves is not None:
        rows.append(
            measured("counterfactual_shift", float(moves.mean()), clustered_mean(moves, clusters), changed, **less)
        )
    value = getattr(metric, "value", None)
    if value is not None:
        a, b = (metric.statistics(table, evidence.labels) for table in (found.before, found.after))
        if a.shape == b.shape:
            drop = difference_of(value, a)
            boot = Bootstrap(stacked(a, b), clusters)
            direction = less if metric.higher_is_better else tags | {"higher_is_better": True}
            fields = direction | {"unit": metric.unit}
            interval = boot.interval(drop)
            rows.append(
                measured(f"counterfactual_drop_{metric.name}", float(drop(boot.total)), interval, changed, **fields)
            )
    return rows


def _moves(found: Swapped, target: str, readout: str) -> np.ndarray | None:
    """How far each example's answer moves: of the class predicted before its probability, or the score itself."""
    if target == "score":
        scores = [np.asarray(table["prediction"].to_pylist(), dtype=np.float64) for table in found[1:]]
        return np.asarray(np.abs(scores[1] - scores[0]))
    if target not in ("class", "choice") or readout == "token":
        return None
    before, after = (np.array(table["scores"].to_pylist(), dtype=np.float64) for table in (found.before, found.after))
    if before.shape != after.shape:
        return None
    chosen = np.arange(len(before)), before.argmax(axis=1)
    return np.asarray(np.abs(after[chosen] - before[chosen]))
