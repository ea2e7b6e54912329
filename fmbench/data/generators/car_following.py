"""The generator `car-following`: a straight lane and a leading car that brakes, the expert's distance to be kept."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Generated
from fmbench.data.lane_keeping import LaneKeeping, demonstrations, random_worlds
from fmbench.simulate import lane

BRAKING = "strength: 1 is 2 to 5 m/s^2; moves jerk and how soon the inattentive crash, not the errors' ceiling"


class CarFollowing:
    """The worlds of `lane-keeping` without bends; there always is a leading car, and it is near.

    The ceiling is that of `lane-keeping`. Of the main metric, the error of acceleration, `label_noise` moves the
    ceiling and `disturbance` what learners add to it; `braking` moves the latter little. It moves what comes of
    driving badly.
    """

    version: ClassVar[int] = 1

    class Settings(LaneKeeping.Settings):
        braking: float = Field(default=1.0, gt=0, le=1.5, description=BRAKING)

    @staticmethod
    def generate(settings: CarFollowing.Settings) -> Generated:
        def draw(rng: np.random.Generator, n: int) -> np.ndarray:
            return following(rng, n, settings.braking)

        return demonstrations(settings, draw)


def following(rng: np.random.Generator, n: int, braking: float) -> np.ndarray:
    """float64 [n, len(WORLD)]: a gap of 1.5 to 3 seconds, and a car that is a little slower than one would like."""
    worlds = random_worlds(rng, n)
    at = lane.WORLD.index
    for i in range(lane.BENDS):
        worlds[:, at(f"bend_{i + 1}")] = 0.0
    desired = lane.column(worlds, "desired_speed")
    speed = desired * rng.uniform(0.75, 0.95, n)
    worlds[:, at("lead_speed")] = worlds[:, at("start_speed")] = speed
    worlds[:, at("lead_gap")] = speed * rng.uniform(1.5, 3.0, n)
    worlds[:, at("lead_braking")] = rng.uniform(2.0, 5.0, n) * braking
    return worlds
