"""A verdict as GitHub workflow commands: annotations for what is not a pass, the worst ten first.

What ends the gate with another code than 0 is an error, what is merely undecided a warning, the rest a notice.
"""

from __future__ import annotations

from fmbench.errors import Place
from fmbench.gate import text
from fmbench.gate.verdict import Check, Verdict, worst_first

MOST = 10
SUMMARY_BYTES = 1_000_000
"""GitHub takes no step summary above 1 MiB."""


def annotation_lines(verdict: Verdict, places: dict[str, Place] | None = None) -> list[str]:
    """Lines to print.

    Args:
        places: task -> its line in the suite file, where it is known.
    """
    found = {
        outcome: [_of(verdict, check, (places or {}).get(check.cells.task)) for check in worst_first(verdict.checks)
                  if check.outcome == outcome]
        for outcome in ("regression", "inconclusive")
    }  # fmt: skip
    refused = [f"::error title=fmbench {_value(one.what)}::{_message(one.why)}" for one in verdict.refused]
    absent = [f"::error title=fmbench::{_message(one.line)}" for one in text.unmatched(verdict) if one.fails]
    notices = [f"::notice title=fmbench::{_message(one.line)}" for one in text.unmatched(verdict) if not one.fails]
    return [*found["regression"], *refused, *absent, *found["inconclusive"], *notices][:MOST]


def _of(verdict: Verdict, check: Check, place: Place | None) -> str:
    level = "error" if verdict.fails(check) else "warning"
    where = "" if place is None else f"file={_value(place.file)},line={place.line or 1},"
    return (
        f"::{level} {where}title={_value(f'fmbench {check.outcome}: {check.name}')}::{_message(text.sentence(check))}"
    )


def _message(content: str) -> str:
    return content.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(content: str) -> str:
    return _message(content).replace(":", "%3A").replace(",", "%2C")


def summary_of(markdown: str) -> str:
    """The Markdown, cut at a line where it is too long for a step summary."""
    content = markdown.encode()
    if len(content) <= SUMMARY_BYTES:
        return markdown
    kept = content[:SUMMARY_BYTES].decode(errors="ignore").rpartition("\n")[0]
    return f"{kept}\n\ncut: the whole verdict is in the JSON and JUnit files\n"
