"""Corruptions of table rows. They shift the data; the gold label stays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fmbench.perturb.draws import OF_FEW, Stream, arrays, count, pick, picks
from fmbench.perturb.examples import Cell, Row
from fmbench.perturb.perturbation import perturbation

_MISSING = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
_NOISE = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_UNITS = (1000.0, 0.001, 100.0, 0.01, 3.6, 2.54, 0.45359237, 1.609344, 60.0)
"""Kilo and milli, per cent, m/s to km/h, inch to cm, pound to kg, mile to km, hours to minutes."""


def _numeric(values: Mapping[str, Cell]) -> list[str]:
    return [
        name
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    ]


@perturbation("row")
def row_missing(example: Row, rng: Stream, severity: int) -> Row:
    """Values of 5 to 40 % of the columns missing."""
    names = [name for name, value in example.values.items() if value is not None]
    if not names:
        return example
    gone = {names[j] for j, _ in picks(rng, len(names), count(len(names), _MISSING[severity]))}
    return Row({name: None if name in gone else value for name, value in example.values.items()})


@perturbation("row")
def row_units(example: Row, rng: Stream, severity: int) -> Row:
    """Numbers in another unit, such as grams for kilograms."""
    names = _numeric(example.values)
    values = dict(example.values)
    for j, u in picks(rng, len(names), count(len(names), OF_FEW[severity])) if names else ():
        values[names[j]] = float(values[names[j]]) * pick(_UNITS, u)  # type: ignore[arg-type]
    return Row(values)


@perturbation("row")
def row_order(example: Row, rng: Stream, severity: int) -> Row:
    """Columns in another order; every column keeps its value."""
    items = list(example.values.items())
    if len(items) < 2:
        return example
    chosen = [j for j, _ in picks(rng, len(items), max(2, count(len(items), OF_FEW[severity])))]
    moved = list(items)
    for at, after in zip(chosen, chosen[1:] + chosen[:1], strict=True):
        moved[at] = items[after]
    return Row(dict(moved))


@perturbation("row", takes=["spread"])
def row_noise(example: Row, rng: Stream, severity: int, spread: Mapping[str, float] | None = None) -> Row:
    """Normal noise on numbers, 2 to 40 % of the column's standard deviation, or of the value where none is given."""
    values = dict(example.values)
    numbers = arrays(rng)
    for name in _numeric(example.values):
        value = float(values[name])  # type: ignore[arg-type]
        width = abs(value) if spread is None else spread.get(name, abs(value))
        values[name] = value + _NOISE[severity] * width * float(numbers.standard_normal())
    return Row(values)
