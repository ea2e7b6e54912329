"""Corruptions of audio: noise, level, clipping, speed, room and band."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from fmbench.perturb.draws import Stream, arrays
from fmbench.perturb.examples import Audio
from fmbench.perturb.perturbation import Edit, perturbation

_BANDS = ((50, 7000), (100, 4000), (300, 3400), (400, 2500), (500, 1800))
"""Lower and upper edge in Hz by severity; the third is a telephone."""


def of_samples(corrupt: Callable[[np.ndarray, int, np.random.Generator, int], np.ndarray]) -> Edit:
    """A corruption (float64 [n], rate, numbers, severity) -> float [m] as one of Audio; silence stays."""

    @wraps(corrupt)
    def whole(example: Audio, rng: Stream, severity: int) -> Audio:
        if not example.samples.size or not np.any(example.samples):
            return example
        found = corrupt(example.samples.astype(np.float64), example.rate, arrays(rng), severity)
        return Audio(found.astype(np.float32), example.rate)

    return whole


@perturbation("audio")
@of_samples
def audio_noise(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """White noise, 30 to 5 dB below the signal."""
    decibels = (30, 20, 15, 10, 5)[severity - 1]
    noise = rng.standard_normal(len(x))
    level = np.sqrt(np.mean(x**2) / max(float(np.mean(noise**2)), 1e-12) / 10 ** (decibels / 10))
    return x + level * noise


@perturbation("audio")
@of_samples
def audio_gain(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A quieter signal, by 6 to 30 dB."""
    return x * 10 ** (-(6, 12, 18, 24, 30)[severity - 1] / 20)


@perturbation("audio")
@of_samples
def audio_clipping(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """The loudest 1 to 40 % of the samples cut off."""
    limit = float(np.quantile(np.abs(x), 1 - (0.01, 0.05, 0.1, 0.2, 0.4)[severity - 1]))
    return np.clip(x, -limit, limit) if limit > 0 else x


@perturbation("audio")
@of_samples
def audio_speed(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Played 5 to 30 % slower or faster; the pitch goes along."""
    change = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    speed = 1 + (change if rng.random() < 0.5 else -change)
    n = max(1, round(len(x) / speed))
    return np.interp(np.linspace(0, len(x) - 1, n), np.arange(len(x)), x)


@perturbation("audio")
@of_samples
def audio_reverb(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A room of 0.2 to 1.3 s reverberation time, as noise that decays by 60 dB in it; loudness stays."""
    from scipy.signal import fftconvolve

    seconds = (0.2, 0.4, 0.6, 0.9, 1.3)[severity - 1]
    n = max(2, int(seconds * rate))
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail *= (0.3, 0.5, 0.7, 0.9, 1.2)[severity - 1] / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    found = fftconvolve(x, tail)[: len(x)]
    level = float(np.sum(found**2))
    return np.asarray(found * np.sqrt(np.sum(x**2) / level)) if level > 0 else x


@perturbation("audio")
@of_samples
def audio_band_pass(x: np.ndarray, rate: int, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Only a band of frequencies, from 50-7000 Hz down to 500-1800 Hz; a telephone at severity 3."""
    low, high = _BANDS[severity - 1]
    frequencies = np.fft.rfftfreq(len(x), 1 / rate)
    gain = 1 / np.sqrt((1 + (low / np.maximum(frequencies, 1e-6)) ** 8) * (1 + (frequencies / high) ** 8))
    return np.fft.irfft(np.fft.rfft(x) * gain, len(x))
