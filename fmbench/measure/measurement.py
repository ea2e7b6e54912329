"""One measured number with its dimensions and its uncertainty."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fmbench.stats.intervals import Interval


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]


class Measurement(BaseModel):
    """A row of the long table that results consist of; an undefined number is null, never zero."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(description="name of the metric, with its unit where it has one")
    value: Number = Field(description="null where it is undefined (precision without a prediction)")
    low: Number = Field(description="lower end of the 95 % interval")
    high: Number = Field(description="upper end of the 95 % interval")
    n: int = Field(description="how many things it is measured on: examples, gold entities, timings")
    interval: str = Field(description="how the interval was found")
    unit: str = ""
    higher_is_better: bool | None = None
    slice: str | None = Field(default=None, description="subgroup, null for all")
    perturbation: str | None = None
    severity: int | None = None


def measured(metric: str, value: float, interval: Interval, n: int, **dimensions: object) -> Measurement:
    """A Measurement from an Interval."""
    fields = {
        "metric": metric,
        "value": value,
        "low": interval.low,
        "high": interval.high,
        "n": n,
        "interval": interval.method,
        **dimensions,
    }
    return Measurement.model_validate(fields)


def percent(value: float | None) -> str:
    """A share as people read it: 61.3, or a dash where it is undefined."""
    return "–" if value is None else f"{100 * value:.1f}"
