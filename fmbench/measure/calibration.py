"""Calibration: does a model know how sure it may be; docs/calibration.md defines every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.scene import Judged, Scene, Stored, fact, with_column, with_fact
from fmbench.measure.tagging import predicted_right
from fmbench.registry import KINDS
from fmbench.stats.bootstrap import DRAWS, Bootstrap, Weighted, resampled_scores
from fmbench.stats.calibration import (
    brier,
    calibration_error,
    equal_mass_bins,
    nll,
    reliability,
    temperature,
    tempered,
)
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.ranking import aurc, risk_coverage, selective_risks
from fmbench.stats.sums import ratio, shares
from fmbench.suite.schema import Spec
from fmbench.tasks.kind import Kind, clean
from fmbench.tasks.multiple_choice import LETTERS
from fmbench.tasks.tags import chunks, flat

DISTRIBUTION, TEMPERATURE = "distribution", "temperature"
WEIGHTS = 10_000_000
"""Draws times items of the scores of an order, at most; but never under 200 draws."""
CURVE_POINTS = 101


@dataclass(frozen=True)
class Targets:
    """What was predicted, target by target (text, token, question).

    Args:
        probabilities: float64 [n, k + 1]; the last column is 0, for gold labels that the model does not know.
        gold, predicted: int [n], index into the columns.
        clusters: a label for each target of which the equal ones depend on each other, or None.
    """

    probabilities: np.ndarray
    gold: np.ndarray
    predicted: np.ndarray
    clusters: list[Any] | None

    @property
    def correct(self) -> np.ndarray:
        return np.asarray(self.gold == self.predicted)

    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """float64 [n], the probability of what was predicted."""
        return np.asarray(probabilities[np.arange(len(self.predicted)), self.predicted])


class Calibration:
    """Brier score, NLL, calibration error beside its noise floor, selective accuracy, and what a temperature mends."""

    version = 1

    class Settings(Spec):
        """What is reported; the temperature is fitted on the validation rows."""

        coverages: list[float] = Field(default=[0.8, 0.9], description="shares of the most confident predictions")

    @staticmethod
    def collect(scene: Scene, settings: Calibration.Settings, predictions: pa.Table) -> pa.Table:
        if scene.kind.target not in ("class", "choice"):
            scene.notes["calibration"] = f"{scene.kind.name} has no probabilities of classes"
            return predictions
        if scene.scores is None:
            scene.notes["calibration"] = "the test rows were not predicted in one pass"
            return predictions
        if scene.kind.readout == "token":
            predictions = with_column(predictions, DISTRIBUTION, _by_token(scene.scores, clean(predictions)))
        found = _validation(scene)
        warm = temperature(_logits(found.probabilities), found.gold)
        return with_fact(predictions, TEMPERATURE, {"value": warm, "n": len(found.gold)})

    @staticmethod
    def judge(stored: Stored, settings: Calibration.Settings) -> Judged:
        found = fact(stored.predictions, TEMPERATURE)
        if found is None:
            return Judged([], {})
        kind = KINDS[stored.kind]
        targets = targets_of(kind, stored.clean, stored.labels, stored.cluster_key)
        rows, curves = judge_targets(targets, found, settings.coverages)
        of_entities = _entities(stored) if kind.readout == "token" else Judged([], {})
        return Judged(rows + of_entities.measurements, curves | of_entities.curves)


def targets_of(kind: Kind, predictions: pa.Table, labels: Sequence[str], cluster_key: str | None) -> Targets:
    """The targets of clean rows. Tokens of one sentence depend on each other, as do those of one cluster."""
    outputs = kind.outputs(labels)
    clusters = predictions[cluster_key].to_pylist() if cluster_key else None
    if kind.readout == "token":
        offsets, gold = flat(predictions["gold"])
        predicted = flat(predictions["prediction"])[1]
        probabilities = np.asarray(flat(predictions[DISTRIBUTION])[1].flatten()).reshape(-1, len(outputs))
        names = range(len(predictions)) if clusters is None else clusters
        clusters = np.repeat(np.array(list(names), dtype=object), np.diff(offsets)).tolist()
    else:
        gold, predicted = (predictions[name].combine_chunks() for name in ("gold", "prediction"))
        flat_scores = np.asarray(predictions["scores"].combine_chunks().flatten())
        probabilities = flat_scores.reshape(len(predictions), -1)
    width = probabilities.shape[1]
    space = pa.array(_names(kind, outputs, width), pa.string())
    in_gold, in_predicted = (np.asarray(pc.index_in(column, space).fill_null(width)) for column in (gold, predicted))
    padded = np.hstack([probabilities.astype(np.float64), np.zeros((len(probabilities), 1))])
    return Targets(padded, in_gold, in_predicted, clusters)


def _names(kind: Kind, outputs: Sequence[str], width: int) -> list[str]:
    """Names of the columns of scores; a question may have more options than any that was seen in training."""
    return list(LETTERS[:width]) if kind.target == "choice" else list(outputs)


def judge_targets(targets: Targets, found: dict[str, Any], coverages: Sequence[float]) -> Judged:
    """Every number of the targets; `found` is the temperature and how many validation targets it is from."""
    right = targets.correct
    sure = targets.confidence(targets.probabilities)
    warmed = _tempered(targets.probabilities, found["value"])
    nothing = Interval(float("nan"), float("nan"), f"none: fitted on {found['n']} validation targets")
    rows = [
        *_proper(targets, targets.probabilities, ""),
        *_errors("", sure, right, targets.clusters),
        *_selective(sure, ~right, targets.clusters, coverages),
        measured("temperature", found["value"], nothing, found["n"]),
        *_proper(targets, warmed, "_tempered"),
        *_errors("", targets.confidence(warmed), right, targets.clusters, "_tempered"),
    ]
    coverage, risk = risk_coverage(sure, ~right)
    points = np.unique(np.linspace(0, len(coverage) - 1, CURVE_POINTS).round().astype(np.int64))
    curves = _reliability("reliability", sure, right)
    curves |= {"risk_coverage_coverage": coverage[points].tolist(), "risk_coverage_risk": risk[points].tolist()}
    return Judged(rows, curves)


def _proper(targets: Targets, probabilities: np.ndarray, suffix: str) -> list[Measurement]:
    rows = []
    for name, score, unit in (("brier", brier, ""), ("nll", nll, "nat")):
        items = shares(score(probabilities, targets.gold))
        bootstrap = Bootstrap(items, targets.clusters)
        interval = bootstrap.interval(ratio)
        value = float(ratio(bootstrap.total))
        rows.append(measured(name + suffix, value, interval, len(items), unit=unit, higher_is_better=False))
    return rows


def _errors(
    prefix: str, sure: np.ndarray, right: np.ndarray, clusters: list[Any] | None, suffix: str = ""
) -> list[Measurement]:
    """The calibration error, the floor that noise alone gives, and the one without the other."""
    found = calibration_error(sure, right, clusters)
    name, n = f"{prefix}ece", len(sure)
    band = Interval(found.floor_low, found.floor_high, "central 95 % of simulated calibrated models")
    low, high, method = found.interval
    beyond = Interval(min(low, found.corrected), high, f"{method}, of the true error")
    return [
        measured(f"{name}{suffix}", found.ece, found.interval, n, higher_is_better=False),
        measured(f"{name}_floor{suffix}", found.floor, band, n),
        measured(f"{name}_corrected{suffix}", found.corrected, beyond, n, higher_is_better=False),
    ]


def _selective(
    sure: np.ndarray, wrong: np.ndarray, clusters: list[Any] | None, coverages: Sequence[float]
) -> list[Measurement]:
    n = len(wrong)

    def accuracy_at(coverage: float) -> Weighted:
        return lambda weights: 1 - selective_risks(sure, wrong, weights, coverage)

    scores: dict[str, tuple[Weighted, bool]] = {"aurc": (lambda weights: aurc(sure, wrong, weights), False)}
    for coverage in coverages:
        scores[f"selective_accuracy_{100 * coverage:g}"] = (accuracy_at(coverage), True)
    draws = int(np.clip(WEIGHTS // max(1, n), 200, DRAWS))
    drawn = resampled_scores([score for score, _ in scores.values()], n, clusters, draws)
    method = "bootstrap" if clusters is None else "cluster-bootstrap"
    return [
        measured(name, float(score(np.ones((1, n)))[0]), percentile(found, 0.95, method), n, higher_is_better=better)
        for (name, (score, better)), found in zip(scores.items(), drawn, strict=True)
    ]


def _entities(stored: Stored) -> Judged:
    """Calibration of predicted entities: sure as the geometric mean over their tokens, right if type and ends are.

    Tokens are mostly "O", which every tagger gets right with confidence; they say little about its entities.
    """
    rows = stored.clean
    gold, predicted = chunks(rows["gold"]), chunks(rows["prediction"])
    if not len(predicted.row):
        return Judged([], {})
    logs = np.log(np.clip(np.asarray(flat(rows["scores"])[1], dtype=np.float64), 1e-12, 1.0))
    total = np.concatenate([[0.0], np.cumsum(logs)])
    first = predicted.offsets[predicted.row]
    sums = total[first + predicted.end] - total[first + predicted.start]
    sure = np.exp(sums / (predicted.end - predicted.start))
    right = predicted_right(gold, predicted)
    names = predicted.row.tolist()
    clusters = stored.clusters(rows)
    labels = names if clusters is None else [clusters[row] for row in names]
    return Judged(_errors("entity_", sure, right, labels), _reliability("entity_reliability", sure, right))


def _reliability(name: str, sure: np.ndarray, right: np.ndarray) -> dict[str, list[float]]:
    bins = reliability(sure, right, equal_mass_bins(sure))
    return {f"{name}_{field}": [getattr(one, field) for one in bins] for field in ("n", "confidence", "accuracy")}


def _validation(scene: Scene) -> Targets:
    """The targets of the validation rows: what the temperature is fitted on, and nothing else is."""
    given: list[np.ndarray] = []

    def remembered(inputs: Sequence[Any]) -> np.ndarray:
        given.append(scene.predict(inputs))
        return given[-1]

    table = scene.predictions(scene.read(scene.validation), scene.validation, remembered)
    if scene.kind.readout == "token":
        table = with_column(table, DISTRIBUTION, _by_token(given[0], table))
    return targets_of(scene.kind, table, scene.labels, None)


def _by_token(scores: np.ndarray, predictions: pa.Table) -> pa.Array:
    """Probabilities [n_tokens, k] as a list of lists a row."""
    offsets = flat(predictions["prediction"])[0]
    values = pa.array(np.ascontiguousarray(scores, dtype=np.float32).ravel())
    return pa.ListArray.from_arrays(
        pa.array(offsets.astype(np.int32)), pa.FixedSizeListArray.from_arrays(values, scores.shape[1])
    )


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.clip(probabilities, np.finfo(np.float64).eps, 1.0)))


def _tempered(probabilities: np.ndarray, warm: float) -> np.ndarray:
    """The probabilities at another temperature; what was 0 stays 0."""
    logits = np.where(probabilities > 0, _logits(probabilities), -np.inf)
    return tempered(logits, warm)
