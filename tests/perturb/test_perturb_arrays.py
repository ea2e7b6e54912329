"""Perturbations of images, audio and rows: what each is known by, beside what all of them promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fmbench.errors import InputError
from fmbench.perturb.distance import edit_distance, levenshtein
from fmbench.perturb.examples import Audio, Events, Image, Path, Row, Series, Text, Tokens
from fmbench.perturb.images import boxes, disk
from fmbench.perturb.perturbation import perturb
from fmbench.perturb.weather import plasma
from fmbench.registry import PERTURBATIONS

GREY = Image(np.full((32, 32, 3), 128, np.uint8))
TEXTURE = Image(np.random.default_rng(0).integers(40, 216, (32, 32, 3)).astype(np.uint8))
RATE = 16000
NOISE = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1


def image(name: str, example: Image, severity: int) -> np.ndarray:
    return perturb(PERTURBATIONS[name], example, "1", severity).array.astype(float)


def sound(name: str, samples: np.ndarray, severity: int) -> np.ndarray:
    return perturb(PERTURBATIONS[name], Audio(samples, RATE), "1", severity).samples.astype(float)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def test_noise_has_the_spread_declared() -> None:
    assert image("gaussian-noise", GREY, 5).std() == pytest.approx(0.10 * 255, rel=0.05)
    assert image("shot-noise", GREY, 5).std() == pytest.approx(np.sqrt(128 / 255 / 50) * 255, rel=0.05)
    struck = image("impulse-noise", GREY, 5)
    assert np.mean(struck != 128) == pytest.approx(0.07, rel=0.2)
    assert set(np.unique(struck)) == {0, 128, 255}


@pytest.mark.parametrize("name", ["defocus-blur", "motion-blur", "zoom-blur", "elastic", "pixelate"])
def test_what_blurs_or_moves_leaves_an_even_image(name: str) -> None:
    assert np.array_equal(image(name, GREY, 5), GREY.array)


@pytest.mark.parametrize("name", ["defocus-blur", "motion-blur", "zoom-blur", "contrast"])
def test_blur_takes_contrast_and_keeps_the_mean(name: str) -> None:
    spread = [image(name, TEXTURE, severity).std() for severity in range(6)]
    assert spread == sorted(spread, reverse=True)
    assert image(name, TEXTURE, 5).mean() == pytest.approx(TEXTURE.array.mean(), abs=2)


def test_kernels_sum_to_one() -> None:
    assert disk(1.5).sum() == pytest.approx(1)
    assert np.allclose(disk(1.5), disk(1.5).T)
    assert np.allclose(boxes(32, 20).sum(1), 1)
    assert np.allclose(boxes(32, 16) @ np.arange(32), np.arange(32).reshape(16, 2).mean(1))


def test_brightness_keeps_the_hue() -> None:
    before, after = TEXTURE.array.astype(float), image("brightness", TEXTURE, 3)
    assert np.allclose(after.max(2), np.minimum(before.max(2) + 0.15 * 255, 255), atol=1)
    assert np.allclose(after / after.max(2, keepdims=True), before / before.max(2, keepdims=True), atol=0.02)


def test_jpeg_keeps_what_is_smooth_and_grey_means() -> None:
    smooth = gaussian_filter(TEXTURE.array.astype(float), (6, 6, 0))
    example = Image(np.rint(smooth).astype(np.uint8))
    assert np.abs(image("jpeg", example, 5) - example.array).mean() < 4
    assert np.abs(image("jpeg", TEXTURE, 5) - TEXTURE.array).mean() > 15
    assert image("jpeg", GREY, 5).std() == 0


@pytest.mark.parametrize("name", ["snow", "frost"])
def test_weather_is_brighter(name: str) -> None:
    dark = Image((TEXTURE.array // 4).astype(np.uint8))
    assert image(name, dark, 3).mean() > dark.array.mean()


def test_fog_hides_texture() -> None:
    rough = [np.abs(np.diff(image("fog", TEXTURE, severity), axis=0)).mean() for severity in range(6)]
    assert rough == sorted(rough, reverse=True)
    assert rough[5] < 0.6 * rough[0]


def test_clouds_fill_their_range() -> None:
    clouds = plasma(np.random.default_rng(0), 24, 40, 2.0)
    assert clouds.shape == (24, 40)
    assert (clouds.min(), clouds.max()) == (0, 1)


@pytest.mark.parametrize(("severity", "decibels"), [(1, 30), (3, 15), (5, 5)])
def test_noise_is_at_its_ratio(severity: int, decibels: float) -> None:
    noisy = sound("audio-noise", NOISE, severity)
    assert 20 * np.log10(rms(NOISE) / rms(noisy - NOISE)) == pytest.approx(decibels, abs=0.01)


def test_level_clipping_and_length() -> None:
    assert 20 * np.log10(rms(sound("audio-gain", NOISE, 2)) / rms(NOISE)) == pytest.approx(-12, abs=1e-3)
    clipped = sound("audio-clipping", NOISE, 4)
    assert np.mean(np.abs(clipped) >= np.abs(clipped).max() * (1 - 1e-6)) == pytest.approx(0.2, abs=0.01)
    assert len(sound("audio-speed", NOISE, 5)) in (round(RATE / 1.3), round(RATE / 0.7))
    assert rms(sound("audio-reverb", NOISE, 5)) == pytest.approx(rms(NOISE), rel=1e-3)


def test_a_band_lets_its_middle_pass() -> None:
    t = np.arange(RATE) / RATE
    tones = {hz: np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (60, 1000, 7500)}
    heard = {hz: rms(sound("audio-band-pass", tone, 3)) for hz, tone in tones.items()}
    assert heard[1000] == pytest.approx(np.sqrt(0.5), rel=0.05)
    assert max(heard[60], heard[7500]) < 0.1 * heard[1000]


ROW = Row({"age": 41, "income": 2300.5, "city": "Tarbes", "open": True, "gone": None})


def test_rows() -> None:
    for i in range(20):
        key = str(i)
        missing = perturb(PERTURBATIONS["row-missing"], ROW, key, 5).values
        assert sum(value is None for value in missing.values()) == 3
        units = perturb(PERTURBATIONS["row-units"], ROW, key, 5).values
        assert [name for name in units if units[name] != ROW.values[name]] == ["age", "income"]
        order = perturb(PERTURBATIONS["row-order"], ROW, key, 5).values
        assert dict(order) == dict(ROW.values)
        assert list(order) != list(ROW.values)
        still = perturb(PERTURBATIONS["row-noise"].given(spread={"age": 0.0, "income": 1.0}), ROW, key, 5).values
        assert still["age"] == 41
        assert 0 < abs(float(str(still["income"])) - 2300.5) < 4


def test_numpy_s_global_generator_is_left_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
    image("snow", TEXTURE, 3)
    sound("audio-reverb", NOISE, 3)
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("flaw", "lawn", 2), ((1, 2, 3), (2, 3), 1)],
)
def test_levenshtein(a: str, b: str, distance: int) -> None:
    assert levenshtein(a, b) == levenshtein(b, a) == distance


def test_distances() -> None:
    assert edit_distance(Text("abc"), Text("abd")) == 1
    assert edit_distance(Tokens(("a", "b"), ("O", "O")), Tokens(("a", "bc"), ("O", "O"))) == 1
    assert edit_distance(Tokens(("a",), ("O",)), Tokens(("a",), ("B-X",))) == 1
    assert edit_distance(GREY, Image(GREY.array + np.uint8(2))) == 2
    assert edit_distance(Row({"a": 1, "b": 2}), Row({"b": 2, "a": 1})) == 2
    assert edit_distance(Row({"a": 1, "b": "x"}), Row({"a": 3, "b": None})) == pytest.approx(0.5 + 1)
    assert edit_distance(Series(np.array([[1.0], [np.nan]])), Series(np.array([[np.nan], [np.nan]]))) == 0.5
    walk = np.array([[0.0, 0.0], [2.0, 0.0]])
    assert edit_distance(Path(walk), Path(walk + np.array([0.0, 0.5]))) == pytest.approx(0.5)
    assert edit_distance(Path(walk * 0), Path(walk * 0 + 1)) == pytest.approx(np.sqrt(2))
    x = np.ones(10, np.float32)
    assert edit_distance(Audio(x, 8000), Audio(x * 0.5, 8000)) == pytest.approx(0.5)
    assert edit_distance(Audio(x, 8000), Audio(np.ones(20, np.float32), 8000)) == pytest.approx(np.log(2))
    with pytest.raises(InputError, match="no distance between text and events"):
        edit_distance(Text("a"), Events(("a",)))
