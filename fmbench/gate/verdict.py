"""What a gate says: one check a gated number, what could not be compared, and the exit code of all together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["pass", "regression", "inconclusive"]
Sort = Literal["quality", "speed", "memory"]

PASSED, REGRESSED, BAD_INPUT, NOT_MEASURED, UNDECIDED = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Cells:
    """A task x model x adaptation: the cells of all its seeds together."""

    task: str
    model: str
    adaptation: str

    def __str__(self) -> str:
        return f"{self.task}/{self.model}[{self.adaptation}]"


@dataclass(frozen=True)
class Flip:
    """An example that one side gets right and the other does not; what was predicted is None where it is not stored."""

    example_id: str
    seed: int
    lost: bool
    gold: object = None
    base: object = None
    new: object = None


@dataclass(frozen=True)
class Samples:
    """What a speed or memory check is made of, by arm: seconds of a pass [rounds], or peak bytes [processes]."""

    base: tuple[float, ...]
    again: tuple[float, ...]
    new: tuple[float, ...]


@dataclass(frozen=True)
class Check:
    """One gated number.

    Args:
        base, new: scores (means over seeds) or, for speed and memory, seconds and bytes.
        change: new - base in the units of the metric; for speed and memory new / base - 1.
        low, high: interval of `change`, one-sided 95 % at each end for quality.
        worse: by how much it became worse: `change` with the sign that makes a loss positive.
        margin: a loss up to here does not matter.
        p: one-sided, that there is no loss; `adjusted` for all gated numbers (Holm).
        n: examples, or rounds.
        detectable: the smallest loss that this n shows four times in five; `needed`: the n that would settle it.
        lost, gained: flips, over all seeds; `flips` are the first of them.
        note: what a reader must know to trust the line.
        samples: of speed and memory.
    """

    cells: Cells
    sort: Sort
    metric: str
    outcome: Outcome
    base: float
    new: float
    change: float
    low: float
    high: float
    worse: float
    margin: float
    n: int
    seeds: int = 1
    p: float = math.nan
    adjusted: float = math.nan
    method: str = ""
    detectable: float = math.nan
    needed: int | None = None
    lost: int | None = None
    gained: int | None = None
    flips: tuple[Flip, ...] = ()
    note: str = ""
    unit: str = ""
    higher_is_better: bool = True
    samples: Samples | None = None

    @property
    def name(self) -> str:
        return f"{self.cells}/{self.metric}"


@dataclass(frozen=True)
class Refused:
    """Something that both sides have and that must not, or cannot, be compared."""

    what: str
    why: str


@dataclass(frozen=True)
class Part:
    """Seeds of a task x model x adaptation that only one side can show.

    Args:
        whole: these are all the seeds that this side has of it.
        why: a failed one's error.
    """

    cells: Cells
    seeds: tuple[int, ...]
    whole: bool = True
    why: str = ""

    def __str__(self) -> str:
        if self.whole:
            return str(self.cells)
        return f"{self.cells} (seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))})"


@dataclass(frozen=True)
class Policy:
    """What ends a gate with another code than 0, beside regressions and what could not be measured.

    Args:
        strict: cells or seeds of the base that were not run, and what is undecided.
        inconclusive: "fail" where only the latter does.
    """

    strict: bool = False
    inconclusive: str = "warn"


@dataclass(frozen=True)
class Verdict:
    """All checks of a gate, and what they mean under its policy: every output asks here.

    Args:
        refused: makes the gate "not measured": a crashed cell, other data, another task version.
        absent: what the base has and the new side did not run; only a strict policy minds.
        notes: what a reader should know, such as why speed was not compared.
        base_failed: what failed in the base, so that there is nothing to compare with.
        only_new: what the base does not have.
        started_at: of a measurement that this verdict made itself, in ISO 8601; its machine and code are `environment`.
    """

    suite: str
    base: str
    new: str
    checks: tuple[Check, ...]
    refused: tuple[Refused, ...] = ()
    absent: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    base_failed: tuple[Part, ...] = ()
    only_new: tuple[Part, ...] = ()
    policy: Policy = Policy()
    started_at: str | None = None
    environment: Mapping[str, Any] | None = None

    def of(self, outcome: Outcome) -> list[Check]:
        return [check for check in self.checks if check.outcome == outcome]

    def fails(self, check: Check) -> bool:
        """Whether this check is enough to end with another code than 0."""
        undecided_fails = self.policy.strict or self.policy.inconclusive == "fail"
        return check.outcome == "regression" or (check.outcome == "inconclusive" and undecided_fails)

    @property
    def absence_fails(self) -> bool:
        """Whether what was not run is enough to end with another code than 0."""
        return self.policy.strict and bool(self.absent)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 3 something could not be measured, 4 undecided where that matters.

        A regression that was found stands whatever else is missing; nothing measured is never 0 or 1.
        """
        if self.of("regression"):
            return REGRESSED
        if self.refused or not self.checks or self.absence_fails:
            return NOT_MEASURED
        return UNDECIDED if any(map(self.fails, self.checks)) else PASSED

    def word(self) -> str:
        """The verdict in a word or two; "inconclusive" is 0 or 4, as the policy says."""
        words = {REGRESSED: "regression", NOT_MEASURED: "not measured"}
        return words.get(self.exit_code, "inconclusive" if self.of("inconclusive") else "pass")


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Regressions, then what is undecided, then the rest; the largest loss in margins first, undefined ones before."""
    order = {"regression": 0, "inconclusive": 1, "pass": 2}

    def loss(check: Check) -> float:
        found = check.worse / check.margin
        return math.inf if math.isnan(found) else found

    return sorted(checks, key=lambda check: (order[check.outcome], -loss(check)))
