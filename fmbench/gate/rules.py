"""Which metrics are gated with which margin: the suite's `gate:` section, and what the command line overrides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from fmbench.errors import InputError, Problem, nearest
from fmbench.measure.metric import Metric
from fmbench.registry import METRICS
from fmbench.suite.schema import Gate


@dataclass(frozen=True)
class Rules:
    """How strict a gate is.

    Args:
        margin: of every metric that has none of its own; of an unbounded one (mae, rmse) the share of its base score.
        margins: metric -> margin; metrics named here are gated beside the main one.
    """

    margin: float = 0.01
    margins: dict[str, float] = field(default_factory=dict)
    alpha: float = 0.01
    inconclusive: str = "warn"
    speed_margin: float = 0.05
    memory_margin: float = 0.1

    def of(self, metric: Metric, base: float) -> float:
        """The margin of `metric`, whose score was `base`."""
        if metric.name in self.margins:
            return self.margins[metric.name]
        if all(math.isfinite(end) for end in metric.range):
            return self.margin
        return self.margin * abs(base) if metric.range[0] == 0 and base else self.margin

    def gated(self, main: str, kind: str) -> list[str]:
        """Names of the gated metrics of a task: the main one, and those with margins of their own."""
        others = [name for name in self.margins if name != main and kind in METRICS[name].kinds]
        return [main, *others]


def rules_of(gate: Gate, margins: Sequence[str] = (), inconclusive: str | None = None) -> Rules:
    """The suite's rules, with `--margin 0.02` and `--margin entity_f1=0.02` on top.

    Raises:
        InputError: a margin that is no number above 0, or of an unknown metric; another policy than warn and fail.
    """
    if inconclusive not in (None, "warn", "fail"):
        raise InputError(f"--inconclusive {inconclusive}: neither warn nor fail")
    margin, named = gate.margin, dict(gate.margins)
    for text in margins:
        name, equals, number = text.rpartition("=")
        value = _number(text, number)
        if equals:
            if name not in METRICS:
                raise InputError(Problem(f"--margin {text}: unknown metric {name!r}", hint=nearest(name, METRICS)))
            named[name] = value
        else:
            margin = value
    return Rules(margin, named, gate.alpha, inconclusive or gate.inconclusive, gate.speed_margin, gate.memory_margin)


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"--margin {text}: expected a number above 0, or METRIC=NUMBER (0.01 is one point)")
    return value
