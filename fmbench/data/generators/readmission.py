"""readmission: events of a stay in hospital, and whether the patient is back within thirty days."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Generated
from fmbench.data.generators.yes_no import Sizes, labelled, sigmoid

ABOUT = ("fifties", "sixties", "seventies", "eighties"), ("alone", "with family")
CONDITIONS = ("heart failure", "diabetes", "copd", "kidney disease")
DRUGS = ("warfarin", "warfarin stopped", "ibuprofen", "diuretic", "ace inhibitor", "steroid")
RESULTS = ("crp high", "crp low", "egfr low", "egfr high")
VISITS = ("emergency visit", "gp visit", "quiet months", "quiet week")
OTHER = (
    "sodium", "glucose", "xray", "echo", "diet advice", "physio", "paracetamol", "statin", "ward change", "vitals fine",
    "dentist", "vaccine",
)  # fmt: skip
PLAN = ("followup planned", "no plan")
_EVERY = sorted((*ABOUT[0], *ABOUT[1], *CONDITIONS, *DRUGS, *RESULTS, *VISITS, *OTHER, *PLAN), key=len, reverse=True)
_EVENT = re.compile("|".join(_EVERY))

Events = Sequence[str]


def _last(events: Events, one: str) -> int:
    return max((i for i, event in enumerate(events) if event == one), default=-1)


def _then(first: str, second: str) -> Callable[[Events], bool]:
    """Whether some `second` comes after some `first`."""
    return lambda events: first in events and _last(events, second) > list(events).index(first)


def _bleeding(events: Events) -> bool:
    """Ibuprofen while warfarin is being taken."""
    taking = False
    for event in events:
        taking = event == "warfarin" or (taking and event != "warfarin stopped")
        if taking and event == "ibuprofen":
            return True
    return False


def _emergencies(events: Events) -> int:
    """Visits to the emergency room since the last quiet months, three at most."""
    return min(list(events[_last(events, "quiet months") + 1 :]).count("emergency visit"), 3)


RISKS: Mapping[str, tuple[float, Callable[[Events], float]]] = {
    "ibuprofen while on warfarin": (2.6, _bleeding),
    "heart failure, and no diuretic after it": (
        1.8,
        lambda events: "heart failure" in events and not _then("heart failure", "diuretic")(events),
    ),
    "kidney value falls after an ACE inhibitor": (1.6, _then("ace inhibitor", "egfr low")),
    "steroid and diabetes": (1.8, lambda events: "steroid" in events and "diabetes" in events),
    "the last CRP is high": (1.4, lambda events: _last(events, "crp high") > _last(events, "crp low")),
    "emergencies since the last quiet months": (0.8, _emergencies),
    "COPD": (0.5, lambda events: "copd" in events),
    "in the eighties": (0.6, lambda events: "eighties" in events),
    "follow-up planned, with family": (-1.6, lambda events: {"followup planned", "with family"} <= set(events)),
}
"""What is a risk -> its weight in the logit, and how much of it there is in the events."""
CENTRE = 2.7
"""Sum of the risks at which readmission is as likely as not."""


class Readmission:
    """Whether a patient is readmitted: a logistic model over interactions and the order of events."""

    version: ClassVar[int] = 2  # 2: events as plain words, without codes

    class Settings(Sizes):
        strength: float = Field(default=1.5, gt=0, le=10, description="factor of the logit; more makes labels surer")
        clutter: int = Field(default=3, ge=0, le=60, description="events that mean nothing, on average")

    @staticmethod
    def generate(settings: Readmission.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        stays = [_stay(rng, settings.clutter) for _ in range(settings.total)]
        texts = [" ".join(events) for events in stays]
        probabilities = probability(texts, settings.strength)
        yes = rng.random(settings.total) < probabilities
        return labelled({"text": texts}, probabilities, yes, ("home", "readmitted"), settings)


def events_of(text: str) -> list[str]:
    """The events that a text says, in their order; some are of two words."""
    return _EVENT.findall(text)


def probability(texts: Sequence[str], strength: float = 1.5) -> np.ndarray:
    """The true probability [n] of being readmitted, from the text alone."""
    risks = [sum(weight * float(measure(events_of(text))) for weight, measure in RISKS.values()) for text in texts]
    return sigmoid(strength * (np.array(risks) - CENTRE))


def _stay(rng: np.random.Generator, clutter: int) -> list[str]:
    """Who it is, events in any order, and the plan at the end."""
    counts = {pool: int(n) for pool, n in zip((CONDITIONS, DRUGS, RESULTS, VISITS, OTHER), rng.poisson(
        [1.6, 4.5, 2.6, 3.4, clutter]), strict=True)}  # fmt: skip
    events = [pool[i] for pool, n in counts.items() for i in rng.integers(len(pool), size=n)]
    about = [choices[rng.integers(len(choices))] for choices in ABOUT]
    return [*about, *(events[i] for i in rng.permutation(len(events))), PLAN[rng.integers(2)]]
