"""Fairness: quality by group, and whether an answer changes when the example is about somebody else."""

from __future__ import annotations

from pydantic import Field, field_validator

from fmbench.errors import InputError, nearest
from fmbench.measure.evidence import Evidence
from fmbench.measure.groups import SMALLEST, group_measurements
from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Metric
from fmbench.measure.swaps import modality_of, swap_measurements
from fmbench.registry import METRICS, PERTURBATIONS
from fmbench.suite.schema import Spec


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
    def measure(evidence: Evidence, settings: Fairness.Settings) -> list[Measurement]:
        """Raises InputError for a column that the test rows do not have."""
        if evidence.task is None or evidence.predictions is None:
            return []
        spec, kind = evidence.task.spec, evidence.kind
        metric: Metric = METRICS[(spec.metrics or kind.metrics)[0]]
        columns = spec.slices if settings.slices is None else settings.slices
        missing = [name for name in columns if name not in evidence.predictions.column_names]
        if missing:
            raise InputError(f"fairness: the test rows have no column {missing[0]!r} (declare it under `slices`)")
        odds = kind.target in ("class", "classes") and kind.readout != "token"
        rows: list[Measurement] = []
        for column in columns:
            rows += group_measurements(
                evidence.predictions, metric, evidence.labels, column, spec.cluster_key, settings.smallest_group, odds
            )
            if not any(row.metric.startswith("gap_") and row.slice == column for row in rows):
                evidence.notes[f"gap_{metric.name} of {column}"] = (
                    f"needs two groups of {settings.smallest_group} and a score that is a function of sums"
                )
        return rows + _swaps(evidence, settings, metric)


def _swaps(evidence: Evidence, settings: Fairness.Settings, metric: Metric) -> list[Measurement]:
    rows: list[Measurement] = []
    modality = modality_of(evidence)
    language = evidence.task.spec.language if evidence.task else None
    for name in settings.swaps:
        if modality is None:
            evidence.notes[f"counterfactual_flip_rate of {name}"] = "the inputs are not texts"
            continue
        reason = PERTURBATIONS[name].refusal(modality, language)
        if reason is not None:
            evidence.notes[f"counterfactual_flip_rate of {name}"] = reason
            continue
        rows += swap_measurements(evidence, PERTURBATIONS[name], metric)
    return rows
