"""Spectrograms against their formulas and an independent implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank

from fmbench.models.mel import (
    FLOOR,
    frame_sizes,
    hertz_to_mel,
    log_mel,
    log_spectrogram,
    magnitudes,
    mel_filters,
    mel_to_hertz,
    stretched,
)


def test_the_mel_scale_at_known_points() -> None:
    assert hertz_to_mel(np.array([0.0, 700.0, 1000.0])) == pytest.approx([0, 2595 * math.log10(2), 999.9856], abs=1e-3)
    hertz = np.array([0.0, 55.0, 440.0, 4000.0, 12000.0])
    assert mel_to_hertz(hertz_to_mel(hertz)) == pytest.approx(hertz)


@pytest.mark.parametrize(("n_mels", "n_fft", "rate"), [(40, 400, 16000), (20, 256, 8000), (64, 1024, 44100)])
def test_filters_equal_those_of_transformers(n_mels: int, n_fft: int, rate: int) -> None:
    wanted = mel_filter_bank(n_fft // 2 + 1, n_mels, 0.0, rate / 2, rate, norm=None, mel_scale="htk")
    np.testing.assert_allclose(mel_filters(n_mels, n_fft, rate), wanted, atol=1e-5)


def test_a_filter_is_a_triangle_between_its_neighbours() -> None:
    n_mels, n_fft, rate = 4, 64, 8000
    step = 2595 * math.log10(1 + 4000 / 700) / (n_mels + 1)
    corners = [700 * (10 ** (i * step / 2595) - 1) for i in range(n_mels + 2)]
    for m in range(n_mels):
        low, middle, high = corners[m : m + 3]
        for k in range(n_fft // 2 + 1):
            f = k * rate / n_fft
            wanted = max(0.0, min((f - low) / (middle - low), (high - f) / (high - middle)))
            assert mel_filters(n_mels, n_fft, rate)[k, m] == pytest.approx(wanted, abs=1e-5)


def test_magnitudes_are_the_fourier_transform_of_each_windowed_frame() -> None:
    wave = np.random.default_rng(0).normal(size=50).astype(np.float32)
    found = magnitudes(wave, 16, 8)
    assert found.shape == (6, 9)
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * i / 16) for i in range(16)]
    for frame in range(6):
        part = [*wave, *[0.0] * 16][8 * frame : 8 * frame + 16]
        for k in range(9):
            terms = [
                w * x * np.exp(-2j * math.pi * k * i / 16) for i, (w, x) in enumerate(zip(hann, part, strict=True))
            ]
            assert found[frame, k] == pytest.approx(abs(sum(terms)), abs=1e-4)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 24, 25])
def test_no_sample_is_left_out_and_a_short_recording_has_a_frame(n: int) -> None:
    assert len(magnitudes(np.ones(n, np.float32), 16, 8)) == 1 + math.ceil(max(0, n - 16) / 8)


def test_a_tone_is_loudest_where_it_is() -> None:
    rate, hertz = 8000, 1000
    wave = np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32)
    window, hop = frame_sizes(rate, 32, 16)
    assert (window, hop) == (256, 128)
    assert log_spectrogram(wave, rate, 32, 16)[5].argmax() == hertz * window / rate
    energies = log_mel(wave, rate, 40, 32, 16)
    assert energies.shape == (62, 40)
    centres = mel_to_hertz(np.linspace(0, hertz_to_mel(np.array(rate / 2)), 42))[1:-1]
    assert abs(centres[energies[5].argmax()] - hertz) < 60
    assert log_mel(np.zeros(400, np.float32), rate, 40, 32, 16) == pytest.approx(math.log(FLOOR))


def test_stretching_keeps_the_ends_and_is_linear_between() -> None:
    frames = np.array([[0.0, 5.0], [1.0, 3.0], [2.0, 1.0]], np.float32)
    assert stretched(frames, 5) == pytest.approx(np.array([[0, 5], [0.5, 4], [1, 3], [1.5, 2], [2, 1]]))
    assert stretched(frames, 2) == pytest.approx(frames[[0, 2]])
    assert stretched(frames[:1], 3) == pytest.approx(frames[[0, 0, 0]])
