"""A verdict as Markdown, for a pull request or a step summary."""

from __future__ import annotations

import re

from fmbench.errors import one_line
from fmbench.gate import text
from fmbench.gate.verdict import Check, Verdict, worst_first

MARKS = {"inconclusive": "⚠️", "pass": "✅"}
FAILS = "❌"
MOST_FLIPS = 10


def markdown(verdict: Verdict) -> str:
    """Headline, table of all checks (worst first), flipped examples of what is not a pass, and remarks."""
    lines = [f"### fmbench gate: {text.summary(verdict)}", "", f"`{verdict.base}` → `{verdict.new}`", ""]
    if verdict.checks:
        lines += _table(verdict)
    for check in worst_first(verdict.checks):
        lines += _details(check)
    lines += [f"- {_safe(line)}" for line in text.remarks(verdict)]
    return "\n".join(lines).rstrip() + "\n"


def _table(verdict: Verdict) -> list[str]:
    rows = [
        "| | task | model | metric | base | new | change [interval] | margin | p | n | lost / gained |",
        "| --- | --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for check in worst_first(verdict.checks):
        flips = "" if check.lost is None else f"{check.lost} / {check.gained}"
        cells = (
            f"{FAILS if verdict.fails(check) else MARKS[check.outcome]} {check.outcome}",
            _safe(check.cells.task),
            _safe(f"{check.cells.model} [{check.cells.adaptation}]"),
            check.metric,
            text.score(check, check.base),
            text.score(check, check.new),
            f"{text.change(check, check.change)} {text.interval(check)}".strip(),
            text.change(check, check.margin, signed=False),
            text.p_value(check.adjusted),
            f"{check.n:,}" + (f" × {check.seeds}" if check.seeds > 1 else ""),
            flips,
        )
        rows.append("| " + " | ".join(cells) + " |")
    return [*rows, ""]


def _details(check: Check) -> list[str]:
    if check.outcome == "pass":
        return []
    lines = [f"- **{_safe(check.name)}**: {_safe(text.sentence(check))}"]
    if check.flips and check.outcome == "regression":
        shown = check.flips[:MOST_FLIPS]
        lines += ["", "  <details><summary>examples that flipped</summary>", ""]
        lines += [f"  - {_safe(text.flip(one))}" for one in shown]
        lines += ["", "  </details>", ""]
    return lines


def _safe(content: str) -> str:
    """Text that comes from data or names must not become markup."""
    found = one_line(content).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", found)
