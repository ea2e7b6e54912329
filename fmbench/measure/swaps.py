"""Counterfactual swaps: what a fitted model says once a perturbation has made every example about somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Metric
from fmbench.measure.scene import Scene, Stored
from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.perturbation import Perturbation, perturb
from fmbench.registry import KINDS
from fmbench.stats.bootstrap import Bootstrap
from fmbench.stats.intervals import Interval, clustered_mean, wilson
from fmbench.stats.paired import difference_of, stacked
from fmbench.tasks.kind import of_pass, passed

SEVERITY = 5
NOTHING = Interval(float("nan"), float("nan"), "none: no example changed")
PASS = "counterfactual:"
"""What goes before the swap's name in the column `perturbation` of the stored predictions."""


class Swapped(NamedTuple):
    """Predictions of the examples that a swap has changed, before and after, in one order."""

    before: pa.Table
    after: pa.Table


def modality_of(scene: Scene) -> str | None:
    """ "text" or "tokens" if the inputs are texts, lists of texts or lists of tokens; else None."""
    if scene.kind.readout == "none" or not len(scene.inputs):
        return None
    return "tokens" if scene.kind.readout == "token" else "text"


def swapped(scene: Scene, perturbation: Perturbation) -> pa.Table | None:
    """A pass over the examples that the perturbation changes, None if there are none; others are not computed again."""
    ids = scene.test["id"].to_pylist()
    tags = scene.test["tags"].to_pylist() if "tags" in scene.test.column_names else [None] * len(ids)
    found = [_other(*row, perturbation) for row in zip(scene.inputs, tags, ids, strict=True)]
    rows = [i for i, (before, after) in enumerate(zip(scene.inputs, found, strict=True)) if before != after]
    if not rows:
        return None
    test = scene.test.take(rows)
    return passed(scene.predictions([found[i] for i in rows], test), PASS + perturbation.name, SEVERITY)


def _other(item: Any, tags: Sequence[str] | None, example_id: str, perturbation: Perturbation) -> Any:
    """The input about somebody else; all texts of one example draw the same numbers, so a person stays one person."""
    if isinstance(item, str):
        return perturb(perturbation, Text(item), example_id, SEVERITY).text
    if tags is not None:
        return list(perturb(perturbation, Tokens(tuple(item), tuple(tags)), example_id, SEVERITY).tokens)
    return [perturb(perturbation, Text(text), example_id, SEVERITY).text for text in item]


def swap_measurements(stored: Stored, name: str, metric: Metric) -> list[Measurement]:
    """Share of changed examples, and among them how often and how far predictions move, and what that costs; paired."""
    after = of_pass(stored.predictions, PASS + name, SEVERITY)
    at = pc.index_in(after["example_id"], stored.clean["example_id"].combine_chunks())
    found = Swapped(stored.clean.take(at), after)
    changed, total, kind = len(after), len(stored.clean), KINDS[stored.kind]
    tags = {"perturbation": name, "severity": SEVERITY}
    share = measured("counterfactual_changed", changed / total, wilson(changed, total), total, **tags)
    rows = [share]
    less = tags | {"higher_is_better": False}
    if not changed:
        return [*rows, measured("counterfactual_flip_rate", float("nan"), NOTHING, 0, **less)]
    clusters = stored.clusters(found.before)
    answers = [table["prediction"].to_pylist() for table in found]
    flips = np.array([a != b for a, b in zip(*answers, strict=True)], dtype=np.float64)
    if kind.target != "score":
        interval = clustered_mean(flips, clusters) if clusters else wilson(float(flips.sum()), changed)
        rows.append(measured("counterfactual_flip_rate", float(flips.mean()), interval, changed, **less))
    moves = _moves(found, kind.target, kind.readout)
    if moves is not None:
        rows.append(
            measured("counterfactual_shift", float(moves.mean()), clustered_mean(moves, clusters), changed, **less)
        )
    value = getattr(metric, "value", None)
    if value is not None:
        a, b = (metric.statistics(table, stored.labels) for table in found)
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
        scores = [np.asarray(table["prediction"].to_pylist(), dtype=np.float64) for table in found]
        return np.asarray(np.abs(scores[1] - scores[0]))
    if target not in ("class", "choice") or readout == "token":
        return None
    before, after = (np.array(table["scores"].to_pylist(), dtype=np.float64) for table in found)
    if before.shape != after.shape:
        return None
    chosen = np.arange(len(before)), before.argmax(axis=1)
    return np.asarray(np.abs(after[chosen] - before[chosen]))
