"""card-fraud: the last payments of a card, and whether a thief made some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Generated
from fmbench.data.generators.yes_no import Sizes, labelled, sigmoid

SHOPS = ("grocer", "fuel", "cafe", "clothes", "pharmacy", "electronics", "giftcard", "transfer", "hotel", "restaurant")
AMOUNTS = ("tiny", "small", "mid", "large")
PLACES = ("home", "web", "away", "abroad")
GAPS = ("days", "day", "hours", "minutes")
WORDS = (SHOPS, AMOUNTS, PLACES, GAPS)
SHAPE = tuple(len(words) for words in WORDS)
LENGTHS = (3, 4, 5, 6)

_OWNERS = (  # weights of the words, each list in the order of WORDS
    ([6, 3, 3, 1, 2, 0.5, 0.2, 0.5, 0.1, 1], [2, 5, 3, 0.5], [8, 1, 1, 0.1], [4, 4, 2, 0.3]),
    ([2, 0.5, 2, 3, 1, 2, 0.8, 2, 0.2, 1], [2, 3, 4, 1], [1, 8, 0.5, 0.3], [3, 4, 3, 1]),
    ([1, 3, 3, 1, 0.5, 0.5, 0.2, 0.5, 3, 4], [1, 3, 4, 2], [2, 1, 5, 2], [2, 4, 4, 0.6]),
    ([3, 2, 1, 4, 1, 3, 1, 1, 0.5, 3], [0.5, 2, 4, 4], [4, 4, 2, 0.5], [3, 4, 3, 0.6]),
)
_TEST = ([1, 1, 1, 1, 0.5, 1, 3, 2, 0.1, 0.5], [9, 2, 0.3, 0.1], [0.5, 7, 0.5, 2], [0.5, 1, 3, 4])
_HAUL = ([0.3, 0.5, 0.2, 2, 0.2, 5, 5, 4, 0.5, 0.3], [0.1, 0.5, 3, 6], [0.5, 6, 1, 3], [0.1, 0.3, 2, 8])
_JOURNEY = ([0.5, 0.8, 1, 3, 0.3, 3, 3, 1, 2, 2], [0.4, 1, 3, 5], [0.4, 4, 1, 4], [0.2, 0.6, 4, 6])


def _kinds(weights: Sequence[Sequence[float]]) -> np.ndarray:
    """The probability of every payment, shop x amount x place x gap, flattened [640]."""
    parts = [np.array(part, dtype=np.float64) / sum(part) for part in weights]
    joint = parts[0]
    for part in parts[1:]:
        joint = np.multiply.outer(joint, part)
    return joint.ravel()


class CardFraud:
    """Fraud in a sequence of payments.

    A card's owner is one of four sorts and pays as that sort does; some payments of anybody look like a thief's. A
    stolen card has one run of a few payments: a test first, then the haul, in minutes; some of these copy the owner's
    ways. Cards that were not stolen may have a journey of the same length, so that a run by itself is no proof.
    """

    version: ClassVar[int] = 2  # 2: payments as plain words, without colons

    class Settings(Sizes):
        fraud: float = Field(
            default=0.2, gt=0, lt=1, description="share of stolen cards: nearer to half, less accuracy"
        )
        mimicry: float = Field(default=0.3, ge=0, le=1, description="share of a thief's payments that copy the owner")
        lookalikes: float = Field(default=0.06, ge=0, le=1, description="share of an owner's payments like a thief's")
        journeys: float = Field(default=0.15, ge=0, le=1, description="share of the other cards with a journey")
        payments: int = Field(
            default=20, ge=8, le=100, description="length of a sequence; in longer ones a run is harder to see"
        )

    @staticmethod
    def generate(settings: CardFraud.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        n, length = settings.total, settings.payments
        stolen = rng.random(n) < settings.fraud
        travelled = ~stolen & (rng.random(n) < settings.journeys)
        owner = rng.integers(len(_OWNERS), size=n)
        run = np.asarray(LENGTHS)[rng.integers(len(LENGTHS), size=n)]
        start = np.floor(rng.random(n) * (length - run + 1)).astype(int)
        cumulated = np.cumsum(_emissions(settings), axis=-1)
        place = np.arange(length) - start[:, None]
        inside = (place >= 0) & (place < run[:, None])
        state = np.where(inside & stolen[:, None], np.where(place == 0, 1, 2), 0)
        state = np.where(inside & travelled[:, None], 3, state)
        draws = rng.random((n, length))
        payments = np.stack([
            (draws[:, t, None] > cumulated[state[:, t], owner]).sum(axis=1).clip(max=cumulated.shape[-1] - 1)
            for t in range(length)
        ], axis=1)  # fmt: skip
        texts = [_text(row) for row in payments]
        return labelled({"text": texts}, probability(texts, settings), stolen, ("own", "stolen"), settings)


def probability(texts: Sequence[str], settings: CardFraud.Settings) -> np.ndarray:
    """The probability [n] that the card was stolen, by Bayes' rule from the text alone.

    Sums over what is not seen: the sort of owner, and where the run or journey begins and how long it is.
    """
    payments = np.array([_numbers(text) for text in texts])
    emissions = np.log(_emissions(settings))
    usual, test, haul, journey = (emissions[state][:, payments] for state in range(4))
    plain = usual.sum(axis=-1)
    theft = _mean_of_runs(test - usual, haul - usual) + plain
    trip = _mean_of_runs(journey - usual, journey - usual) + plain
    with np.errstate(divide="ignore"):
        own = np.logaddexp(np.log1p(-settings.journeys) + plain, np.log(settings.journeys) + trip)
    odds = np.logaddexp.reduce(theft, axis=0) - np.logaddexp.reduce(own, axis=0)
    return sigmoid(np.log(settings.fraud / (1 - settings.fraud)) + odds)


def _mean_of_runs(first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Log of the mean, over lengths and starts, of the likelihood ratio of a run to usual payments.

    Args:
        first, rest: log ratios of a payment as the first of a run and as a later one [owners, n, length].
    """
    length = first.shape[-1]
    sums = np.concatenate([np.zeros((*rest.shape[:-1], 1)), np.cumsum(rest, axis=-1)], axis=-1)
    parts = []
    for run in LENGTHS:
        starts = np.arange(length - run + 1)
        ratios = first[..., starts] + sums[..., starts + run] - sums[..., starts + 1]
        parts.append(np.logaddexp.reduce(ratios, axis=-1) - np.log(len(starts) * len(LENGTHS)))
    return np.asarray(np.logaddexp.reduce(parts, axis=0))


def _emissions(settings: CardFraud.Settings) -> np.ndarray:
    """The probability of every payment [state, owner, 640]; states are usual, test, haul and journey."""
    test, haul, journey = _kinds(_TEST), _kinds(_HAUL), _kinds(_JOURNEY)
    found = []
    for ways in _OWNERS:
        usual = (1 - settings.lookalikes) * _kinds(ways) + settings.lookalikes * (test + haul) / 2
        thief = [(1 - settings.mimicry) * own + settings.mimicry * usual for own in (test, haul)]
        found.append([usual, *thief, journey])
    return np.stack(found, axis=1)


def _text(payments: Sequence[int]) -> str:
    parts = zip(*np.unravel_index(payments, SHAPE), strict=True)
    return " ".join(words[i] for one in parts for words, i in zip(WORDS, one, strict=True))


def _numbers(text: str) -> np.ndarray:
    said = text.split()
    parts = [[words.index(one) for one in said[k :: len(WORDS)]] for k, words in enumerate(WORDS)]
    return np.asarray(np.ravel_multi_index(tuple(np.array(parts)), SHAPE))
