"""Generated sounds, series, paths and images: the ceiling is what an oracle reaches, and nothing learned passes it."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import numpy as np
import pytest

from fmbench.data.generator import Generated
from fmbench.data.generators import hidden_states, intersection_paths, regime_forecast, road_scenes, spoken_digits
from fmbench.data.images import image_array
from fmbench.data.rows import SPLITS
from fmbench.data.sound import read_wav
from fmbench.registry import GENERATORS, KINDS
from fmbench.suite.schema import Split

SMALL: dict[str, dict[str, Any]] = {
    "spoken-digits": {"train": 20, "validation": 10, "test": 20},
    "regime-forecast": {"series": 2, "train": 60, "validation": 60, "test": 60},
    "traffic-flow": {"counters": 2, "train": 14, "validation": 4, "test": 4},
    "intersection-paths": {"train": 10, "validation": 5, "test": 10},
    "car-following": {"train": 2, "validation": 1, "test": 3, "seconds": 4.0},
    "lane-keeping": {"train": 2, "validation": 1, "test": 3, "seconds": 4.0},
    "road-scenes": {"train": 12, "validation": 6, "test": 18},
}
PRINTS = {
    "spoken-digits": "976b822a505bc92d",
    "regime-forecast": "3d70f4465af9a8c1",
    "traffic-flow": "3ebfc456bdeeb089",
    "intersection-paths": "fd627060c069af03",
    "car-following": "7af7c24330325156",
    "lane-keeping": "5e4378839bd2afdc",
    "road-scenes": "fd880c70c01c7f5a",
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


class TestIntersectionPaths:
    def test_the_kind_cuts_one_window_a_car_and_the_oracle_reaches_the_ceiling(self) -> None:
        made = make("intersection-paths", test=200)
        observed, future = paths(made, "test")
        assert observed.shape == (200, 8, 2)
        found = intersection_paths.forecasts(observed, intersection_paths.IntersectionPaths.Settings())
        distance = np.linalg.norm(found - future, axis=2)
        assert distance.mean() == pytest.approx(made.ceiling["ade"], abs=1e-4)
        assert distance[:, -1].mean() == pytest.approx(made.ceiling["fde"], abs=1e-4)

    def test_no_other_use_of_the_beliefs_comes_nearer(self) -> None:
        made = make("intersection-paths", test=800, noise=0.5)
        observed, future = paths(made, "test")
        every, chances = intersection_paths.ways(1.2)
        south = np.array([path[4, 1] - path[0, 1] > abs(path[4, 0] - path[0, 0]) for path in observed])
        weights = intersection_paths.believed(observed[south], every, chances, 0.5)
        mean = np.einsum("nw,wtc->ntc", weights, every[:, 8:])
        likeliest = every[weights.argmax(axis=1), 8:]
        settings = intersection_paths.IntersectionPaths.Settings(noise=0.5)
        best, *others = (
            np.linalg.norm(found - future[south], axis=2).mean()
            for found in (intersection_paths.forecasts(observed[south], settings), mean, likeliest)
        )
        assert best < min(others)

    def test_beliefs_are_calibrated(self) -> None:
        rng = np.random.default_rng(0)
        every, chances = intersection_paths.ways(1.2)
        way = rng.choice(len(chances), size=2000, p=chances)
        seen = every[way] + rng.normal(size=(2000, 20, 2)) * 0.5
        weights = intersection_paths.believed(seen[:, :8], every, chances, 0.5)
        right = weights[np.arange(2000), way]
        assert (weights**2).sum(axis=1).mean() == pytest.approx(right.mean(), abs=0.02)

    def test_a_learner_lies_between_constant_velocity_and_the_ceiling(self) -> None:
        made = make("intersection-paths", train=600, test=200)
        (past, later), (observed, future) = paths(made, "train"), paths(made, "test")
        steps = np.arange(1, 13)[:, None]
        steady = observed[:, -1:] + steps * (observed[:, -1:] - observed[:, :1]) / 7
        design = np.column_stack([past.reshape(600, -1), np.ones(600)])
        weights = np.linalg.lstsq(design, later.reshape(600, -1), rcond=None)[0]
        learned = (np.column_stack([observed.reshape(200, -1), np.ones(200)]) @ weights).reshape(future.shape)
        errors = [np.linalg.norm(found - future, axis=2).mean() for found in (learned, steady)]
        assert made.ceiling["ade"] < errors[0] < errors[1]

    def test_early_notice_lowers_the_ceiling_and_noise_raises_it(self) -> None:
        late, usual, early = (make("intersection-paths", test=300, notice=t).ceiling["ade"] for t in (0.0, 1.2, 2.5))
        assert late > usual > early
        assert make("intersection-paths", test=300, noise=0.6).ceiling["ade"] > usual


def paths(made: Generated, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Observed and future positions, [n, 8, 2] and [n, 12, 2], as the kind cuts them."""
    kind = KINDS["trajectory-forecasting"]
    scenes = {part: {**columns, "scene": [part] * len(columns["x"])} for part, columns in made.splits.items()}
    found, _ = kind.assemble(scenes, {}, kind.Options(), Split())
    rows = found[split]
    return tuple(np.array(rows[name]).reshape(len(rows["id"]), -1, 2) for name in ("observed", "future"))


