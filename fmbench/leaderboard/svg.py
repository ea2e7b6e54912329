"""Small charts as SVG text, drawn at build time: no script, ink of the page's own colour, a title for every mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fmbench.errors import one_line

LABEL_CHARACTERS = 34


@dataclass(frozen=True)
class Axis:
    """Data -> pixels along one direction.

    Args:
        low, high: ends in data, `start`, `end` in pixels; `log` for a logarithmic axis.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of `value`, kept within the chart."""
        low, high, value = (self._turn(v) for v in (self.low, self.high, value))
        share = 0.5 if high == low else (value - low) / (high - low)
        return self.start + min(max(share, -0.02), 1.02) * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values within the ends."""
        if self.log:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            found = [10.0**d for d in decades]
            return found[:: max(1, len(found) // wanted)] if len(found) > 1 else [self.low, self.high]
        span = self.high - self.low
        raw = span / wanted
        step = 10 ** math.floor(math.log10(raw))
        step *= next(m for m in (1, 2, 5, 10) if m * step >= raw)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _turn(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value


def axis_of(values: Sequence[float], start: float, end: float, log: bool = False) -> Axis:
    """An axis with a little room around all of `values`."""
    low, high = min(values), max(values)
    if log:
        return Axis(low / 1.3, high * 1.3, start, end, True)
    room = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    return Axis(low - room, high + room, start, end)


def chart(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """The whole picture; `label` says in words what it shows."""
    body = "".join(parts)
    size = f'viewBox="0 0 {num(width)} {num(height)}"'
    return f'<svg {size} style="max-width:{num(width)}px" role="img" aria-label="{text(label)}">{body}</svg>'


def frame(x: Axis, y: Axis, x_name: str, y_name: str, x_text: str = "", y_text: str = "") -> list[str]:
    """Grid, ticks and names of both axes; `y.start` is the bottom."""
    left, right, bottom, top = x.start, x.end, y.start, y.end
    parts = []
    for value in x.ticks():
        at = num(x.at(value))
        parts.append(f'<path class="g" d="M{at} {num(bottom)}V{num(top)}"/>')
        parts.append(f'<text x="{at}" y="{num(bottom + 14)}" text-anchor="middle">{tick(value)}{x_text}</text>')
    for value in y.ticks():
        at = num(y.at(value))
        parts.append(f'<path class="g" d="M{num(left)} {at}H{num(right)}"/>')
        parts.append(
            f'<text x="{num(left - 5)}" y="{num(y.at(value) + 4)}" text-anchor="end">{tick(value)}{y_text}</text>'
        )
    parts.append(f'<text x="{num(right)}" y="{num(bottom + 29)}" text-anchor="end">{text(x_name)}</text>')
    parts.append(f'<text x="{num(left)}" y="{num(top - 7)}">{text(y_name)}</text>')
    return parts


def mark(x: float, y: float, shape: int, title: str, faint: bool = False) -> str:
    """One point: colour and shape together, so that neither is needed alone."""
    a, b, c = num(x), num(y), shape % 5
    forms = (
        f'<circle cx="{a}" cy="{b}" r="4.5">',
        f'<path d="M{num(x - 4)} {num(y - 4)}h8v8h-8z">',
        f'<path d="M{a} {num(y - 5.5)}l5.2 9h-10.4z">',
        f'<path d="M{a} {num(y - 6)}l5 6-5 6-5-6z">',
        f'<path d="M{num(x - 5)} {num(y - 2)}h3v-3h4v3h3v4h-3v3h-4v-3h-3z">',
    )
    end = "circle" if c == 0 else "path"
    return f'<g class="k{shape % 7}{" f" if faint else ""}">{forms[c]}<title>{text(title)}</title></{end}></g>'


def bar(x0: float, y0: float, x1: float, y1: float, kind: int = 0) -> str:
    """A straight line of an interval."""
    return f'<path class="b c{kind % 7}" d="M{num(x0)} {num(y0)}L{num(x1)} {num(y1)}"/>'


def line(points: Sequence[tuple[float, float]], kind: int) -> str:
    """A line through points."""
    joined = "L".join(f"{num(x)} {num(y)}" for x, y in points)
    return f'<path class="l c{kind % 7}" d="M{joined}"/>'


def word(x: float, y: float, content: str, anchor: str = "start") -> str:
    """One short text; what is long is cut, and whole in its title."""
    whole = one_line(content)
    if len(whole) <= LABEL_CHARACTERS:
        return f'<text x="{num(x)}" y="{num(y)}" text-anchor="{anchor}">{text(whole)}</text>'
    cut = text(whole[: LABEL_CHARACTERS - 1] + "…")
    return f'<text x="{num(x)}" y="{num(y)}" text-anchor="{anchor}">{cut}<title>{text(whole[:300])}</title></text>'


def tick(value: float) -> str:
    """A round number, short."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}" if value else "0"


def num(value: float) -> str:
    """A coordinate in a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def text(content: str) -> str:
    """Content as it may stand in markup, on one line."""
    return escape(one_line(content))
