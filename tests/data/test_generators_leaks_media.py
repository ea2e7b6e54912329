"""Generated sounds and pictures leak nothing: all but the word or the object is chance, and no bound is passed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench.data.generator import Generated
from fmbench.data.generators import road_scenes, spoken_digits
from fmbench.data.images import image_array
from fmbench.data.rows import SPLITS
from fmbench.data.sound import read_wav
from fmbench.registry import GENERATORS

NAMES = ("spoken-digits", "road-scenes")
SIZES: dict[str, dict[str, int]] = {
    "spoken-digits": {"train": 300, "validation": 20, "test": 200},
    "road-scenes": {"train": 600, "validation": 60, "test": 240},
}
EVEN = (("train", 60), ("validation", 60), ("test", 60))
"""Splits of one size, which would be the same if they began from one seed."""
CLASSES = {"spoken-digits": 10, "road-scenes": 6}
CLEAR: dict[str, dict[str, float]] = {"spoken-digits": {"snr": 0.0}, "road-scenes": {"noise": 5.0, "hidden": 0.0}}
DROWNED: dict[str, dict[str, float]] = {"spoken-digits": {"snr": -40.0}, "road-scenes": {"noise": 500.0, "hidden": 1.0}}
REACHED = {"spoken-digits": 0.85, "road-scenes": 0.4}
"""What learners reach at least where all is clear: else they are none to test a bound by."""
BORDER = (0, 1, 30, 31)
"""Rows of a picture to which no object reaches."""


@cache
def made(name: str, knobs: tuple[tuple[str, float], ...] = ()) -> Generated:
    owner = GENERATORS[name]
    found: Generated = owner.generate(owner.Settings.model_validate({**SIZES[name], **dict(knobs)}))
    return found


def with_knobs(name: str, knobs: dict[str, dict[str, float]]) -> Generated:
    return made(name, tuple(knobs[name].items()))


def waves(generated: Generated, split: str) -> np.ndarray:
    return np.stack([read_wav(content)[0] for content in generated.splits[split]["audio"]])


def pixels(generated: Generated, split: str) -> np.ndarray:
    """float64 [n, SIDE, SIDE, 3]."""
    side = road_scenes.SIDE
    return np.stack([image_array(one, side, side, 3) for one in generated.splits[split]["image"]]).astype(np.float64)


def beside(name: str, generated: Generated, split: str) -> np.ndarray:
    """[n, clues] of row, label before, speaker, file, loudness and border: all but the word or the object."""
    columns = generated.splits[split]
    names = sorted(set(columns["label"]))
    before = np.roll([names.index(label) for label in columns["label"]], 1)
    files = columns["audio" if name == "spoken-digits" else "image"]
    heads = np.array([list(content[:44]) if name == "spoken-digits" else list(content[:13]) for content in files])
    parts = [np.arange(len(files)) / len(files), before, [len(content) for content in files], heads]
    if name == "spoken-digits":
        sound = waves(generated, split)
        parts += [np.sqrt((sound**2).mean(axis=1)), [int(one.rsplit("-", 1)[1]) for one in columns["speaker"]]]
    else:
        border = pixels(generated, split)[:, BORDER]
        parts += [border.mean(axis=2).reshape(len(files), -1), border.reshape(len(files), -1)[:, ::7]]
    return np.column_stack([np.asarray(part, dtype=np.float64) for part in parts])


def told(name: str, generated: Generated, split: str) -> np.ndarray:
    """[n, features] of the recording or the picture: energies of bands, or how much neighbouring pixels differ."""
    if name == "spoken-digits":
        sound = waves(generated, split).reshape(-1, 10, 320)
        power = (abs(np.fft.rfft(sound)[..., :160]) ** 2).reshape(len(sound), 10, 16, 10).sum(axis=3)
        bands = np.log(power + 1e-3).reshape(len(sound), -1)
        return np.column_stack([bands - bands.mean(axis=1, keepdims=True), abs(sound).max(axis=2)])
    images = pixels(generated, split).mean(axis=3)
    aside = np.sqrt(abs(np.diff(images, axis=2))).reshape(-1, 8, 4, 31).sum(axis=2)
    coarse = images.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    return np.column_stack([aside.sum(axis=2), aside.sum(axis=1), coarse.reshape(len(images), -1)])


LEARNERS = (
    lambda: ExtraTreesClassifier(60, random_state=0),
    lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300)),
)


def learned(clues: dict[str, np.ndarray], generated: Generated) -> float:
    """The best accuracy in the test of learners of train."""
    labels = {split: generated.splits[split]["label"] for split in clues}
    return max(
        float(make().fit(clues["train"], labels["train"]).score(clues["test"], labels["test"])) for make in LEARNERS
    )


def luck(share: float, name: str) -> float:
    """Three standard errors of the test's accuracy, and some for the better of two learners."""
    return 3.3 * float(np.sqrt(share * (1 - share) / SIZES[name]["test"]))


