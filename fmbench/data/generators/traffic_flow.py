"""The generator `traffic-flow`: vehicles an hour at several counters, with days, weeks, rain and incidents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.data.generators import hidden_states
from fmbench.suite.schema import Seed, Spec

BEGIN = datetime(2024, 1, 1)
LEFT = np.array([1.0, 0.4])
"""Share of the traffic that is left: free, and in an incident."""
RAIN = 0.25
"""Share of the traffic that heavy rain takes."""
SPLITS = ("train", "validation", "test")


class TrafficFlow:
    """flow = counter's size x hour and weekday x rain x incident, plus noise that grows with what is expected.

    Rain is known for the hours to forecast, incidents are not: they begin and end by chance. The ceiling is that of the
    exact filter, which knows sizes, pattern and chances, sees the context of each window and computes the mean and the
    median of what may follow.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        counters: int = Field(default=8, ge=1)
        train: int = Field(default=56, ge=14, description="days; validation and test follow")
        validation: int = Field(default=14, ge=4, description="days")
        test: int = Field(default=42, ge=4, description="days")
        context: int = Field(default=24, ge=2, le=48, description="as the task cuts its windows")
        horizon: int = Field(default=12, ge=1, le=24, description="as the task cuts its windows")
        incidents: float = Field(
            default=0.02, ge=0, lt=0.5, description="chance that one begins in an hour: difficulty"
        )
        lasting: float = Field(default=0.7, ge=0, lt=1, description="chance that it lasts another hour: difficulty")
        noise: float = Field(default=0.1, gt=0, description="standard deviation by what is expected: difficulty")

    @staticmethod
    def generate(settings: TrafficFlow.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        days = [getattr(settings, split) for split in SPLITS]
        hours = 24 * sum(days)
        patterns = _patterns(rng, settings.counters, hours)
        rain = _rain(rng, hours)
        states = hidden_states.walk(rng, _moves(settings), settings.counters, hours)
        usual = patterns * (1 - RAIN * rain)
        flow = usual * LEFT[states] + usual * settings.noise * rng.normal(size=usual.shape)
        flow = np.maximum(flow, 0.0).round(1)
        splits: dict[str, Columns] = {}
        edge = 0
        for split, length in zip(SPLITS, days, strict=True):
            here = slice(edge, edge + 24 * length)
            splits[split] = _columns(flow[:, here], rain[here], edge)
            edge += 24 * length
        starts = hidden_states.windows(24 * settings.test, settings.context, settings.horizon)
        seen, expected = flow[:, here], usual[:, here]
        past = np.concatenate([seen[:, i - settings.context : i] for i in starts])
        gold = np.concatenate([seen[:, i : i + settings.horizon] for i in starts])
        known = np.concatenate([expected[:, i - settings.context : i + settings.horizon] for i in starts])
        mean, median = forecasts(past, known, settings)
        return Generated(splits, ceiling=hidden_states.scores(gold, median, mean, past[:, -1]))


def _columns(flow: np.ndarray, rain: np.ndarray, first: int) -> Columns:
    n, hours = flow.shape
    return {
        "time": [(BEGIN + timedelta(hours=first + i)).isoformat() for i in range(hours)] * n,
        "series": [f"counter-{i}" for i in range(n) for _ in range(hours)],
        "value": flow.ravel().tolist(),
        "others": [{"rain": amount} for amount in rain.tolist()] * n,
    }


def _patterns(rng: np.random.Generator, n: int, hours: int) -> np.ndarray:
    """[n, hours] vehicles an hour: two rush hours on working days, one broad hill at the weekend."""
    clock = np.arange(hours) % 24
    weekend = (np.arange(hours) // 24) % 7 >= 5

    def hill(middle: float, width: float) -> np.ndarray:
        return np.asarray(np.exp(-(((clock - middle) / width) ** 2) / 2))

    size = rng.uniform(300, 1500, n)[:, None]
    into_town = rng.uniform(0.2, 0.8, n)[:, None]
    working = 0.12 + 0.35 * hill(13, 4) + 1.2 * into_town * hill(8, 1.3) + 1.2 * (1 - into_town) * hill(17.5, 1.6)
    return np.asarray(size * np.where(weekend, 0.1 + 0.55 * hill(14.5, 3.8), working))


def _rain(rng: np.random.Generator, hours: int) -> np.ndarray:
    """[hours] between 0 and 1, and 0 for most of the time; showers last for hours."""
    level = np.empty(hours)
    level[0] = rng.normal()
    draws = rng.normal(size=hours) * np.sqrt(1 - 0.9**2)
    for i in range(1, hours):
        level[i] = 0.9 * level[i - 1] + draws[i]
    return np.clip(level - 0.8, 0, 1).round(2)


def _moves(settings: TrafficFlow.Settings) -> np.ndarray:
    begins, lasts = settings.incidents, settings.lasting
    return np.array([[1 - begins, begins], [1 - lasts, lasts]])


def forecasts(past: np.ndarray, usual: np.ndarray, settings: TrafficFlow.Settings) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the median of each hour to come, [n, horizon] each.

    Args:
        past: [n, context].
        usual: [n, context + horizon], vehicles an hour without incidents.
    """
    moves = _moves(settings)
    before, after = usual[:, : settings.context], usual[:, settings.context :]
    wrong = past[..., None] - before[..., None] * LEFT
    belief = hidden_states.filtered(hidden_states.normal_likelihoods(wrong, before[..., None] * settings.noise), moves)
    ahead = []
    for _ in range(settings.horizon):
        belief = belief @ moves
        ahead.append(belief)
    shares = np.stack(ahead, axis=1)
    return after * (shares @ LEFT), after * _medians(shares, settings.noise)


def _medians(shares: np.ndarray, noise: float) -> np.ndarray:
    """[n, horizon] the median of mixtures [n, horizon, 2] of normals around LEFT, by bisection."""
    from scipy.special import ndtr

    low = np.full(shares.shape[:-1], LEFT.min() - 5 * noise)
    high = np.full(shares.shape[:-1], LEFT.max() + 5 * noise)
    for _ in range(40):
        middle = (low + high) / 2
        below = (shares * ndtr((middle[..., None] - LEFT) / noise)).sum(axis=-1) < 0.5
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)
