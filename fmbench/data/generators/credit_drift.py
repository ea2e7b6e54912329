"""credit-drift: applications for credit over five years, and whether the loan was repaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Generated
from fmbench.data.generators.yes_no import Sizes, labelled, sigmoid

FIRST_YEAR = 2018
QUARTERS = tuple(f"{FIRST_YEAR + q // 4}q{q % 4 + 1}" for q in range(20))
PERIODS = ((0, 12), (12, 15), (15, 20))
"""Quarters of train, validation and test, the last one exclusive."""
CHANGE = 8
"""The quarter in which the concept begins to change; the change is complete in the last quarter."""
PURPOSES = ("car", "furniture", "business", "study", "repairs")
HOUSING = ("own", "rent")
CHANNELS = ("branch", "web")

Features = dict[str, float | str]

COEFFICIENTS: Mapping[str, tuple[float, float]] = {
    "1": (-0.5, -0.7),
    "low income": (1.4, 1.9),
    "debt ratio": (1.3, 1.3),
    "late payments": (0.9, 0.6),
    "years employed": (-0.6, -0.1),
    "large loan": (0.7, 0.7),
    "young": (0.4, -0.2),
    "web": (-0.9, 1.1),
    "business": (-0.2, 1.5),
    "rent": (0.3, 0.6),
    "rent and low income": (0.8, 0.8),
}
"""What makes a default more likely -> its coefficient in the first quarters and in the last one."""


class CreditDrift:
    """Credit risk, learned early and tested late.

    The applicants change from the first quarter on (more come by the web, they are younger, incomes rise, more rent):
    covariate drift. From 2020 on what makes a default likely changes too: concept drift.
    """

    version: ClassVar[int] = 1

    class Settings(Sizes):
        strength: float = Field(default=1.6, gt=0, le=10, description="factor of the logit; more makes labels surer")
        covariate_drift: float = Field(default=1.0, ge=0, le=1, description="how far the applicants change")
        concept_drift: float = Field(default=1.0, ge=0, le=1, description="how far the reasons of default change")

    @staticmethod
    def generate(settings: CreditDrift.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        sizes = (settings.train, settings.validation, settings.test)
        quarters = np.concatenate(
            [first + np.arange(n) * (end - first) // n for n, (first, end) in zip(sizes, PERIODS, strict=True)]
        )
        rows = _applications(rng, quarters, settings.covariate_drift)
        probabilities = probability(rows, settings)
        yes = rng.random(len(rows)) < probabilities
        inputs = {"features": rows, "quarter": [QUARTERS[q] for q in quarters]}
        return labelled(inputs, probabilities, yes, ("repaid", "default"), settings)


def probability(rows: Sequence[Features], settings: CreditDrift.Settings) -> np.ndarray:
    """The true probability [n] of a default, from the features alone."""

    def number(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], dtype=np.float64)

    def says(name: str, value: str) -> np.ndarray:
        return np.array([float(row[name] == value) for row in rows])

    low = np.log(3.0 / number("income"))
    measures = {
        "1": np.ones(len(rows)),
        "low income": low,
        "debt ratio": (number("debt ratio") - 0.35) / 0.2,
        "late payments": number("late payments") - 0.6,
        "years employed": np.minimum(number("years employed"), 10) / 5 - 1,
        "large loan": np.log(number("loan") / 8) / 0.7,
        "young": (40 - number("age")) / 12,
        "web": says("channel", "web"),
        "business": says("purpose", "business"),
        "rent": says("housing", "rent"),
        "rent and low income": says("housing", "rent") * (low > 0),
    }
    quarter = (number("year") - FIRST_YEAR) * 4
    changed = settings.concept_drift * np.clip((quarter - CHANGE) / (len(QUARTERS) - 1 - CHANGE), 0, 1)
    early, late = np.array(list(COEFFICIENTS.values())).T
    weights = early + changed[:, None] * (late - early)
    values = np.stack([measures[name] for name in COEFFICIENTS], axis=1)
    return sigmoid(settings.strength * (weights * values).sum(axis=1))


def _applications(rng: np.random.Generator, quarters: np.ndarray, drift: float) -> list[Features]:
    n = len(quarters)
    moved = drift * quarters / (len(QUARTERS) - 1)
    age = np.clip(np.rint(rng.normal(44 - 9 * moved, 11)), 19, 78).astype(int)
    income = np.clip(np.exp(rng.normal(np.log(2.8) + 0.4 * moved, 0.4)), 0.8, 15)
    employed = np.minimum(rng.poisson(5 - 2 * moved), age - 18)
    ratio = np.clip(rng.normal(0.33 + 0.06 * moved, 0.18), 0, 1.2)
    late = rng.poisson(0.6, size=n)
    loan = np.clip(np.exp(rng.normal(np.log(7.5) + 0.3 * moved, 0.6)), 0.5, 60)
    purpose = rng.integers(len(PURPOSES), size=n)
    rent = rng.random(n) < 0.35 + 0.3 * moved
    web = rng.random(n) < 0.2 + 0.6 * moved
    numbers = {
        "year": FIRST_YEAR + quarters / 4,
        "age": age,
        "income": income.round(1),
        "years employed": employed,
        "debt ratio": ratio.round(2),
        "late payments": late,
        "loan": loan.round(1),
    }
    words = {
        "purpose": [PURPOSES[i] for i in purpose],
        "housing": [HOUSING[int(i)] for i in rent],
        "channel": [CHANNELS[int(i)] for i in web],
    }
    columns = {name: values.astype(float).tolist() for name, values in numbers.items()} | words
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
