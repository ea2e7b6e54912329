"""The result of a cell, as it is written to `result.json` (schema fmbench.result/1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from fmbench.measure.measurement import Measurement, Number

SCHEMA = "fmbench.result/1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Error(_Part):
    """Why a cell failed."""

    type: str
    message: str


class DataInfo(_Part):
    """Where the rows came from."""

    source: str
    revision: str | None
    license: str | None
    fingerprint: str = Field(description="sha256 of the rows of all splits")
    rows: dict[str, int]
    labels: list[str]
    notes: list[str] = []
    ceiling: dict[str, float] | None = Field(
        default=None, description="metric -> a bound that nothing can be expected to pass, where the source knows one"
    )
    chance: Number = Field(
        default=None,
        description="main metric of guessing or of the trivial answer, whichever is better; from data alone",
    )


class ModelInfo(_Part):
    """Which weights were used."""

    source: str
    revision: str | None
    weights_sha256: str | None
    parameters: int | None
    trainable_parameters: int | None


class Result(_Part):
    """What one cell measured, with its evidence and provenance."""

    schema_: Literal["fmbench.result/1"] = Field(default="fmbench.result/1", alias="schema")
    status: Literal["ok", "failed"]
    error: Error | None
    suite: str
    suite_version: int
    task: str
    task_version: int
    domain: str
    kind: str
    model: str
    adaptation: str
    seed: int
    cell_hash: str
    main_metric: str
    measurements: list[Measurement]
    curves: dict[str, list[float | None]]
    data: DataInfo | None
    model_info: ModelInfo | None
    settings: dict[str, Any]
    environment: dict[str, Any]
    started_at: str
    seconds: float
    _tables: dict[str, pa.Table] = PrivateAttr(default_factory=dict)

    @property
    def tables(self) -> dict[str, pa.Table]:
        """Tables of measures on their way to the store, where each becomes `NAME.parquet`; never in the JSON."""
        return self._tables

    def main(self) -> Measurement | None:
        """The main metric over all clean test examples; None for a failed cell."""
        return self.find(self.main_metric)

    def find(self, metric: str, slice: str | None = None) -> Measurement | None:
        """The measurement of `metric` on clean input, for all examples or one slice."""
        for row in self.measurements:
            if row.metric == metric and row.slice == slice and row.perturbation is None:
                return row
        return None

    def to_json(self) -> bytes:
        return (self.model_dump_json(by_alias=True, indent=1) + "\n").encode()


def few_shot(result: Result) -> list[tuple[int, float]]:
    """(examples of each class, validation score) where the adaptation was also fitted on a few examples."""
    given = result.settings.get("adaptation")
    shots = given.get("shots") if isinstance(given, dict) else None
    scores = result.curves.get("few_shot") or []
    if not isinstance(shots, list) or len(shots) != len(scores):
        return []
    return sorted((int(n), score) for n, score in zip(shots, scores, strict=True) if score is not None)


def finite(curves: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """Curves as they are written: what is not finite is null."""
    return {name: [value if math.isfinite(value) else None for value in values] for name, values in curves.items()}
