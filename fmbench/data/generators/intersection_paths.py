"""The generator `intersection-paths`: cars that go straight on or turn at a crossing, seen before and on their way."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.suite.schema import Seed, Spec

STEP = 0.4
OBSERVED, PREDICTED = 8, 12
INTENTS = ("left", "straight", "right")
CHANCES = np.array([0.25, 0.5, 0.25])
RADII = np.array([10.0, np.inf, 6.0])
"""Metres of the bend that each intent follows from the stop line on."""
SPEEDS = np.array([7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0])
TURNING = np.array([6.0, np.inf, 4.5])
"""Metres a second at which each intent enters the crossing, at most."""
STARTS = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
"""Metres by which a car is further ahead than where it would reach the stop line a second after it was last seen."""
DECIMALS = 3


class IntersectionPaths:
    """A car comes to a crossing from one of four sides; who turns slows down, and so shows what he will do.

    Intent, speed and start are drawn from short lists, the position is seen with normal noise. Therefore what an
    observed path says of the way ahead can be summed exactly over all 105 ways, and the ceiling is the forecast of
    least expected distance: at each step the median in space of the ways by their probabilities.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        train: int = Field(default=1500, ge=2, description="cars")
        validation: int = Field(default=300, ge=1, description="cars")
        test: int = Field(default=800, ge=1, description="cars")
        noise: float = Field(default=0.3, gt=0, description="metres, of each coordinate: difficulty")
        notice: float = Field(
            default=1.2, ge=0, le=2.5, description="seconds of slowing down that are seen: difficulty"
        )

    @staticmethod
    def generate(settings: IntersectionPaths.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        paths, chances = ways(settings.notice)
        splits: dict[str, Columns] = {}
        ceiling: dict[str, float] = {}
        for split in ("train", "validation", "test"):
            n = getattr(settings, split)
            side = rng.integers(4, size=n)
            way = (rng.random(n)[:, None] > np.cumsum(chances)[:-1]).sum(axis=1)
            seen = paths[way] + rng.normal(size=(n, OBSERVED + PREDICTED, 2)) * settings.noise
            seen = turned(seen, side).round(DECIMALS)
            splits[split] = _columns(seen, split)
            if split == "test":
                found = forecasts(seen[:, :OBSERVED], settings)
                distance = np.linalg.norm(found - seen[:, OBSERVED:], axis=2)
                ceiling = {"ade": round(float(distance.mean()), 5), "fde": round(float(distance[:, -1].mean()), 5)}
        return Generated(splits, ceiling=ceiling)


def _columns(paths: np.ndarray, split: str) -> Columns:
    n, frames = paths.shape[:2]
    return {
        "frame": list(range(frames)) * n,
        "agent": [f"{split}-{i}" for i in range(n) for _ in range(frames)],
        "x": paths[..., 0].ravel().tolist(),
        "y": paths[..., 1].ravel().tolist(),
    }


def ways(notice: float) -> tuple[np.ndarray, np.ndarray]:
    """[105, 20, 2] every way of a car from the south, without noise, and [105] how likely each is."""
    paths, chances = [], []
    for intent, chance in enumerate(CHANCES):
        for speed in SPEEDS:
            for start in STARTS:
                paths.append(_bent(_travelled(intent, speed, start, notice), RADII[intent]))
                chances.append(chance / (len(SPEEDS) * len(STARTS)))
    return np.stack(paths), np.array(chances)


def _travelled(intent: int, speed: float, start: float, notice: float) -> np.ndarray:
    """[20] metres along the way, 0 at the stop line: steady, then slowing down for 2.5 s, then steady."""
    times = (np.arange(OBSERVED + PREDICTED) - (OBSERVED - 1)) * STEP
    slower = min(0.0, TURNING[intent] - speed) / 2.5
    slowing = np.clip(times + notice, 0.0, 2.5)
    after = np.maximum(times + notice - 2.5, 0.0)
    gained = slower * (slowing**2 / 2 + 2.5 * after)
    return np.asarray(speed * (times - 1.0) + start + gained)


def _bent(along: np.ndarray, radius: float) -> np.ndarray:
    """[20, 2] metres east and north, in the right-hand lane: a quarter of a circle from the stop line on."""
    lane = 1.75
    if np.isinf(radius):
        return np.stack([np.full_like(along, lane), along - 8.0], axis=1)
    to_left = radius > 8
    angle = np.clip(along / radius, 0.0, np.pi / 2)
    straight = np.minimum(along, 0.0)
    beyond = np.maximum(along - radius * np.pi / 2, 0.0)
    aside = radius * (1 - np.cos(angle)) + beyond
    return np.stack([lane + (-aside if to_left else aside), straight + radius * np.sin(angle) - 8.0], axis=1)


def turned(paths: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Paths [n, steps, 2] by `side` [n] quarters of a circle to the left."""
    quarter = np.array([[[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]]])
    return np.asarray(paths @ quarter[side])


def believed(seen: np.ndarray, paths: np.ndarray, chances: np.ndarray, noise: float) -> np.ndarray:
    """[n, ways] the probability of each way, given what was seen [n, OBSERVED, 2], come from the south."""
    squares = ((seen[:, None] - paths[None, :, :OBSERVED]) ** 2).sum(axis=(2, 3))
    log = np.log(chances) - squares / (2 * noise**2)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def forecasts(seen: np.ndarray, settings: IntersectionPaths.Settings) -> np.ndarray:
    """[n, PREDICTED, 2] the positions of least expected distance, given `seen` [n, OBSERVED, 2]."""
    paths, chances = ways(settings.notice)
    side = _side(seen)
    weights = believed(turned(seen, -side % 4), paths, chances, settings.noise)
    return turned(_medians(weights, paths[:, OBSERVED:], settings.noise), side)


def _side(seen: np.ndarray) -> np.ndarray:
    """[n] from which side they come: in which direction their first steps go."""
    east, north = (seen[:, 4] - seen[:, 0]).T
    return np.where(abs(north) > abs(east), np.where(north > 0, 0, 2), np.where(east < 0, 1, 3))


def _medians(weights: np.ndarray, paths: np.ndarray, noise: float) -> np.ndarray:
    """[n, steps, 2] by Weiszfeld's steps; the expected distance under the noise is taken as sqrt(d^2 + 2 noise^2)."""
    at = np.einsum("nw,wtc->ntc", weights, paths)
    for _ in range(15):
        squares = (at[..., None, 0] - paths[..., 0].T) ** 2 + (at[..., None, 1] - paths[..., 1].T) ** 2
        pull = weights[:, None] / np.sqrt(squares + 2 * noise**2)
        at = np.einsum("ntw,wtc->ntc", pull, paths)
        at = at / pull.sum(axis=2)[..., None]
    return np.asarray(at)
