"""knowledge-tracing: a student's answers so far, and whether the next one will be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from fmbench.data.generator import Generated
from fmbench.data.generators.yes_no import Sizes, labelled

SKILLS = ("fractions", "decimals", "percent", "equations", "angles", "graphs")
HARDNESS = ("easy", "hard")
ANSWERS = ("wrong", "right")
STAYS = 0.35
"""Share of exercises on the skill of the one before."""


class Student(NamedTuple):
    """How a sort of student learns: probabilities of knowing a skill at first, and of learning it by an exercise."""

    knows: float
    learns: float


STUDENTS = (Student(0.15, 0.08), Student(0.55, 0.35))


class KnowledgeTracing:
    """Bayesian knowledge tracing (Corbett and Anderson 1995) with forgetting and two sorts of students.

    A skill is known or not, each by itself. After an exercise its skill is learned with the student's probability, and
    then every known skill is forgotten with a small one. Who knows slips; who does not guesses; hard exercises double
    the first and halve the second.
    """

    version: ClassVar[int] = 2  # 2: exercises as plain words, without colons

    class Settings(Sizes):
        guess: float = Field(default=0.15, ge=0, le=0.5, description="right without knowing, on an easy exercise")
        slip: float = Field(default=0.04, ge=0, le=0.25, description="wrong in spite of knowing, on an easy exercise")
        forget: float = Field(
            default=0.02, ge=0, lt=1, description="a known skill is lost, after each exercise: difficulty"
        )
        exercises: int = Field(
            default=24, ge=1, le=200, description="before the next one; more tell more of the student"
        )

    @staticmethod
    def generate(settings: KnowledgeTracing.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        n, length = settings.total, settings.exercises + 1
        rates = np.array(STUDENTS)[rng.integers(len(STUDENTS), size=n)]
        skills = rng.integers(len(SKILLS), size=(n, length))
        stays = rng.random((n, length)) < STAYS
        for t in range(1, length):
            skills[:, t] = np.where(stays[:, t], skills[:, t - 1], skills[:, t])
        hard = rng.integers(2, size=(n, length))
        right = np.zeros((n, length), dtype=int)
        known = rng.random((n, len(SKILLS))) < rates[:, :1]
        every = np.arange(n)
        chances = _chances(settings)
        for t in range(length):
            draws = rng.random((n, 2 + len(SKILLS)))
            now = skills[:, t]
            right[:, t] = draws[:, 0] < chances[known[every, now].astype(int), hard[:, t]]
            known[every, now] |= draws[:, 1] < rates[:, 1]
            known &= draws[:, 2:] >= settings.forget
        texts = [_text(*row) for row in zip(skills.tolist(), hard.tolist(), right.tolist(), strict=True)]
        return labelled({"text": texts}, probability(texts, settings), right[:, -1] == 1, ANSWERS, settings)


def probability(texts: Sequence[str], settings: KnowledgeTracing.Settings) -> np.ndarray:
    """The probability [n] that the next answer is right, by the exact filter over what is known and who it is."""
    skills, hard, right = _numbers(texts)
    n, length = skills.shape
    rates, chances, every = np.array(STUDENTS), _chances(settings), np.arange(n)
    known = np.broadcast_to(rates[None, :, :1], (n, len(rates), len(SKILLS))).copy()
    who = np.full((n, len(rates)), 1 / len(rates))
    for t in range(length):
        own = known[every, :, skills[:, t]]
        if_known, if_not = chances[1, hard[:, t]][:, None], chances[0, hard[:, t]][:, None]
        answer = own * if_known + (1 - own) * if_not
        if t == length - 1:
            break
        was_right = right[:, t, None] == 1
        seen = np.where(was_right, answer, 1 - answer)
        own = own * np.where(was_right, if_known, 1 - if_known) / np.maximum(seen, 1e-300)
        who = who * seen / (who * seen).sum(axis=1, keepdims=True)
        known[every, :, skills[:, t]] = own + (1 - own) * rates[None, :, 1]
        known *= 1 - settings.forget
    return np.round((who * answer).sum(axis=1), 9)


def _chances(settings: KnowledgeTracing.Settings) -> np.ndarray:
    """The probability of a right answer [not known or known, easy or hard]."""
    guess, slip = settings.guess, settings.slip
    return np.array([[guess, guess / 2], [1 - slip, 1 - 2 * slip]])


def _text(skills: Sequence[int], hard: Sequence[int], right: Sequence[int]) -> str:
    names = [f"{SKILLS[skill]} {HARDNESS[h]}" for skill, h in zip(skills, hard, strict=True)]
    past = [f"{name} {ANSWERS[r]}" for name, r in zip(names[:-1], right[:-1], strict=True)]
    return " ".join([*past, f"next {names[-1]}"])


def _numbers(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skills, hardness and answers of the texts, int [n, exercises + 1] and for the answers [n, exercises]."""
    rows = [text.replace("next ", "").split() for text in texts]
    skills = [[SKILLS.index(one) for one in row[0::3]] for row in rows]
    hard = [[HARDNESS.index(one) for one in row[1::3]] for row in rows]
    right = [[ANSWERS.index(one) for one in row[2::3]] for row in rows]
    return np.array(skills), np.array(hard), np.array(right)
