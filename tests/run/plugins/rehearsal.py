"""A baseline and a measure that do, in a worker, what a test wants to see survived; they tell of it in files."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, Literal

from fmbench.measure.evidence import Evidence
from fmbench.measure.measurement import Measurement, measured
from fmbench.models.classical.majority import FittedMajority, Majority
from fmbench.models.loader import Identity
from fmbench.stats.intervals import Interval
from fmbench.suite.schema import Model, Spec, Suite
from fmbench.tasks.examples import Examples

PATIENCE_SECONDS = 60.0


class Player:
    """The majority baseline, after it has played its part.

    Parts in `fit`: plain, kill, leave, raise; wait (for ever); tick (note the time every millisecond until someone was
    alone, and a little longer); lead, lead-kill and lead-wait (return once someone ticks).
    """

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"
    kinds: ClassVar[frozenset[str]] = Majority.kinds

    class Settings(Spec):
        part: str
        folder: str

    def __init__(self, part: str, folder: Path) -> None:
        self.part, self.folder = part, folder

    @staticmethod
    def check(model: Model) -> list[str]:
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        return Identity("rehearsal")

    @staticmethod
    def load(model: Model) -> Player:
        return Player(model.settings.part, Path(model.settings.folder))

    def fit(self, data: Examples, seed: int) -> FittedMajority:
        (self.folder / f"pid-{os.getpid()}").touch()
        match self.part.partition("-")[0]:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                sys.exit(3)
            case "raise":
                raise ValueError("no\nway")
            case "wait":
                (self.folder / self.part).touch()
                time.sleep(10 * PATIENCE_SECONDS)
            case "tick":
                self._tick()
            case "lead":
                _until(self.folder / "ticks")
        fitted = Majority().fit(data, seed)
        fitted.player = self  # type: ignore[attr-defined]
        return fitted

    def _tick(self) -> None:
        left = 50
        end = time.monotonic() + PATIENCE_SECONDS
        with (self.folder / "ticks").open("w") as stream:
            while left and time.monotonic() < end:
                stream.write(f"{time.monotonic()}\n")
                stream.flush()
                time.sleep(0.001)
                left -= (self.folder / "end").exists()


class Spotlight:
    """How long the fit took; whoever leads notes when this began and ended, and takes a while."""

    version = 1

    class Settings(Spec):
        seconds: float = 0.5

    @staticmethod
    def measure(evidence: Evidence, settings: Spotlight.Settings) -> list[Measurement]:
        player: Any = evidence.predictor.player  # type: ignore[attr-defined]
        if player.part.startswith("lead"):
            (player.folder / "begin").write_text(str(time.monotonic()))
            if player.part == "lead-kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(10 * PATIENCE_SECONDS if player.part == "lead-wait" else settings.seconds)
            (player.folder / "end").write_text(str(time.monotonic()))
        nothing = Interval(float("nan"), float("nan"), "none: one sample")
        return [measured("fit_seconds", evidence.fit_seconds, nothing, 1, unit="s", higher_is_better=False)]


def stillborn(connection: Any, stopped: Any, suite: Suite, *others: Any) -> None:
    """A worker that ends before it begins, and tells whether an interrupt could have reached it until now."""
    held_back = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    (Path(suite.models[0].settings.folder) / f"born-{os.getpid()}").write_text(str(held_back))
    os._exit(7)


def _until(path: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.001)
