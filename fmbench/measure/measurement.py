"""One measured number with its dimensions and its uncertainty."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fmbench.registry import METRICS
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


def score(found: Measurement) -> str:
    """A score with its interval: `accuracy 61.3 [58.0, 64.5]` in per cent, `mae 27.4 [27.1, 27.7]` as it is."""
    open_ended = found.metric in list(METRICS) and math.isinf(METRICS[found.metric].range[1])
    shown = number if open_ended else percent
    unit = f" {found.unit}" if open_ended and found.unit else ""
    return f"{found.metric} {shown(found.value)} [{shown(found.low)}, {shown(found.high)}]{unit}"


def number(value: float | None) -> str:
    """Three digits or all before the point: 0.0213, 27.4, 2,174; a dash where it is undefined."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share as people read it: 61.3, or a dash where it is undefined."""
    return "–" if value is None else f"{100 * value:.1f}"
