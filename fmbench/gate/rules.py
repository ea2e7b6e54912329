"""Which metrics are gated with which margin: the suite's `gate:` section, and what the command line overrides."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from fmbench.errors import InputError, Problem, nearest
from fmbench.gate.verdict import Policy
from fmbench.measure.metric import Metric
from fmbench.registry import METRICS
from fmbench.suite.schema import Gate


@dataclass(frozen=True)
class Rules:
    """How strict a gate is.

    Args:
        margin: of every metric that has none of its own; of an unbounded one (mae, rmse) the share of its base score.
        margins: metric -> margin; metrics named here are gated beside the main one.
        asked: metrics whose margin the command line gave; each must be one of some task's.
    """

    margin: float = 0.01
    margins: dict[str, float] = field(default_factory=dict)
    alpha: float = 0.01
    policy: Policy = field(default_factory=Policy)
    speed_margin: float = 0.05
    memory_margin: float = 0.1
    asked: tuple[str, ...] = ()

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

    def refuse_unused(self, tasks: Collection[tuple[str, str]]) -> None:
        """Refuse a margin of the command line that no task has a use for.

        Args:
            tasks: (main metric, kind) of each.

        Raises:
            InputError: there is such a margin; it names the metrics that there are.
        """
        mains, kinds = {main for main, _ in tasks}, {kind for _, kind in tasks}

        def fits(name: str) -> bool:
            return name in mains or bool(kinds & set(METRICS[name].kinds))

        unused = [name for name in self.asked if name not in METRICS or not fits(name)]
        if not unused:
            return
        there = sorted(mains | {name for name in METRICS if fits(name)})
        problems = []
        for name in unused:
            what = f"no compared task has the metric {name!r} (there are {', '.join(there)})"
            problems.append(Problem(f"--margin {name}={self.margins[name]:g}: {what}", hint=nearest(name, there)))
        raise InputError(problems)


def rules_of(gate: Gate, margins: Sequence[str] = (), inconclusive: str | None = None, strict: bool = False) -> Rules:
    """The suite's rules, with `--margin 0.02` and `--margin entity_f1=0.02` on top.

    Raises:
        InputError: a margin that is no number above 0; another policy than warn and fail.
    """
    if inconclusive not in (None, "warn", "fail"):
        raise InputError(f"--inconclusive {inconclusive}: neither warn nor fail")
    margin, named, asked = gate.margin, dict(gate.margins), []
    for text in margins:
        name, equals, number = text.rpartition("=")
        value = _number(text, number)
        if equals:
            named[name] = value
            asked.append(name)
        else:
            margin = value
    policy = Policy(strict, inconclusive or gate.inconclusive)
    return Rules(margin, named, gate.alpha, policy, gate.speed_margin, gate.memory_margin, tuple(dict.fromkeys(asked)))


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"--margin {text}: expected a number above 0, or METRIC=NUMBER (0.01 is one point)")
    return value
