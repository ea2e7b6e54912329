"""The report by label: precision, recall, F1 and support, then their micro, macro and weighted averages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fmbench.measure.measurement import Measurement, measured
from fmbench.measure.metric import Counts
from fmbench.stats.bootstrap import Bootstrap, Value
from fmbench.stats.sums import GOLD, f1, macro, micro, precision, recall, weighted

SCORES = {"precision": precision, "recall": recall, "f1": f1}
AVERAGES = {"micro": micro, "macro": macro, "weighted": weighted}


def average_name(prefix: str, average: str, score: str) -> str:
    """Name of an averaged score; for entities the micro average goes by the plain name, as in the literature."""
    return f"{prefix}{score}" if prefix and average == "micro" else f"{prefix}{average}_{score}"


def report_measurements(prefix: str, counts: Counts, bootstrap: Bootstrap) -> list[Measurement]:
    """Every score averaged in every way, and every score of every label as a slice."""
    rows = []
    total = int(bootstrap.total[..., GOLD].sum())
    for average, over_labels in AVERAGES.items():
        for score, function in SCORES.items():
            value = over_labels(function)
            name = average_name(prefix, average, score)
            interval = bootstrap.interval(value)
            rows.append(measured(name, float(value(bootstrap.total)), interval, total, higher_is_better=True))
    for i, label in enumerate(counts.labels):
        support = int(bootstrap.total[i, GOLD])
        for score, function in SCORES.items():
            interval = bootstrap.interval(_of_label(function, i))
            value_i = float(function(bootstrap.total[i]))
            rows.append(measured(prefix + score, value_i, interval, support, slice=label, higher_is_better=True))
    return rows


def _of_label(score: Value, label: int) -> Value:
    return lambda sums: score(sums[..., label, :])


@dataclass(frozen=True)
class ReportLine:
    """One line of the report; None where a score is undefined."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def of_labels(measurements: Sequence[Measurement]) -> list[Measurement]:
    """The rows of a report by label: precision, recall and F1 of slices that are no groups of rows."""
    clean = [row for row in measurements if row.perturbation is None and row.slice is not None]
    return [row for row in clean if row.metric.removeprefix("entity_") in SCORES and not is_group(row.slice)]


def is_group(name: str | None) -> bool:
    """Whether a slice is a group of rows or entities, "WHAT=WHICH", and not a label such as "<=50K"."""
    return name is not None and re.match(r"[A-Za-z_]([^=]*[^=<>!])?=", name) is not None


def read_report(measurements: Sequence[Measurement]) -> list[ReportLine]:
    """The report as it was stored in a result: labels first, then micro, macro, weighted; empty if there is none."""
    sliced = of_labels(measurements)
    if not sliced:
        return []
    clean = [row for row in measurements if row.perturbation is None]
    prefix = "entity_" if sliced[0].metric.startswith("entity_") else ""
    by_name = {(row.metric, row.slice): row for row in clean}
    labels = dict.fromkeys(row.slice for row in sliced)
    lines = [_line(str(label), [by_name[prefix + score, label] for score in SCORES]) for label in labels]
    for average in AVERAGES:
        names = [average_name(prefix, average, score) for score in SCORES]
        lines.append(_line(average, [by_name[name, None] for name in names]))
    return lines


def _line(label: str, rows: Sequence[Measurement]) -> ReportLine:
    return ReportLine(label, rows[0].value, rows[1].value, rows[2].value, rows[2].n)
