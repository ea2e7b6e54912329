"""Log-mel spectrograms (numpy)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

FLOOR = 1e-6
"""Added to energies before the logarithm."""


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """m = 2595 log10(1 + f / 700) (O'Shaughnessy 1987, as in HTK)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0))


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """The inverse of `hertz_to_mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))


@lru_cache(maxsize=8)
def mel_filters(n_mels: int, n_fft: int, sample_rate: int) -> np.ndarray:
    """Triangles of height 1 over the bins of a Fourier transform, float32 [n_fft // 2 + 1, n_mels].

    Their corners are equally spaced in mel from 0 Hz to half the rate; neighbours overlap by half.
    """
    corners = mel_to_hertz(np.linspace(0.0, hertz_to_mel(np.array(sample_rate / 2)), n_mels + 2))
    bins = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    filters = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def magnitudes(wave: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Magnitudes of the short-time Fourier transform with a Hann window, float32 [n_frames, window // 2 + 1].

    Frames start every `hop` samples; the last one is filled up with zeros.
    """
    n = 1 + max(0, -(-(len(wave) - window) // hop))
    padded = np.zeros((n - 1) * hop + window, dtype=np.float32)
    padded[: len(wave)] = wave
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    return np.abs(np.fft.rfft(frames * hann, axis=1)).astype(np.float32)


def log_mel(wave: np.ndarray, sample_rate: int, n_mels: int, window_ms: float, hop_ms: float) -> np.ndarray:
    """The logarithm of mel energies, float32 [n_frames, n_mels]."""
    window, hop = frame_sizes(sample_rate, window_ms, hop_ms)
    power = magnitudes(wave, window, hop) ** 2
    return np.log(power @ mel_filters(n_mels, window, sample_rate) + FLOOR)


def log_spectrogram(wave: np.ndarray, sample_rate: int, window_ms: float, hop_ms: float) -> np.ndarray:
    """The logarithm of magnitudes, float32 [n_frames, n_bins]."""
    return np.log(magnitudes(wave, *frame_sizes(sample_rate, window_ms, hop_ms)) + FLOOR)


def frame_sizes(sample_rate: int, window_ms: float, hop_ms: float) -> tuple[int, int]:
    """Samples of a window (even) and of a hop."""
    return 2 * max(1, round(sample_rate * window_ms / 2000)), max(1, round(sample_rate * hop_ms / 1000))


def stretched(frames: np.ndarray, n: int) -> np.ndarray:
    """Exactly `n` frames, float32 [n, width]: linear in time between the first and the last of `frames`."""
    at = np.linspace(0, len(frames) - 1, n)
    low = np.floor(at).astype(int)
    share = (at - low)[:, None].astype(np.float32)
    return frames[low] * (1 - share) + frames[np.minimum(low + 1, len(frames) - 1)] * share
