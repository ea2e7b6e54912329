"""Numbers and sentences of a verdict as people read them; every output uses these."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

from fmbench.errors import one_line
from fmbench.gate.verdict import Check, Flip, Part, Verdict
from fmbench.registry import METRICS

ANSWER = 60
MOST_NAMES = 20
"""Cells that a remark names; the JSON has them all."""


class Unmatched(NamedTuple):
    """Parts that were not compared for the same reason; `fails` where that ends the gate with another code than 0."""

    why: str
    parts: tuple[Part, ...]
    fails: bool = False

    @property
    def line(self) -> str:
        """One remark for all of them."""
        names = [f"{part}: {part.why}" if part.why else str(part) for part in self.parts[:MOST_NAMES]]
        more = len(self.parts) - len(names)
        named = "; ".join([*names, f"and {more} more"] if more else names)
        return one_line(f"{self.why}: {named}" if named else self.why)


def is_share(check: Check) -> bool:
    """Whether the score is written in percent and its change in points."""
    return check.sort == "quality" and all(math.isfinite(end) for end in METRICS[check.metric].range)


def score(check: Check, value: float) -> str:
    """A score, a time or a size."""
    if math.isnan(value):
        return "–"
    if check.sort == "speed":
        return f"{1000 * value:.3g} ms"
    if check.sort == "memory":
        return f"{value / 1e6:,.0f} MB"
    return f"{100 * value:.1f}" if is_share(check) else f"{value:.4g}"


def change(check: Check, value: float, signed: bool = True) -> str:
    """A change, a bound or a margin: points of a score in percent, percent of a time or size, else its own unit."""
    if math.isnan(value):
        return "–"
    sign = "+" if signed else ""
    if check.sort != "quality":
        return f"{100 * value:{sign}.1f} %"
    return f"{100 * value:{sign}.2f}" if is_share(check) else f"{value:{sign}.3g}"


def interval(check: Check) -> str:
    if math.isnan(check.low) and math.isnan(check.high):
        return ""
    return f"[{change(check, check.low)}, {change(check, check.high)}]"


def p_value(value: float) -> str:
    return "" if math.isnan(value) else ("<0.0001" if value < 1e-4 else f"{value:.2g}")


def sentence(check: Check) -> str:
    """What happened to one gated number, with the evidence, in one line."""
    unit = " points" if is_share(check) else ""
    parts = [
        f"{score(check, check.base)} -> {score(check, check.new)}, change {change(check, check.change)}{unit}"
        + (f" {interval(check)}" if interval(check) else ""),
        f"margin {change(check, check.margin, signed=False)}{unit}",
        f"n {check.n:,}" + (f" x {check.seeds} seeds" if check.seeds > 1 else ""),
    ]
    if check.lost is not None and check.method != "identical":
        parts.append(f"{check.lost} lost, {check.gained} gained")
    if not math.isnan(check.adjusted) and check.method != "identical":
        parts.append(f"p {p_value(check.adjusted)}")
    if check.method == "identical":
        parts.append("identical")
    if check.outcome == "inconclusive" and not math.isnan(check.change):
        parts.append(undecided(check))
    if check.note:
        parts.append(check.note)
    return ", ".join(parts)


def undecided(check: Check) -> str:
    """What would settle it."""
    if check.sort == "memory":
        return "not every process of new is above all of the base by more than the margin"
    if check.sort == "speed":
        return "more rounds would be needed, or a quieter machine"
    unit = " points" if is_share(check) else ""
    found = f"detectable loss {change(check, check.detectable, signed=False)}{unit}"
    if check.needed is None:
        return f"{found}; more seeds would settle it, not more examples"
    if check.needed <= check.n:
        return f"{found}; the change lies near the margin"
    return f"{found}; some {check.needed:,} examples would settle it"


def flip(one: Flip) -> str:
    """An example that flipped, in one line."""
    way = "lost" if one.lost else "gained"
    said = [f"{name} {_answer(value)}" for name, value in _answers(one) if value is not None]
    return f"{way} {one.example_id} (seed {one.seed})" + (f": {', '.join(said)}" if said else "")


def _answers(one: Flip) -> list[tuple[str, object]]:
    return [("gold", one.gold), ("base", one.base), ("new", one.new)]


def _answer(value: object) -> str:
    text = one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= ANSWER else text[: ANSWER - 1] + "…"


def summary(verdict: Verdict) -> str:
    """The verdict in one line."""
    undecided = verdict.of("inconclusive")
    counts = [
        f"{len(verdict.of('regression'))} regressions",
        f"{len(undecided)} inconclusive" + _fails(any(map(verdict.fails, undecided))),
        f"{len(verdict.of('pass'))} passed",
    ]
    if verdict.refused:
        counts.append(f"{len(verdict.refused)} not comparable")
    if verdict.absent:
        counts.append(f"{len(verdict.absent)} not run in full" + _fails(verdict.absence_fails))
    return f"{verdict.word()}: {', '.join(counts)}"


def _fails(yes: bool) -> str:
    return " (fails)" if yes else ""


def remarks(verdict: Verdict) -> list[str]:
    """What was not compared, and why; a line each."""
    lines = [f"not compared: {one.what}: {one.why}" for one in verdict.refused]
    lines += [one.line for one in unmatched(verdict)]
    return [one_line(line) for line in (*lines, *verdict.notes)]


def unmatched(verdict: Verdict) -> list[Unmatched]:
    """What only one side can show, a reason each."""
    absent = "not run in new" + (", which fails under --strict" if verdict.absence_fails else "")
    found = (
        Unmatched(absent, verdict.absent, verdict.absence_fails),
        Unmatched("failed in the base, nothing to compare with", verdict.base_failed),
        Unmatched("only in new, nothing to compare with", verdict.only_new),
    )
    nothing = [] if verdict.checks or verdict.refused else [Unmatched("nothing was compared", (), fails=True)]
    return [*nothing, *(one for one in found if one.parts)]