class TestRoadScenes:
    def test_pictures_are_what_was_drawn(self) -> None:
        made = make("road-scenes", noise=0.0, hidden=0.0)
        image = image_array(made.splits["test"]["image"][0], 32, 32, 3)
        assert image.shape == (32, 32, 3)
        assert made.ceiling["accuracy"] == 1.0
        assert sorted(set(made.splits["test"]["label"])) == list(road_scenes.LABELS)

    def test_every_class_can_be_told_from_every_other(self) -> None:
        views = road_scenes.draw_views(np.random.default_rng(0), 20, hidden=0.0)
        drawn = [road_scenes.picture(np.full(20, label), views) for label in range(6)]
        for one, other in itertools.combinations(drawn, 2):
            changed = (one != other).any(axis=3).sum(axis=(1, 2))
            assert changed.min() >= 10, "pixels"

    def test_what_is_hidden_and_noise_lower_the_ceiling_down_to_chance(self) -> None:
        clear = make("road-scenes", test=180, noise=100.0, hidden=0.0).ceiling["accuracy"]
        covered = make("road-scenes", test=180, noise=100.0, hidden=1.0).ceiling["accuracy"]
        drowned = make("road-scenes", test=180, noise=500.0, hidden=1.0).ceiling["accuracy"]
        assert clear > covered > drowned
        assert clear > 0.95

    def test_a_learner_lies_between_chance_and_the_ceiling(self) -> None:
        made = make("road-scenes", train=600, test=180, noise=5.0)
        pixels = {split: _differences(made.splits[split]["image"]) for split in ("train", "test")}
        labels = {split: np.array(made.splits[split]["label"]) for split in ("train", "test")}
        means = np.stack([pixels["train"][labels["train"] == label].mean(axis=0) for label in road_scenes.LABELS])
        distances = ((pixels["test"][:, None] - means[None]) ** 2).sum(axis=2)
        accuracy = (np.array(road_scenes.LABELS)[distances.argmin(axis=1)] == labels["test"]).mean()
        assert 0.25 < accuracy < made.ceiling["accuracy"]


def _differences(files: list[bytes]) -> np.ndarray:
    """[n, features] how much neighbouring pixels differ, by rows and columns."""
    images = np.stack([image_array(content, 32, 32, 3) for content in files]).astype(np.float64).mean(axis=3)
    aside = np.sqrt(abs(np.diff(images, axis=2))).reshape(len(files), 8, 4, 31).sum(axis=2)
    return np.concatenate([aside.sum(axis=2), aside.sum(axis=1)], axis=1)
