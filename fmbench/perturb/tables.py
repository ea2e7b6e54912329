"""Corruptions of table rows, time series and sequences of events. They shift the data; the gold label stays."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from fmbench.perturb.draws import OF_FEW, OF_WORDS, Stream, arrays, count, pick, picks
from fmbench.perturb.examples import Cell, Events, Row, Series
from fmbench.perturb.perturbation import perturbation

_MISSING = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
_NOISE = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_UNITS = (1000.0, 0.001, 100.0, 0.01, 3.6, 2.54, 0.45359237, 1.609344, 60.0)
"""Kilo and milli, per cent, m/s to km/h, inch to cm, pound to kg, mile to km, hours to minutes."""
_EVENTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


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


def _points(rng: Stream, shape: tuple[int, ...], share: float) -> np.ndarray:
    """bool [time, channels]: a share of the points, more of them with a higher share."""
    order = np.argsort(arrays(rng).random(shape), axis=None)
    chosen = np.zeros(order.size, bool)
    chosen[order[: count(order.size, share)]] = True
    return chosen.reshape(shape)


@perturbation("series")
def series_missing(example: Series, rng: Stream, severity: int) -> Series:
    """5 to 40 % of the points missing (NaN)."""
    if not example.values.size:
        return example
    return Series(np.where(_points(rng, example.values.shape, _MISSING[severity]), np.nan, example.values))


@perturbation("series")
def series_gap(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor that fails: one channel missing (NaN) for 5 to 40 % of the time."""
    if not example.values.size:
        return example
    time, channels = example.values.shape
    channel, start = int(rng.random() * channels), int(rng.random() * time)
    at = (start + np.arange(count(time, _MISSING[severity]))) % time
    values = example.values.astype(float, copy=True)
    values[at, channel] = np.nan
    return Series(values)


@perturbation("series")
def series_scale(example: Series, rng: Stream, severity: int) -> Series:
    """All values larger or smaller by 5 to 50 %."""
    factor = 1 + OF_WORDS[severity]
    return Series(example.values * (factor if rng.random() < 0.5 else 1 / factor))


@perturbation("series")
def series_noise(example: Series, rng: Stream, severity: int) -> Series:
    """Normal noise, 2 to 40 % of each channel's standard deviation."""
    if not example.values.size or np.isnan(example.values).all():
        return example
    seen = np.ma.masked_invalid(example.values)
    width = np.asarray(seen.std(axis=0).filled(0.0))
    return Series(example.values + _NOISE[severity] * width * arrays(rng).standard_normal(example.values.shape))


@perturbation("events")
def events_dropped(example: Events, rng: Stream, severity: int) -> Events:
    """10 to 50 % of the events missing; one stays."""
    n = len(example.items)
    if n < 2:
        return example
    gone = {j for j, _ in picks(rng, n, min(n - 1, count(n, _EVENTS[severity])))}
    return Events(tuple(item for i, item in enumerate(example.items) if i not in gone))


@perturbation("events", takes=["items"])
def events_injected(example: Events, rng: Stream, severity: int, items: Sequence[Hashable] = ()) -> Events:
    """10 to 50 % more events, drawn from the given items, or from the sequence itself where none are given."""
    n, pool = len(example.items), items or example.items
    if not n:
        return example
    found = list(example.items)
    chosen = [(j, pick(pool, u)) for j, u in picks(rng, n + 1, count(n + 1, _EVENTS[severity]))]
    for j, item in sorted(chosen, key=lambda one: -one[0]):
        found.insert(j, item)
    return Events(tuple(found))
