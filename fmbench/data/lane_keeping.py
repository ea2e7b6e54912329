"""The generator `lane-keeping`: demonstrations of an expert driver in random lanes, for imitation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.simulate import lane
from fmbench.suite.schema import Seed, Spec

DECIMALS = 5
PUSHES = "of the actions: 1 is 0.02 rad and 0.4 m/s^2; moves the learners' errors of actions, not the ceiling"
RECORD = "of the record: 1 is 0.005 rad and 0.2 m/s^2; moves the ceiling of the errors of actions"


class LaneKeeping:
    """Scenarios of bends and a leading car that brakes, driven by the expert of `simulate.lane`.

    On its way to the car every action is disturbed, so that the demonstrations show how to come back (Laskey et al.
    2017, CoRL); what is recorded is what the expert wanted, plus `label_noise`. The ceiling of the errors of actions is
    the noise of the record: the expert's action is the median given the state. For time in lane, crashes and progress
    it is the end of the metric's range, stated where the expert reaches it. Jerk has none: to do nothing costs none.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        train: int = Field(default=60, ge=2, description="scenarios")
        validation: int = Field(default=20, ge=1, description="scenarios")
        test: int = Field(default=60, ge=1, description="scenarios")
        seconds: float = Field(default=20.0, gt=0.5, le=120, description="length of a scenario")
        disturbance: float = Field(default=1.0, ge=0, description=PUSHES)
        label_noise: float = Field(default=1.0, ge=0, description=RECORD)

    @staticmethod
    def generate(settings: LaneKeeping.Settings) -> Generated:
        return demonstrations(settings, random_worlds)


def demonstrations(settings: Any, draw: Callable[[np.random.Generator, int], np.ndarray]) -> Generated:
    """What the expert does in the worlds [n, len(WORLD)] that `draw` gives, with the settings of `LaneKeeping`."""
    rng = np.random.default_rng(settings.seed)
    steps = round(settings.seconds / lane.STEP)
    splits, scenarios = {}, []
    ceiling: dict[str, float] = {}
    for split in ("train", "validation", "test"):
        worlds = draw(rng, getattr(settings, split)).round(DECIMALS)
        names = [f"{split}-{i}" for i in range(len(worlds))]
        scenarios += list(zip(names, worlds.tolist(), strict=True))
        push = _disturbances(rng, steps, len(worlds)) * settings.disturbance
        demonstration = lane.drive(worlds, lane.expert, steps, push.__getitem__)
        noise = rng.normal(size=demonstration.actions.shape) * (0.005, 0.2) * settings.label_noise
        recorded = (demonstration.actions + noise).round(DECIMALS)
        splits[split] = _columns(names, demonstration.states.round(DECIMALS), recorded)
        if split == "test":
            ceiling = _ceiling(worlds, steps, np.abs(noise).mean(axis=(0, 1)))
    side: Columns = {"scenario": [name for name, _ in scenarios]}
    for i, name in enumerate(lane.WORLD):
        side[name] = [world[i] for _, world in scenarios]
    return Generated(splits, {"scenarios": side}, ceiling)


def random_worlds(rng: np.random.Generator, n: int) -> np.ndarray:
    """float64 [n, len(WORLD)]; in two of three there is a leading car."""
    bends = np.stack(
        [
            rng.uniform(0.0, 0.006, (n, lane.BENDS)),
            rng.uniform(60.0, 250.0, (n, lane.BENDS)),
            rng.uniform(0.0, 2 * np.pi, (n, lane.BENDS)),
        ],
        axis=2,
    ).reshape(n, -1)
    desired = rng.uniform(10.0, 20.0, n)
    gap = np.where(rng.random(n) < 2 / 3, rng.uniform(25.0, 60.0, n), 5000.0)
    others = (
        desired,
        gap,
        desired * rng.uniform(0.6, 1.0, n),
        rng.uniform(3.0, 12.0, n),
        rng.uniform(1.0, 4.0, n),
        rng.uniform(-0.6, 0.6, n),
        rng.uniform(-0.05, 0.05, n),
        desired * rng.uniform(0.6, 1.0, n),
    )
    return np.concatenate([bends, np.stack(others, axis=1)], axis=1)


def _disturbances(rng: np.random.Generator, steps: int, n: int) -> np.ndarray:
    """[steps, n, 2]: noise that forgets itself within about a second, 0.02 rad and 0.4 m/s^2 strong."""
    kept = np.exp(-lane.STEP)
    pushes = rng.normal(size=(steps, n, 2)) * np.sqrt(1 - kept**2)
    for i in range(1, steps):
        pushes[i] += kept * pushes[i - 1]
    return np.asarray(pushes * (0.02, 0.4))


def _columns(names: list[str], states: np.ndarray, actions: np.ndarray) -> Columns:
    """One row a step, scenario after scenario, of arrays [steps, n, ...]."""
    rows: Columns = {"scenario": [name for name in names for _ in range(len(states))]}
    for labels, values in ((lane.STATE, states), (lane.ACTION, actions)):
        for i, label in enumerate(labels):
            rows[label] = values[..., i].T.ravel().tolist()
    return rows


def _ceiling(worlds: np.ndarray, steps: int, noise: Any) -> dict[str, float]:
    driven = lane.drive(worlds, lane.expert, steps)
    found = {"progress": 1.0, "steering_mae": float(noise[0]), "acceleration_mae": float(noise[1])}
    if driven.in_lane.all():
        found["time_in_lane"] = 1.0
    if not driven.collided.any():
        found["collision_rate"] = 0.0
    return found
