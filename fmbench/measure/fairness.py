"""Fairness: quality by group, and whether an answer changes when the example is about somebody else."""

from __future__ import annotations

import pyarrow as pa
from pydantic import Field, field_validator

from fmbench.errors import InputError, nearest
from fmbench.measure.groups import SMALLEST, group_measurements, groups_of
from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Metric
from fmbench.measure.scene import Judged, Scene, Stored, fact, with_fact, with_rows
from fmbench.measure.swaps import modality_of, swap_measurements, swapped
from fmbench.registry import KINDS, METRICS, PERTURBATIONS
from fmbench.suite.schema import Spec

SWAPS = "fairness"
"""Name of the fact that lists the swaps whose passes are stored."""


class Fairness:
    """Groups of the declared slices (worst one, gaps, equalised odds), and counterfactual identity swaps.

    These are tests of association on the examples at hand, no certificate. docs/fairness.md defines every number.
    """

    version = 1

    class Settings(Spec):
        slices: list[str] | None = Field(default=None, description="columns with groups; else the task's slices")
        smallest_group: int = Field(default=SMALLEST, ge=2, description="examples a group must have to be ranked")
        swaps: list[str] = Field(default=["gender-swap", "name-swap"], description="perturbations of identity")

        @field_validator("swaps")
        @classmethod
        def _known(cls, names: list[str]) -> list[str]:
            for name in names:
                if name not in PERTURBATIONS:
                    hint = nearest(name, PERTURBATIONS)
                    raise ValueError(f"unknown perturbation {name!r}" + (f"; did you mean {hint!r}?" if hint else ""))
            return names

    @staticmethod
    def collect(scene: Scene, settings: Fairness.Settings, predictions: pa.Table) -> pa.Table:
        """The passes of the swaps, under `counterfactual:NAME`; why one is missing is in the notes."""
        modality, done, tables = modality_of(scene), [], []
        repeated = len(set(scene.test["id"].to_pylist())) < len(scene.test)
        for name in settings.swaps:
            if modality is None:
                reason: str | None = "the inputs are not texts"
            elif repeated:
                reason = "the test examples' ids are not all different"
            else:
                reason = PERTURBATIONS[name].refusal(modality, scene.language)
            if reason is not None:
                scene.notes[f"counterfactual_flip_rate of {name}"] = reason
                continue
            tables.append(swapped(scene, PERTURBATIONS[name]))
            done.append(name)
        return with_fact(with_rows(predictions, [one for one in tables if one is not None]), SWAPS, done)

    @staticmethod
    def judge(stored: Stored, settings: Fairness.Settings) -> Judged:
        """Raises InputError for a column that the test rows do not have."""
        kind = KINDS[stored.kind]
        metric: Metric = METRICS[stored.metrics[0]]
        columns = stored.slices if settings.slices is None else settings.slices
        missing = [name for name in columns if name not in stored.clean.column_names]
        if missing:
            raise InputError(f"fairness: the test rows have no column {missing[0]!r} (declare it under `slices`)")
        odds = kind.target in ("class", "classes") and kind.readout != "token"
        rows: list[Measurement] = []
        for column in columns:
            rows += group_measurements(
                stored.clean, metric, stored.labels, column, stored.cluster_key, settings.smallest_group, odds
            )
        for name in fact(stored.predictions, SWAPS) or []:
            rows += swap_measurements(stored, name, metric)
        return Judged(rows, {})

    @staticmethod
    def missing(stored: Stored, settings: Fairness.Settings) -> dict[str, str]:
        """Columns without a gap."""
        metric, smallest = METRICS[stored.metrics[0]], settings.smallest_group
        why = f"needs two groups of {smallest} and a score that is a function of sums"
        return {
            f"gap_{metric.name} of {column}": why
            for column in (stored.slices if settings.slices is None else settings.slices)
            if not hasattr(metric, "value")
            or sum(len(group.rows) >= smallest for group in groups_of(stored.clean, column)) < 2
        }
