"""Edits that change what is said: the label turns over, or may change. Tags of tokens stay right."""

from __future__ import annotations

import re

from fmbench.perturb.draws import OF_FEW, Stream, count, pick, picks
from fmbench.perturb.perturbation import perturbation
from fmbench.perturb.wording import Words, in_letters, in_words, insert, rewrite

_VERBS = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "am",
        "will",
        "would",
        "can",
        "could",
        "should",
        "must",
        "might",
        "has",
        "have",
        "had",
        "does",
        "did",
        "do",
    ]
)
_BEFORE_VERB = frozenset(["has", "have", "had", "does", "did", "do"])
_PARTICIPLE = re.compile(r"(?:\w+ed|\w+en|been|had|done|gone|made|seen|got|come|become|won|lost|said|told|found|kept)$")
_PREFIX = ("It", "is", "not", "true", "that")
_UNDONE = {"can't": "can", "cannot": "can", "won't": "will", "shan't": "shall", "ain't": "is"}
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
_MONTHS = ["January", "February", "April", "June", "July", "August", "September", "October", "November", "December"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DATE = re.compile(
    r"\b(?:(?P<iso>\d{4}-\d\d-)(?P<of>\d\d)|(?P<year>(?:19|20)\d\d)"
    rf"|(?P<month>{'|'.join(_MONTHS)})|(?P<day>{'|'.join(_DAYS)}))\b(?![.,-]?\d)"
)


def _negated(words: list[str], tags: list[str]) -> list[int]:
    low = [word.lower().replace("’", "'") for word in words]
    return [
        i
        for i, word in enumerate(low)
        if tags[i] == "O" and (word in ("not", "n't") or word in _UNDONE or (word.endswith("n't") and len(word) > 3))
    ]


def _positive(word: str) -> str:
    low = word.lower().replace("’", "'")
    found = _UNDONE.get(low, low[:-3])
    return found.capitalize() if word[0].isupper() else found


def _negatable(words: list[str], tags: list[str]) -> list[int]:
    found = []
    for i, word in enumerate(words):
        low = word.lower()
        if tags[i] != "O" or low not in _VERBS:
            continue
        after = words[i + 1].lower() if i + 1 < len(words) and tags[i + 1] == "O" else ""
        if low not in _BEFORE_VERB or _PARTICIPLE.match(after):
            found.append(i)
    return found


@perturbation("text", "tokens", label="flips", languages=["en"])
@in_words
def negation(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """What is said is negated, what is negated is said: the label should turn over.

    "not" goes after auxiliaries, or away where there is one; a sentence that has neither becomes "It is not true
    that ...".
    """
    share = OF_FEW[severity]
    negated = _negated(words, tags)
    if negated:
        gone = set()
        for j, _ in picks(rng, len(negated), count(len(negated), share)):
            i = negated[j]
            if words[i].lower() in ("not", "n't", "n’t"):
                gone.add(i)
            else:
                words[i] = _positive(words[i])
        kept = [i for i in range(len(words)) if i not in gone]
        return ([words[i] for i in kept], [tags[i] for i in kept]) if kept else (words, tags)
    places = _negatable(words, tags)
    if not places:
        return insert(words, tags, [(0, _PREFIX)])
    chosen = picks(rng, len(places), count(len(places), share))
    return insert(words, tags, [(places[j] + 1, ["not"]) for j, _ in chosen])


def _other_digits(number: str, rng: Stream) -> str:
    """As many digits, the first of them another one and no zero."""
    digits = list(number)
    for i, digit in enumerate(digits):
        if digit.isdecimal():
            u = rng.random()
            digits[i] = pick([d for d in "123456789" if d != digit], u) if i == 0 else pick("0123456789", u)
    return "".join(digits)


@perturbation("text", "tokens", label="may-change")
@in_letters()
def numbers(text: str, rng: Stream, severity: int) -> str:
    """Numbers written in digits replaced by others of the same length."""
    return rewrite(text, rng, OF_FEW[severity], _NUMBER, lambda match: _other_digits(match[0], rng))


def _other_date(match: re.Match[str], u: float) -> str:
    if match["month"]:
        return pick([month for month in _MONTHS if month != match["month"]], u)
    if match["day"]:
        return pick([day for day in _DAYS if day != match["day"]], u)
    if match["year"]:
        year = int(match["year"])
        return str(year + pick([step for step in range(-9, 10) if step and 1900 <= year + step < 2100], u))
    return match["iso"] + pick([f"{day:02}" for day in range(1, 29) if f"{day:02}" != match["of"]], u)


@perturbation("text", "tokens", label="may-change", languages=["en"])
@in_letters()
def dates(text: str, rng: Stream, severity: int) -> str:
    """Months, weekdays, years and ISO dates replaced by others; May and March, which are words too, stay."""
    return rewrite(text, rng, OF_FEW[severity], _DATE, lambda match: _other_date(match, rng.random()))
