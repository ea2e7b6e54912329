"""Rows of the report as text and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.bars import Bar
from benchmarks.measure import FAILED, NOT_RUN, Row
from benchmarks.pairs import Quality, Ratio

HEAD = ("work", "against", "at least", "peer / ours [95 %]", "verdict", "ours", "peer")


def text(bars: Sequence[Bar], rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """For a terminal."""
    lines = [HEAD, *table(bars, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    parts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*parts, "", *notes(rows), "", *(f"{name}: {fact}" for name, fact in facts.items())])


def markdown(bars: Sequence[Bar], rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """For a document."""
    lines = [HEAD, ("---",) * len(HEAD), *table(bars, rows)]
    parts = ["| " + " | ".join(cell.strip() for cell in line) + " |" for line in lines]
    said = [f"- {note}" for note in notes(rows)]
    machine = "; ".join(f"{name} {fact}" for name, fact in facts.items())
    return "\n".join([*parts, "", *said, "", f"Machine: {machine}.", ""])


def table(bars: Sequence[Bar], rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """One line a bar, and one below it for every further part."""
    found: list[tuple[str, ...]] = []
    for bar, row in zip(bars, rows, strict=True):
        head = bar.work, bar.peer, bar.target
        if row.ratio is None:
            found.append((*head, "", row.verdict, "", ""))
            continue
        found.append((*head, ratio(row.ratio), verdict(bar, row), *seconds(row.ratio, bar.unit)))
        found += [(f"  {name}", "", "", ratio(one), "", *seconds(one, bar.unit)) for name, one in row.beside.items()]
    return found


def verdict(bar: Bar, row: Row) -> str:
    """Met or missed, and whether the interval leaves that open."""
    assert row.ratio is not None
    open_ = row.ratio.low < bar.at_least <= row.ratio.high
    unequal = row.quality is not None and not row.quality.equal
    remarks = [word for word, holds in (("interval spans the bar", open_), ("scores differ", unequal)) if holds]
    return f"{row.verdict} ({', '.join(remarks)})" if remarks else row.verdict


def notes(rows: Sequence[Row]) -> list[str]:
    """What does not fit into the table: scores of both sides, and why something was not measured."""
    found = []
    for row in rows:
        if row.verdict in (NOT_RUN, FAILED):
            found.append(f"{row.bar}: {row.verdict}: {row.why}")
        if row.quality is not None:
            found.append(f"{row.bar}: {quality(row.quality)}")
        if row.ratio is not None and math.isnan(row.ratio.low):
            found.append(f"{row.bar}: no interval from {_rounds(row.ratio.rounds)} (6 are needed)")
    return found


def quality(found: Quality) -> str:
    """Both scores, and the paired difference in points."""
    difference, low, high = (100 * one for one in (found.ours - found.peer, found.low, found.high))
    says = "equal within the interval" if found.equal else "not equal" if found.learned else "no better than chance"
    return (
        f"{found.metric} ours {100 * found.ours:.1f}, peer {100 * found.peer:.1f}, "
        f"difference {difference:+.1f} [{low:+.1f}, {high:+.1f}] on the same {found.n} rows: {says}"
    )


def ratio(found: Ratio) -> str:
    if math.isnan(found.low):
        return f"{found.median:.2f}"
    return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}]"


def seconds(found: Ratio, unit: str = "s") -> tuple[str, str]:
    return f"{found.ours_s:.3g} {unit}", f"{found.peer_s:.3g} {unit}"


def _rounds(n: int) -> str:
    return "1 round" if n == 1 else f"{n} rounds"
