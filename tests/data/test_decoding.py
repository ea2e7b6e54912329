"""Image and wav files become arrays: sizes, channels, number types, rates; what is broken says so."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media.samples import picture, png, tone, wav
from PIL import Image

from fmbench.data.images import image_array, image_problem, image_size
from fmbench.data.sound import Unreadable, read_wav, resampled, sound_problem


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM"])
def test_pixels_are_kept_where_nothing_has_to_change(kind: str) -> None:
    array = picture("red", 0)
    np.testing.assert_array_equal(image_array(png(array, kind), 12, 12, 3), array)


def test_sizes_channels_transparency_and_depth() -> None:
    flat = np.full((20, 10, 3), (200, 100, 50), np.uint8)
    resized = image_array(png(flat), 5, 8, 3)
    assert resized.shape == (5, 8, 3)
    assert (resized == (200, 100, 50)).all()
    assert image_array(png(flat), 5, 8, 1).shape == (5, 8, 1)
    assert image_array(png(flat), 20, 10, 1)[0, 0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    seen = image_array(png(clear), 2, 2, 3)
    assert seen[0, 0].tolist() == [10, 20, 30]
    assert seen[1, 1].tolist() == [255, 255, 255]
    deep = (np.arange(4, dtype=np.uint16).reshape(2, 2) * 20000).astype(np.uint16)
    assert image_array(png(deep), 2, 2, 1)[..., 0].tolist() == (deep >> 8).tolist()


def test_photographs_are_turned_upright() -> None:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((4, 9, 3), np.uint8)).save(stream, "JPEG", exif=exif)
    assert image_size(stream.getvalue()) == (9, 4)
    assert image_array(stream.getvalue(), 9, 4, 3).shape == (9, 4, 3)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "BMP", "PPM"]), st.floats(0, 1), st.binary(max_size=4))
def test_a_broken_image_is_told_or_read(kind: str, share: float, junk: bytes) -> None:
    whole = png(picture("blue", 1), kind)
    cut = whole[: int(share * len(whole))] + junk
    problem = image_problem(cut)
    if problem is None:
        assert image_array(cut, *image_size(cut), 3).dtype == np.uint8
    else:
        assert problem.strip()


def test_number_types_of_wav_files_mean_the_same() -> None:
    wave = np.linspace(-0.5, 0.5, 101)
    expected = wave.astype(np.float32)
    for samples, error in (
        ((wave * 32768).astype(np.int16), 1e-4),
        ((wave * 2**31).astype(np.int32), 1e-6),
        ((wave * 128 + 128).round().astype(np.uint8), 1e-2),
        (expected, 0),
        (wave, 1e-7),
    ):
        found, rate = read_wav(wav(samples, 44100))
        assert rate == 44100 and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=error)
    stereo, _ = read_wav(wav(np.stack([expected, 0 * expected], axis=1)))
    np.testing.assert_allclose(stereo, expected / 2, atol=1e-7)


def test_resampling_keeps_a_tone() -> None:
    time = np.arange(16000) / 16000
    wave = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    found = resampled(wave, 16000, 8000)
    assert len(found) == 8000
    np.testing.assert_allclose(found[100:-100], wave[::2][100:-100], atol=2e-3)
    assert resampled(wave, 16000, 16000) is wave


def test_what_is_wrong_with_a_recording() -> None:
    good = wav(tone("low", 0))
    assert sound_problem(good) is None
    assert sound_problem(b"") == "the file is empty"
    assert "not a whole wav file" in str(sound_problem(good[:-10]))
    assert "not a whole wav file" in str(sound_problem(b"ID3 an mp3 file"))
    assert sound_problem(wav(np.zeros(0, np.int16))) == "no samples"
    assert sound_problem(wav(np.array([0.0, np.nan], np.float32))) == "a sample is not a finite number"
    with pytest.raises(Unreadable):
        read_wav(good[:20])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.binary(min_size=1, max_size=8))
def test_a_broken_recording_is_told_or_read(at: int, junk: bytes) -> None:
    content = bytearray(wav(tone("high", 1)[:50]))
    content[at : at + len(junk)] = junk
    if sound_problem(bytes(content)) is None:
        wave, rate = read_wav(bytes(content))
        assert rate > 0 and np.isfinite(wave).all() and wave.ndim == 1
