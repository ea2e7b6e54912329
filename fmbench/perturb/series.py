"""Sensors that go wrong: time series with noise, gaps, spikes, shifts, limits, and in other units.

Forecasts are judged against what really came. What is lost is held at the value before it, as readers of such data do
(`options: {missing: last}`), so no model meets a hole.
"""

from __future__ import annotations

import numpy as np

from fmbench.perturb.draws import OF_WORDS, Stream, arrays, count, pick, picks
from fmbench.perturb.examples import Frame, Series
from fmbench.perturb.perturbation import perturbation

MISSING = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
_NOISE = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_SPIKES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2)
_LEVEL = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
_COARSE = (1, 2, 3, 4, 5, 6)
_UNITS = (1.0, 1.609344, 3.6, 10.0, 60.0, 1000.0)
"""Miles in kilometres, m/s in km/h, tenths, minutes in seconds, kilo."""


def held(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Values [time, ...] with what is lost held at the last value that is not, at the beginning at the first one.

    Args:
        lost: bool of the same shape; a channel that is lost throughout stays as it is.
    """
    at = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    last = np.maximum.accumulate(np.where(lost, -1, at), axis=0)
    first = np.argmin(lost, axis=0)
    return np.where(lost.all(axis=0), values, np.take_along_axis(values, np.where(last < 0, first, last), axis=0))


def spread(values: np.ndarray) -> np.ndarray:
    """Standard deviation of each channel without missing values, [channels]; 0 where nothing is known."""
    return np.asarray(np.ma.masked_invalid(values).std(axis=0).filled(0.0))


def _share(rng: Stream, shape: tuple[int, ...], share: float) -> np.ndarray:
    """bool [time, channels]: a share of the points, more of them with a higher share."""
    order = np.argsort(arrays(rng).random(shape), axis=None)
    chosen = np.zeros(order.size, bool)
    chosen[order[: count(order.size, share)]] = True
    return chosen.reshape(shape)


def _stretch(rng: Stream, shape: tuple[int, ...], share: float) -> np.ndarray:
    """bool [time, channels]: one stretch of one channel; that of a higher share holds that of a lower one."""
    time, channels = shape
    channel, u, length = int(rng.random() * channels), rng.random(), count(time, share)
    start = int(u * (time - length + 1))
    chosen = np.zeros(shape, bool)
    chosen[start : start + length, channel] = True
    return chosen


@perturbation("series", version=2)
def series_missing(example: Series, rng: Stream, severity: int) -> Series:
    """5 to 40 % of the points lost; the value before each stands in for it."""
    if not example.values.size:
        return example
    return Series(held(example.values, _share(rng, example.values.shape, MISSING[severity])))


@perturbation("series", version=2)
def series_gap(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor that hangs: one channel keeps its last value for 5 to 40 % of the time."""
    if not example.values.size:
        return example
    return Series(held(example.values, _stretch(rng, example.values.shape, MISSING[severity])))


@perturbation("series")
def series_zeros(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor that fails: one channel reports 0 for 5 to 40 % of the time."""
    if not example.values.size:
        return example
    return Series(np.where(_stretch(rng, example.values.shape, MISSING[severity]), 0.0, example.values))


@perturbation("series")
def series_scale(example: Series, rng: Stream, severity: int) -> Series:
    """A gain that is off: all values larger or smaller by 5 to 50 %."""
    factor = 1 + OF_WORDS[severity]
    return Series(example.values * (factor if rng.random() < 0.5 else 1 / factor))


@perturbation("series")
def series_units(example: Series, rng: Stream, severity: int) -> Series:
    """All values in a unit that is 1.6 to 1000 times as large or as small; forecasts are turned back to be judged."""
    factor = _UNITS[severity] if rng.random() < 0.5 else 1 / _UNITS[severity]
    channels = example.values.shape[1]
    frame = Frame(np.eye(channels) * factor, np.zeros(channels))
    return Series(example.values * factor, frame)


@perturbation("series")
def series_noise(example: Series, rng: Stream, severity: int) -> Series:
    """Normal noise, 2 to 40 % of each channel's standard deviation."""
    if not example.values.size:
        return example
    noise = arrays(rng).standard_normal(example.values.shape)
    return Series(example.values + _NOISE[severity] * spread(example.values) * noise)


@perturbation("series")
def series_spikes(example: Series, rng: Stream, severity: int) -> Series:
    """2 to 20 % of the points thrown off by 3 to 6 standard deviations of their channel, up or down."""
    if not example.values.size:
        return example
    values, channels = example.values.astype(float, copy=True), example.values.shape[1]
    width = spread(values)
    for place, u in picks(rng, values.size, count(values.size, _SPIKES[severity])):
        size = 3 + 3 * abs(2 * u - 1)
        values.flat[place] += width[place % channels] * (size if u < 0.5 else -size)
    return Series(values)


@perturbation("series")
def series_level(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor whose zero moves: one channel is off by 0.25 to 2 of its standard deviations from some moment on."""
    if not example.values.size:
        return example
    time, channels = example.values.shape
    channel, start, up = int(rng.random() * channels), int(rng.random() * time), pick((1, -1), rng.random())
    values = example.values.astype(float, copy=True)
    values[start:, channel] += up * _LEVEL[severity] * spread(example.values)[channel]
    return Series(values)


@perturbation("series")
def series_clipping(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor at its limit: the highest 5 to 40 % of each channel's values cut off at the next lower one."""
    if not example.values.size:
        return example
    ordered = np.sort(np.where(np.isnan(example.values), -np.inf, example.values), axis=0)
    limit = ordered[max(0, len(ordered) - 1 - count(len(ordered), MISSING[severity]))]
    return Series(np.where(np.isfinite(limit), np.minimum(example.values, limit), example.values))


@perturbation("series")
def series_coarse(example: Series, rng: Stream, severity: int) -> Series:
    """A sensor that is read too seldom: only every 2nd to 6th value is known, and held until the next."""
    if not example.values.size:
        return example
    step = _COARSE[severity]
    known = (np.arange(len(example.values)) + int(rng.random() * step)) % step == 0
    return Series(held(example.values, np.broadcast_to(~known[:, None], example.values.shape)))