@pytest.mark.parametrize("name", NAMES)
class TestMedia:
    def test_all_but_the_word_or_the_object_is_chance(self, name: str) -> None:
        generated, chance = with_knobs(name, CLEAR), 1 / CLASSES[name]
        clues = {split: beside(name, generated, split) for split in ("train", "test")}
        assert learned(clues, generated) < chance + luck(chance, name)
        labels = np.concatenate([generated.splits[split]["label"] for split in clues])
        every = np.concatenate(list(clues.values()))
        varied = every[:, np.ptp(every, axis=0) > 0]
        assert f_classif(varied, labels)[1].min() > 1e-3 / varied.shape[1], "nor is any of it larger for some labels"
        names = sorted(set(generated.splits["train"]["label"]))
        for split, rows in clues.items():
            number = np.array([names.index(label) for label in generated.splits[split]["label"]])
            glimpse = np.where(np.random.default_rng(3).random(len(number)) < 0.3, number, 0)
            clues[split] = np.column_stack([rows, glimpse])
        assert learned(clues, generated) > chance + luck(chance, name), "of a leak this would tell"

    def test_learners_are_not_past_the_bound(self, name: str) -> None:
        """Neither where all is clear, nor in noise that leaves next to nothing: what is left to find is chance."""
        chance = 1 / CLASSES[name]
        for knobs, most in ((CLEAR, 1.0), (DROWNED, chance + luck(chance, name))):
            generated = with_knobs(name, knobs)
            found = learned({split: told(name, generated, split) for split in ("train", "test")}, generated)
            assert found <= min(most, generated.ceiling["accuracy"] + luck(generated.ceiling["accuracy"], name))
            assert found > REACHED[name] or knobs is DROWNED
            assert generated.ceiling["accuracy"] < 0.5 or knobs is CLEAR

    def test_labels_are_balanced_and_in_no_order(self, name: str) -> None:
        for split in SPLITS:
            labels = np.array(with_knobs(name, CLEAR).splits[split]["label"])
            counts = np.unique(labels, return_counts=True)[1]
            assert (len(counts), counts.max() - counts.min()) == (CLASSES[name], 0)
            chance = 1 / CLASSES[name]
            for step in (1, 2, CLASSES[name]):
                again = (labels[step:] == labels[:-step]).mean()
                assert abs(again - chance) < 4 * np.sqrt(chance / len(labels))

    def test_noise_is_drawn_anew_in_every_row(self, name: str) -> None:
        generated = made(name, (*EVEN, *DROWNED[name].items()))
        drawn = np.concatenate([_normal(_values(name, generated, split)) for split in SPLITS])
        alike = abs(drawn @ drawn.T)
        assert np.diag(alike).min() > 0.99
        assert np.triu(alike, 1).max() < 0.5


def _values(name: str, generated: Generated, split: str) -> np.ndarray:
    """[n, values] of recordings, or of how neighbouring pixels in borders differ."""
    if name == "spoken-digits":
        return waves(generated, split)
    return np.diff(pixels(generated, split)[:, BORDER], axis=2).reshape(len(generated.splits[split]["label"]), -1)


def _normal(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))


def test_no_road_and_clutter_is_in_two_pictures() -> None:
    generated = made("road-scenes", (*EVEN, ("noise", 0.0), ("hidden", 0.0)))
    borders = [one.tobytes() for split in SPLITS for one in pixels(generated, split)[:, BORDER]]
    assert len(set(borders)) == len(borders) == 180


def test_the_border_of_a_picture_is_the_same_whatever_stands_on_the_road() -> None:
    views = road_scenes.draw_views(np.random.default_rng(0), 100, hidden=0.3)
    borders = [road_scenes.picture(np.full(100, label), views)[:, BORDER] for label in range(6)]
    assert all(np.array_equal(borders[0], border) for border in borders[1:])


def test_voices_of_the_test_are_heard_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[np.ndarray] = []
    draw = spoken_digits._voices

    def kept(rng: np.random.Generator, n: int) -> np.ndarray:
        drawn.append(draw(rng, n))
        return drawn[-1]

    monkeypatch.setattr(spoken_digits, "_voices", kept)
    sizes = {"train": 60, "validation": 30, "test": 60}
    for speakers, counts in ((2, [2, 2, 2]), (12, [12, 6, 6])):
        drawn.clear()
        generated = spoken_digits.SpokenDigits.generate(
            spoken_digits.SpokenDigits.Settings(speakers=speakers, **sizes)  # type: ignore[arg-type]
        )
        assert [len(voices) for voices in drawn] == counts
        pitches, tracts = np.concatenate(drawn).T
        assert len(set(pitches)) == len(set(tracts)) == sum(counts)
        assert [len(set(generated.splits[split]["speaker"])) for split in SPLITS] == counts
