"""Generated sounds, series, paths and images: the ceiling is what an oracle reaches, and nothing learned passes it."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import numpy as np
import pytest

from fmbench.data.generator import Generated
from fmbench.data.generators import hidden_states, regime_forecast, spoken_digits
from fmbench.data.images import image_array
from fmbench.data.rows import SPLITS
from fmbench.data.sound import read_wav
from fmbench.registry import GENERATORS, KINDS
from fmbench.suite.schema import Split

SMALL: dict[str, dict[str, Any]] = {
    "spoken-digits": {"train": 20, "validation": 10, "test": 20},
    "regime-forecast": {"series": 2, "train": 60, "validation": 60, "test": 60},
    "traffic-flow": {"counters": 2, "train": 14, "validation": 4, "test": 4},
}
PRINTS = {
    "spoken-digits": "976b822a505bc92d",
    "regime-forecast": "3d70f4465af9a8c1",
    "traffic-flow": "3ebfc456bdeeb089",
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


def windows(made: Generated, **options: Any) -> dict[str, dict[str, np.ndarray]]:
    """Past and future of the windows of each split, as the kind cuts them."""
    kind = KINDS["time-series-forecasting"]
    found, _ = kind.assemble(made.splits, {}, kind.Options(**options), Split())
    return {split: {name: np.array(rows[name]) for name in ("past", "future")} for split, rows in found.items()}


def placed(made: Generated) -> Generated:
    """The same as the kind conforms it: times as moments."""
    from fmbench.data.rows import Rows

    kind = KINDS["time-series-forecasting"]
    splits = {split: kind.conform(Rows(columns, split))[0] for split, columns in made.splits.items()}
    return Generated(splits, made.side, made.ceiling)


def ridge_errors(cut: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Of a ridge regression of the future on the past, on the test windows."""
    train, test = cut["train"], cut["test"]
    design = np.column_stack([train["past"], np.ones(len(train["past"]))])
    weights = np.linalg.solve(design.T @ design + 10 * np.eye(design.shape[1]), design.T @ train["future"])
    wrong = np.column_stack([test["past"], np.ones(len(test["past"]))]) @ weights - test["future"]
    naive = abs(test["past"][:, -1:] - test["future"]).mean()
    mae = abs(wrong).mean()
    return {"mae": mae, "rmse": np.sqrt((wrong**2).mean()), "relative_mae": mae / naive}


class TestHiddenStates:
    def test_the_filter_is_the_sum_over_all_paths(self) -> None:
        rng = np.random.default_rng(0)
        moves = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.25, 0.25, 0.5]])
        seen = rng.random((1, 4, 3))
        start = hidden_states.long_run(moves)
        np.testing.assert_allclose(start @ moves, start, atol=1e-12)
        found = np.zeros(3)
        for path in itertools.product(range(3), repeat=4):
            chance = start[path[0]] * np.prod([moves[a, b] for a, b in itertools.pairwise(path)])
            found[path[-1]] += chance * np.prod([seen[0, i, state] for i, state in enumerate(path)])
        np.testing.assert_allclose(hidden_states.filtered(seen, moves)[0], found / found.sum(), atol=1e-12)


class TestRegimeForecast:
    def test_the_ceiling_is_of_the_windows_that_the_kind_cuts(self) -> None:
        made = make("regime-forecast", series=5, test=120)
        settings = regime_forecast.RegimeForecast.Settings(series=5)
        test = windows(placed(made), context=24, horizon=6)["test"]
        assert len(test["past"]) == 5 * 16
        mean, median = regime_forecast.forecasts(test["past"], settings, np.random.default_rng(5))
        assert np.sqrt(((mean - test["future"]) ** 2).mean()) == pytest.approx(made.ceiling["rmse"], rel=1e-4)
        assert abs(median - test["future"]).mean() == pytest.approx(made.ceiling["mae"], rel=0.03)

    def test_the_mean_is_that_of_simulated_futures(self) -> None:
        settings = regime_forecast.RegimeForecast.Settings(futures=10, horizon=3)
        past = windows(placed(make("regime-forecast")), context=24, horizon=6)["test"]["past"][:1]
        mean, _ = regime_forecast.forecasts(past, settings, np.random.default_rng(0))
        many = np.repeat(past, 40_000, axis=0)
        single = settings.model_copy(update={"futures": 1})
        _, drawn = regime_forecast.forecasts(many, single, np.random.default_rng(1))
        np.testing.assert_allclose(drawn.mean(axis=0), mean[0], atol=0.05)

    def test_a_learner_lies_between_persistence_and_the_ceiling_and_noise_raises_it(self) -> None:
        made = make("regime-forecast", series=10, train=480, test=240)
        learned = ridge_errors(windows(placed(made), context=24, horizon=6, train_stride=2))
        assert made.ceiling["mae"] < learned["mae"]
        assert made.ceiling["rmse"] < learned["rmse"]
        assert learned["relative_mae"] < 1.0
        loud = make("regime-forecast", series=10, test=240, noise=2.0)
        assert loud.ceiling["mae"] > 1.3 * made.ceiling["mae"]


class TestTrafficFlow:
    def test_the_ceiling_is_of_the_windows_that_the_kind_cuts(self) -> None:
        made = make("traffic-flow", counters=4, train=42, test=14)
        cut = windows(placed(made), context=24, horizon=12, known=["rain"])
        test = cut["test"]
        naive = abs(test["past"][:, -1:] - test["future"]).mean()
        assert made.ceiling["relative_mae"] == pytest.approx(made.ceiling["mae"] / naive, rel=1e-4)
        learned = ridge_errors(cut)
        assert made.ceiling["mae"] < learned["mae"]
        assert made.ceiling["rmse"] < learned["rmse"]
        assert learned["relative_mae"] < 1.0

    def test_without_incidents_only_noise_is_left(self) -> None:
        found = make("traffic-flow", test=28, incidents=0.0)
        flow = np.array(found.splits["test"]["value"])
        assert found.ceiling["mae"] == pytest.approx(0.1 * np.sqrt(2 / np.pi) * flow.mean(), rel=0.1)

    def test_incidents_and_noise_raise_the_ceiling(self) -> None:
        usual = make("traffic-flow", test=28).ceiling["mae"]
        assert make("traffic-flow", test=28, incidents=0.1).ceiling["mae"] > 1.2 * usual
        assert make("traffic-flow", test=28, noise=0.2).ceiling["mae"] > 1.2 * usual
