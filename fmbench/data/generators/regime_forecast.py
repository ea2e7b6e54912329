"""The generator `regime-forecast`: returns of a market that is calm, rising or in a crisis, one state after another."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.data.generators import hidden_states
from fmbench.suite.schema import Seed, Spec

LEVEL = np.array([0.0, 1.5, -3.0])
KEPT = np.array([0.3, 0.7, 0.5])
SPREAD = np.array([0.5, 0.8, 2.0])
"""Of the regimes calm, rising, crisis: mean, share of the distance from it that is kept, standard deviation."""
DECIMALS = 4


class RegimeForecast:
    """y(t) = level + kept (y(t-1) - level) + spread e(t), three numbers of a hidden state that moves by itself.

    The ceiling is that of Hamilton's filter, which knows all numbers and sees what a model sees, the context of a
    window: the exact mean of what may follow for the squared error, the median of simulated futures for the absolute.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        series: int = Field(default=20, ge=1, description="in each split, each with its own past")
        train: int = Field(default=480, ge=60, description="steps of a series")
        validation: int = Field(default=120, ge=60, description="steps of a series")
        test: int = Field(default=384, ge=60, description="steps of a series")
        context: int = Field(default=24, ge=2, le=48, description="as the task cuts its windows")
        horizon: int = Field(default=6, ge=1, le=12, description="as the task cuts its windows")
        stay: float = Field(
            default=0.96, gt=0.34, lt=1, description="how likely a regime lasts another step; 0.8 is harder"
        )
        noise: float = Field(default=1.0, gt=0, description="factor of all standard deviations: difficulty")
        futures: int = Field(
            default=400, ge=10, description="simulated for the median of each forecast; few state too high an mae"
        )

    @staticmethod
    def generate(settings: RegimeForecast.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        moves = _moves(settings.stay)
        splits: dict[str, Columns] = {}
        ceiling: dict[str, float] = {}
        for split in ("train", "validation", "test"):
            steps = getattr(settings, split)
            values = _series(rng, settings, moves, steps).round(DECIMALS)
            splits[split] = {
                "time": list(range(steps)) * settings.series,
                "series": [f"{split}-{i}" for i in range(settings.series) for _ in range(steps)],
                "value": values.ravel().tolist(),
                "others": [{} for _ in range(values.size)],
            }
            if split == "test":
                starts = hidden_states.windows(steps, settings.context, settings.horizon)
                past = np.concatenate([values[:, i - settings.context : i] for i in starts])
                gold = np.concatenate([values[:, i : i + settings.horizon] for i in starts])
                mean, median = forecasts(past, settings, np.random.default_rng([settings.seed, 1]))
                ceiling = hidden_states.scores(gold, median, mean, past[:, -1])
        return Generated(splits, ceiling=ceiling)


def _moves(stay: float) -> np.ndarray:
    """[3, 3]; a regime that ends is followed by either of the others."""
    return np.asarray(np.eye(3) * stay + (1 - np.eye(3)) * (1 - stay) / 2)


def _series(rng: np.random.Generator, settings: RegimeForecast.Settings, moves: np.ndarray, steps: int) -> np.ndarray:
    """[series, steps], after 50 steps that are not kept."""
    before = 50
    states = hidden_states.walk(rng, moves, settings.series, steps + before)
    values = LEVEL[states[:, 0]]
    found = []
    for i in range(steps + before):
        values = _next(values, states[:, i], rng.normal(size=settings.series), settings.noise)
        found.append(values)
    return np.stack(found[before:], axis=1)


def _next(values: np.ndarray, states: np.ndarray, draws: np.ndarray, noise: float) -> np.ndarray:
    level = LEVEL[states]
    return np.asarray(level + KEPT[states] * (values - level) + SPREAD[states] * noise * draws)


def believed(past: np.ndarray, settings: RegimeForecast.Settings) -> np.ndarray:
    """[n, 3] the probability of each regime at the last step of `past` [n, context]; its first value tells nothing."""
    wrong = past[:, 1:, None] - LEVEL - KEPT * (past[:, :-1, None] - LEVEL)
    likelihoods = hidden_states.normal_likelihoods(wrong, SPREAD * settings.noise)
    return hidden_states.filtered(likelihoods, _moves(settings.stay))


def forecasts(
    past: np.ndarray, settings: RegimeForecast.Settings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the median of each step to come, [n, horizon] each, given `past` [n, context]."""
    moves = _moves(settings.stay)
    belief = believed(past, settings)
    n = len(past)
    weight, mass = belief, belief * past[:, -1:]
    states = (rng.random((n, settings.futures, 1)) > np.cumsum(belief, axis=1)[:, None, :-1]).sum(axis=2)
    values = np.repeat(past[:, -1:], settings.futures, axis=1)
    means, medians = [], []
    edges = np.cumsum(moves, axis=1)[:, :-1]
    for _ in range(settings.horizon):
        weight, mass = weight @ moves, mass @ moves
        mass = KEPT * mass + (1 - KEPT) * LEVEL * weight
        means.append(mass.sum(axis=1))
        states = (rng.random((n, settings.futures, 1)) > edges[states]).sum(axis=2)
        values = _next(values, states, rng.normal(size=states.shape), settings.noise)
        medians.append(np.median(values, axis=1))
    return np.stack(means, axis=1), np.stack(medians, axis=1)
