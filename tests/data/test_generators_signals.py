"""Generated sounds, series, paths and images: the ceiling is what an oracle reaches, and nothing learned passes it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from fmbench.data.generator import Generated
from fmbench.data.generators import spoken_digits
from fmbench.data.images import image_array
from fmbench.data.rows import SPLITS
from fmbench.data.sound import read_wav
from fmbench.registry import GENERATORS

SMALL: dict[str, dict[str, Any]] = {
    "spoken-digits": {"train": 20, "validation": 10, "test": 20},
}
PRINTS = {
    "spoken-digits": "976b822a505bc92d",
}


def make(name: str, **settings: Any) -> Generated:
    owner = GENERATORS[name]
    return owner.generate(owner.Settings.model_validate({**SMALL[name], **settings}))


def print_of(made: Generated) -> str:
    """sha256 of the rows; bytes stand as their own sha256."""

    def told(value: Any) -> str:
        return hashlib.sha256(value).hexdigest()

    rows = json.dumps([made.splits, dict(made.side)], default=told, sort_keys=True)
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", SMALL)
class TestEvery:
    def test_rows_are_the_same_by_seed_and_version(self, name: str) -> None:
        made = make(name)
        assert print_of(made) == PRINTS[name]
        assert set(made.splits) == set(SPLITS)
        assert print_of(make(name, seed=1)) != PRINTS[name]
        assert made.ceiling == make(name).ceiling

    def test_columns_are_of_one_length(self, name: str) -> None:
        for columns in make(name).splits.values():
            assert len({len(values) for values in columns.values()}) == 1


class TestSpokenDigits:
    def test_files_are_short_recordings_whose_speakers_do_not_come_back(self) -> None:
        made = make("spoken-digits")
        wave, rate = read_wav(made.splits["test"]["audio"][0])
        assert (len(wave), rate) == (3200, 8000)
        assert 0.02 < np.sqrt((wave**2).mean()) < 0.2
        speakers = [set(made.splits[split]["speaker"]) for split in SPLITS]
        assert sum(map(len, speakers)) == len(set.union(*speakers))

    def test_noise_lowers_the_ceiling_down_to_chance(self) -> None:
        found = [make("spoken-digits", test=100, snr=snr).ceiling["accuracy"] for snr in (5.0, -25.0, -60.0)]
        assert found[0] == 1.0
        assert 0.4 < found[1] < 0.95
        assert found[2] < 0.25

    def test_a_vowel_has_its_energy_at_its_formants(self) -> None:
        rng = np.random.default_rng(0)
        manner = spoken_digits.manners(rng, np.zeros(1, dtype=int), np.array([[100.0, 1.0]]))
        for digit, loud, quiet in ((2, (200, 450), (1300, 1900)), (3, (2000, 2600), (1000, 1600))):
            power = abs(np.fft.rfft(spoken_digits.say(np.array([digit]), manner)[0, 1800:2400])) ** 2
            hertz = np.fft.rfftfreq(600, 1 / 8000)
            levels = [power[(hertz > low) & (hertz < high)].mean() for low, high in (loud, quiet)]
            assert levels[0] > 5 * levels[1]

    def test_a_learner_lies_between_chance_and_ceiling(self) -> None:
        made = make("spoken-digits", train=400, test=100, snr=20.0)
        spectra = {split: _spectra(made.splits[split]["audio"]) for split in ("train", "test")}
        words = np.array(made.splits["train"]["label"])
        distances = ((spectra["test"][:, None] - spectra["train"][None]) ** 2).sum(axis=2)
        found = words[distances.argmin(axis=1)]
        accuracy = (found == np.array(made.splits["test"]["label"])).mean()
        assert 0.4 < accuracy <= made.ceiling["accuracy"]


def _spectra(files: list[bytes]) -> np.ndarray:
    """[n, frames * bands] log energies of unit spread."""
    waves = np.stack([read_wav(content)[0] for content in files]).reshape(len(files), 10, 320)
    power = abs(np.fft.rfft(waves)[..., :160]) ** 2
    bands = np.log(power.reshape(len(files), 10, 16, 10).sum(axis=3) + 1e-3).reshape(len(files), -1)
    return np.asarray((bands - bands.mean(axis=1, keepdims=True)) / bands.std())


def test_handwritten_digits_are_images_as_they_are() -> None:
    from sklearn.datasets import load_digits

    from fmbench.data.bundled import digit_images

    made, data = digit_images(), load_digits()
    assert made["label"] == [str(digit) for digit in data.target]
    for i in (0, 100, 1796):
        ink = (255 - image_array(made["image"][i], 8, 8, 1)[..., 0].astype(float)) * 16 / 255
        assert np.array_equal(np.round(ink), data.images[i])
