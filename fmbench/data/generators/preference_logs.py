"""preference-logs: what readers with changing tastes take from a library, and novels that nobody has taken yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from fmbench.data.generator import Columns, Generated
from fmbench.data.generators.novels import SHAPE, WORDINGS, blurb
from fmbench.suite.schema import Seed, Spec

WEIGHTS = (2.4, 1.6, 1.6)
"""What an item gains by the genre, the place and the mood that a reader likes, at strength 1."""
DEPTH = 100
"""Length of a ranking, beyond which a reciprocal rank counts as 0."""


class PreferenceLogs:
    """Interaction logs from a stated preference model.

    A reader likes one genre, one place and one mood. Before each choice one of the three may change. A novel is chosen
    in proportion to exp(what it has of these + its popularity) among those not read yet. In the test a share of the
    choices is among new novels, which are in no other row; they are all equally popular.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        """Sizes and difficulty."""

        seed: Seed = 0
        users: int = Field(default=800, ge=10)
        items: int = Field(default=300, ge=50, description="novels in train")
        cold_items: int = Field(default=60, ge=1, description="novels in test only")
        history: tuple[int, int] = Field(default=(6, 14), strict=False, description="shortest and longest, in train")
        strength: float = Field(default=1.4, ge=0, le=10, description="factor of what a reader likes")
        popularity: float = Field(
            default=0.6, ge=0, le=3, description="exponent of Zipf's law of the novels' popularity"
        )
        change: float = Field(default=0.06, ge=0, le=1, description="probability that a taste changes before a choice")
        cold: float = Field(default=0.25, ge=0, le=1, description="share of test choices among the new novels")
        wordings: int = Field(
            default=WORDINGS,
            ge=1,
            le=WORDINGS,
            description="phrases for each thing to say; more hide likeness, and leave the ceiling",
        )

        @model_validator(mode="after")
        def _enough(self) -> PreferenceLogs.Settings:
            shortest, longest = self.history
            if not 1 <= shortest <= longest:
                raise ValueError(f"history must be a shortest and a longest length of 1 or more, got {[*self.history]}")
            if longest + 2 > self.items:
                raise ValueError(f"{self.items} items are too few for histories of {longest}")
            return self

    @staticmethod
    def generate(settings: PreferenceLogs.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        library = _library(rng, settings)
        logs = _logs(rng, library, settings)
        filtered = next_choice(library, logs, settings)
        known = _given_tastes(library, _one_hot(logs.taste), _weights(library, settings), logs.chosen[:, :-1], settings)
        best = ranking_ceiling(known)
        note = f"if every reader's taste were known, hr@10 {best['hr@10']:.3f} and ndcg@10 {best['ndcg@10']:.3f}"
        items: Columns = {"item": list(library.names), "text": list(library.texts)}
        return Generated(_splits(library, logs), {"items": items}, ranking_ceiling(filtered), (note,))


@dataclass(frozen=True)
class Library:
    """The novels.

    Args:
        attributes: genre, place and mood of each, int [items, 3].
        popular: log of the popularity [items].
        cold: which are new [items].
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    attributes: np.ndarray
    popular: np.ndarray
    cold: np.ndarray


@dataclass(frozen=True)
class Logs:
    """What each reader took.

    Args:
        chosen: novels in order, int [users, steps]; -1 before a reader's first; the last two are validation and test.
        taste: genre, place and mood that the reader likes at the last step, int [users, 3].
    """

    chosen: np.ndarray
    taste: np.ndarray


def _library(rng: np.random.Generator, settings: PreferenceLogs.Settings) -> Library:
    n = settings.items + settings.cold_items
    attributes = np.stack([rng.integers(size, size=n) for size in SHAPE], axis=1)
    cold = np.zeros(n, dtype=bool)
    cold[rng.permutation(n)[: settings.cold_items]] = True
    popular = np.zeros(n)
    zipf = -settings.popularity * np.log(np.arange(1, settings.items + 1))
    popular[~cold] = rng.permutation(zipf - zipf.mean())
    texts = tuple(blurb(rng, one, settings.wordings) for one in attributes)
    return Library(tuple(f"n{i:03d}" for i in range(n)), texts, attributes, popular, cold)


def _weights(library: Library, settings: PreferenceLogs.Settings) -> np.ndarray:
    """How much each taste wants each novel [tastes, items], before it is divided by the sum over the choice at hand."""
    tastes = np.stack(np.unravel_index(np.arange(np.prod(SHAPE)), SHAPE), axis=1)
    likes = (tastes[:, None] == library.attributes[None]) @ np.array(WEIGHTS)
    return np.asarray(np.exp(settings.strength * likes + library.popular))


def _logs(rng: np.random.Generator, library: Library, settings: PreferenceLogs.Settings) -> Logs:
    shortest, longest = settings.history
    n, steps, every = settings.users, longest + 2, np.arange(settings.users)
    start = longest - rng.integers(shortest, longest + 1, size=n)
    wants = _weights(library, settings)
    taste = np.stack([rng.integers(size, size=n) for size in SHAPE], axis=1)
    free = np.broadcast_to(~library.cold, (n, len(library.cold))).copy()
    chosen = np.full((n, steps), -1)
    for step in range(steps):
        changed = rng.random(n) < settings.change
        which, fresh = rng.integers(3, size=n), np.stack([rng.integers(size, size=n) for size in SHAPE], axis=1)
        taste[every[changed], which[changed]] = fresh[every[changed], which[changed]]
        offered = free
        if step == steps - 1:
            offered = np.where((rng.random(n) < settings.cold)[:, None], library.cold, free)
        cumulated = np.cumsum(np.where(offered, wants[np.ravel_multi_index(tuple(taste.T), SHAPE)], 0.0), axis=1)
        target = rng.random(n) * cumulated[:, -1]
        picked = np.minimum((cumulated <= target[:, None]).sum(axis=1), len(library.cold) - 1)
        here = step >= start
        chosen[here, step] = picked[here]
        free[every[here], picked[here]] = False
    return Logs(chosen, taste)


def next_choice(library: Library, logs: Logs, settings: PreferenceLogs.Settings) -> np.ndarray:
    """The probability [users, items] of the choice in test, by the exact filter over tastes from all choices before.

    It knows the novels and the model, and of the readers no more than their histories.
    """
    wants = _weights(library, settings)
    n, tastes = len(logs.chosen), len(wants)
    belief = np.full((n, tastes), 1 / tastes)
    left = np.broadcast_to(wants[:, ~library.cold].sum(axis=1), (n, tastes)).copy()
    for step in range(logs.chosen.shape[1] - 1):
        belief = _changed(belief, settings.change)
        here = logs.chosen[:, step] >= 0
        wanted = wants[:, logs.chosen[here, step]].T
        seen = belief[here] * wanted / left[here]
        belief[here] = seen / seen.sum(axis=1, keepdims=True)
        left[here] -= wanted
    return _given_tastes(library, _changed(belief, settings.change), wants, logs.chosen[:, :-1], settings)


def _changed(belief: np.ndarray, change: float) -> np.ndarray:
    """Beliefs [n, tastes] after one of genre, place and mood may have been drawn anew."""
    cube = belief.reshape(-1, *SHAPE)
    drawn = sum(np.broadcast_to(cube.mean(axis=axis, keepdims=True), cube.shape) for axis in (1, 2, 3))
    return np.asarray((1 - change) * cube + change / 3 * drawn).reshape(belief.shape)


def _one_hot(taste: np.ndarray) -> np.ndarray:
    belief = np.zeros((len(taste), int(np.prod(SHAPE))))
    belief[np.arange(len(taste)), np.ravel_multi_index(tuple(taste.T), SHAPE)] = 1.0
    return belief


def _given_tastes(
    library: Library, belief: np.ndarray, wants: np.ndarray, past: np.ndarray, settings: PreferenceLogs.Settings
) -> np.ndarray:
    """The probability [users, items] of the choice in test, from beliefs over tastes; 0 for what has been read."""
    free = np.broadcast_to(~library.cold, (len(past), len(library.cold))).copy()
    rows, steps = np.nonzero(past >= 0)
    free[rows, past[rows, steps]] = False
    warm = (belief / (free @ wants.T)) @ wants * free
    new = (belief / wants[:, library.cold].sum(axis=1)) @ wants * library.cold
    return np.asarray((1 - settings.cold) * warm + settings.cold * new)


def ranking_ceiling(probabilities: np.ndarray) -> dict[str, float]:
    """The expected scores of ranking by these probabilities [users, items], the best to those who know no more."""
    ordered = -np.sort(-probabilities, axis=1)
    ranks = np.arange(1, ordered.shape[1] + 1)
    gains = {f"hr@{k}": (ranks <= k) / 1.0 for k in (1, 5, 10)}
    gains |= {"ndcg@10": (ranks <= 10) / np.log2(ranks + 1), "mrr": (ranks <= DEPTH) / ranks}
    return {name: round(float((ordered @ gain).mean()), 6) for name, gain in gains.items()}


def _splits(library: Library, logs: Logs) -> dict[str, Columns]:
    steps = logs.chosen.shape[1]
    parts = {"train": range(steps - 2), "validation": (steps - 2,), "test": (steps - 1,)}
    splits: dict[str, Columns] = {}
    for split, times in parts.items():
        rows: Any = [
            (f"r{user:04d}", library.names[item], step, "new" if library.cold[item] else "known")
            for user, row in enumerate(logs.chosen[:, times].tolist())
            for step, item in zip(times, row, strict=True)
            if item >= 0
        ]
        names = ("user", "item", "time", "novelty")
        splits[split] = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    return splits
