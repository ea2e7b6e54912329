"""Perturbations of series, paths and events: what each is known by, beside what all of them promise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fmbench.perturb.examples import Events, Path, Series
from fmbench.perturb.perturbation import perturb
from fmbench.perturb.series import held
from fmbench.registry import PERTURBATIONS

RAMP = np.arange(40.0).reshape(20, 2) + 1
KEYS = [str(i) for i in range(20)]


def series(name: str, values: np.ndarray, key: str, severity: int = 5) -> np.ndarray:
    return perturb(PERTURBATIONS[name], Series(values), key, severity).values


def items(name: str, events: Events, key: str, severity: int = 5) -> tuple[object, ...]:
    return perturb(PERTURBATIONS[name], events, key, severity).items


def test_what_is_lost_is_held_at_the_last_value_known_and_first_at_the_next() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
    lost = np.array([[True, True], [False, True], [True, True], [True, True]])
    assert held(values, lost).tolist() == [[2, 10], [2, 20], [2, 30], [2, 40]], "a channel without any stays"


@pytest.mark.parametrize("key", KEYS)
def test_gaps_and_zeros_are_one_stretch_of_one_channel_and_grow(key: str) -> None:
    for name in ("series-gap", "series-zeros"):
        changed = [series(name, RAMP, key, severity) != RAMP for severity in range(1, 6)]
        assert all((less <= more).all() for less, more in pairwise(changed))
        assert sorted(changed[-1].sum(0))[0] == 0
        at = np.flatnonzero(changed[-1].any(1))
        assert (np.diff(at) == 1).all()
    assert (series("series-zeros", RAMP, key) == 0).sum() == 8
    hung = series("series-gap", RAMP, key)
    assert (np.diff(hung, axis=0) >= 0).all(), "a value from before, never one from after, but at the beginning"


@pytest.mark.parametrize("key", KEYS)
def test_sizes_of_what_sensors_do(key: str) -> None:
    lost = series("series-missing", RAMP, key)
    assert 0 < (lost != RAMP).sum() <= 16
    spread = RAMP.std(axis=0)
    spikes = (series("series-spikes", RAMP, key) - RAMP) / spread
    assert (spikes != 0).sum() == 8
    assert (np.abs(spikes[spikes != 0]) >= 3 - 1e-9).all() and (np.abs(spikes) <= 6 + 1e-9).all()
    level = (series("series-level", RAMP, key) - RAMP) / spread
    assert np.allclose(np.abs(level[level != 0]), 2)
    assert (level[-1] != 0).sum() == 1, "up to now"
    clipped = series("series-clipping", RAMP, key)
    assert (clipped == np.minimum(RAMP, RAMP[11])).all(), "the highest 8 of 20 at what the next one is"
    coarse = series("series-coarse", RAMP, key)
    assert 3 <= len(np.unique(coarse[:, 0])) <= 5
    assert np.isin(coarse, RAMP).all()
    factor = series("series-scale", RAMP, key) / RAMP
    assert np.allclose(factor, 1.5) or np.allclose(factor, 1 / 1.5)


@pytest.mark.parametrize("key", KEYS)
def test_other_coordinates_know_their_way_back(key: str) -> None:
    found = perturb(PERTURBATIONS["series-units"], Series(RAMP), key, 5)
    assert np.allclose(found.values / RAMP, 1000) or np.allclose(found.values / RAMP, 1 / 1000)
    assert np.allclose(found.frame.restored(found.values), RAMP)
    walk = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]])
    turned = perturb(PERTURBATIONS["path-rotation"], Path(walk), key, 4)
    assert turned.positions[-1] == pytest.approx(walk[-1]), "about the last position"
    steps = np.diff(walk, axis=0), np.diff(turned.positions, axis=0)
    assert np.linalg.norm(steps[1], axis=1) == pytest.approx(np.linalg.norm(steps[0], axis=1))
    assert (steps[0] * steps[1]).sum(axis=1) == pytest.approx(0, abs=1e-12), "by 90 degrees"
    ahead = np.array([[3.0, 2.0], [4.0, 4.0]])
    assert turned.frame.restored(ahead @ turned.frame.matrix + turned.frame.offset) == pytest.approx(ahead)


def test_paths() -> None:
    still = Path(np.ones((8, 2)))
    assert perturb(PERTURBATIONS["path-noise"], still, "1", 5) is still
    walk = Path(np.arange(1000.0)[:, None] * np.array([3.0, 4.0]))
    noise = perturb(PERTURBATIONS["path-noise"], walk, "1", 3).positions - walk.positions
    assert noise.std() == pytest.approx(0.2 * 5, rel=0.1)
    lost = perturb(PERTURBATIONS["path-missing"], walk, "1", 5).positions
    assert np.isin(lost[:, 0], walk.positions[:, 0]).all()
    assert len(np.unique(lost[:, 0])) == 500


def test_events() -> None:
    events = Events(tuple("abcdefghij"))
    assert len(items("events-dropped", events, "1")) == 5
    assert items("events-dropped", Events(("a",)), "1") == ("a",)
    twice = items("events-repeated", events, "1")
    assert len(twice) == 15 and tuple(dict.fromkeys(twice)) == events.items
    assert (
        sorted(items("events-swapped", events, "1")) == list("abcdefghij") != list(items("events-swapped", events, "1"))
    )
    assert items("events-truncated", events, "1") == ("j",)
    assert items("events-truncated", events, "1", 1) == tuple("cdefghij")


def test_what_is_injected_is_never_what_is_to_be_found() -> None:
    events = Events(tuple("abcdefghij"), "new")
    injected = PERTURBATIONS["events-injected"].given(items=("new", "old"))
    found = [perturb(injected, events, key, 4).items for key in KEYS]
    assert not any("new" in one for one in found)
    assert any("old" in one for one in found)
    assert all(tuple(item for item in one if item != "old") == events.items for one in found)
    without = PERTURBATIONS["events-injected"].given(items=("new",))
    assert perturb(without, events, "1", 4) is events
