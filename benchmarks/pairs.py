"""Two ways to do the same work, timed in turn: ratios survive a noisy machine where absolute times do not."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fmbench.stats.intervals import quantile

WHOLE = "whole"


class Seconds(dict[str, float]):
    """What a side may return: seconds of parts of its run, by name."""


@dataclass(frozen=True)
class Side:
    """One way to do the work.

    Args:
        run: the timed part; its result is thrown away unless it is `Seconds`.
        prepare: gives what `run` needs, and clears it away; not timed, done anew every round.
    """

    run: Callable[[Any], object]
    prepare: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Times:
    """Seconds by side ("ours", "peer") and part, float64 [rounds]; the part WHOLE is always there."""

    sides: Mapping[str, Mapping[str, np.ndarray]]

    def of(self, side: str, part: str) -> np.ndarray:
        return self.sides[side][part]


Compared = tuple[np.ndarray, np.ndarray]
"""Seconds of our side and of its peer, both [rounds]."""


def in_turn(times: Times, part: str) -> Compared:
    """The usual comparison: the same part of both sides, round by round."""
    return times.of("ours", part), times.of("peer", part)


@dataclass(frozen=True)
class Quality:
    """A score of both sides on the same rows, the interval of ours minus the peer's, and the score of guessing."""

    metric: str
    ours: float
    peer: float
    low: float
    high: float
    n: int
    chance: float

    @property
    def learned(self) -> bool:
        """Whether both are above chance; two models that learned nothing score the same and show nothing."""
        return min(self.ours, self.peer) > self.chance

    @property
    def equal(self) -> bool:
        """Whether both learned something, and the interval of the difference holds 0."""
        return self.learned and self.low <= 0 <= self.high


@dataclass(frozen=True)
class Pair:
    """What is compared.

    Args:
        peer: None where the comparison needs only parts of our own run.
        part: the part of the run that is held against the bar.
        beside: parts that are reported too.
        compare: which seconds meet which.
        quality: run once, before the rounds, and their warm-up.
        warm_up: whether both sides run once before the rounds; False for processes of their own.
    """

    ours: Side
    peer: Side | None
    part: str = WHOLE
    beside: tuple[str, ...] = ()
    compare: Callable[[Times, str], Compared] = in_turn
    quality: Callable[[], Quality] | None = None
    warm_up: bool = True

    @property
    def sides(self) -> dict[str, Side]:
        return {"ours": self.ours} | ({} if self.peer is None else {"peer": self.peer})


@dataclass(frozen=True)
class Ratio:
    """Peer's time over ours, above 1 if we are faster: the median over rounds and its 95 % interval.

    The interval comes from order statistics of the rounds' ratios; below 6 rounds there is none, and it is NaN.
    """

    median: float
    low: float
    high: float
    ours_s: float
    peer_s: float
    rounds: int

    @classmethod
    def of(cls, compared: Compared) -> Ratio:
        ours, peer = compared
        ratios = peer / ours
        found = quantile(ratios, 0.5)
        seconds = float(np.median(ours)), float(np.median(peer))
        return cls(float(np.median(ratios)), found.low, found.high, *seconds, len(ratios))


def warm_up(pair: Pair) -> None:
    """One untimed run of each side."""
    for side in pair.sides.values():
        with side.prepare() as state:
            side.run(state)


def time_in_turn(
    pair: Pair, rounds: int, seed: int = 0, on_round: Callable[[int], None] = lambda number: None
) -> Times:
    """Run every side once a round, in random order, without garbage collection in the timed part."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in pair.sides}
    names = list(pair.sides)
    for number in range(1, rounds + 1):
        on_round(number)
        for name in rng.permutation(names).tolist():
            rows[name].append(_timed(pair.sides[name]))
    return Times(
        {side: {part: np.array([row[part] for row in found]) for part in found[0]} for side, found in rows.items()}
    )


def _timed(side: Side) -> dict[str, float]:
    with side.prepare() as state, _no_collection():
        start = time.perf_counter()
        found = side.run(state)
        seconds = time.perf_counter() - start
    parts: Mapping[str, float] = found if isinstance(found, Seconds) else {}
    return {WHOLE: seconds, **parts}


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass
class Clock:
    """Marks the ends of training steps."""

    ends: list[float] = field(default_factory=list)

    def mark(self, *_: object) -> None:
        self.ends.append(time.perf_counter())

    @property
    def steps(self) -> float:
        """Seconds from the end of the first step to the end of the last; the first carries one-time costs."""
        return self.ends[-1] - self.ends[0]
