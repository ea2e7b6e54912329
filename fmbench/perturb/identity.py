"""The same example about somebody else: gendered words and first names exchanged, for counterfactual fairness.

First names, and where they are mostly heard, are a list of our own (data/identity-names.tsv), and so are the gendered
words. A perturbed example keeps its label as far as nobody's gender or origin is the point of it; texts about
pregnancy and the like (`_BOUND`) are left as they are.
"""

from __future__ import annotations

import re
from functools import cache

from fmbench.perturb.draws import OF_FEW, Stream, pick
from fmbench.perturb.lists import lines, rows
from fmbench.perturb.perturbation import perturbation
from fmbench.perturb.wording import in_letters, rewrite

_WORD = re.compile(r"(?<![\w'’-])(?P<word>[^\W\d_]+)(?![\w-])(?=(?:['’]\w+)?[ \x1f]?(?P<next>[^\W\d_]*))")
_BOUND = re.compile(
    r"\b(?:pregnan\w*|menstru\w*|menopaus\w*|breastfe\w*|matern\w*|patern\w*|ovar\w*|uter\w*|vagin\w*|prostat\w*"
    r"|testic\w*|penis|midwi\w*|gynaecolog\w*|gynecolog\w*|semen|abortion\w*)\b",
    re.IGNORECASE,
)


@cache
def _names() -> dict[str, tuple[str, str, int]]:
    """Name -> origin, gender and place in its list."""
    return {name: (row[0], row[1], i) for row in rows("identity-names.tsv") for i, name in enumerate(row[2].split(","))}


@cache
def _of(origin: str, gender: str) -> tuple[str, ...]:
    return next(tuple(row[2].split(",")) for row in rows("identity-names.tsv") if row[:2] == (origin, gender))


@cache
def _origins() -> tuple[str, ...]:
    return tuple(dict.fromkeys(row[0] for row in rows("identity-names.tsv")))


@cache
def _words() -> dict[str, str]:
    pairs = [(male, female) for male, female in rows("gender-words.tsv")]
    one_way = {"ms": "mr", "miss": "mr", "hers": "his"}
    return dict(pairs) | {b: a for a, b in pairs} | one_way


@cache
def _not_owned() -> frozenset[str]:
    return frozenset(lines("not-owned.txt"))


def _other_gender(match: re.Match[str]) -> str | None:
    word = match["word"]
    if word in _names():
        origin, gender, i = _names()[word]
        return _of(origin, "male" if gender == "female" else "female")[i]
    low = word.lower()
    if low in ("him", "her", "his"):
        owns = bool(match["next"]) and match["next"].lower() not in _not_owned()
        return _as_written({"him": "her", "her": "his" if owns else "him", "his": "her" if owns else "hers"}[low], word)
    new = _words().get(low)
    if new is None or (low == "miss" and (word in ("miss", "MISS") or not match["next"][:1].isupper())):
        return None
    return _as_written(new, word)


def _as_written(new: str, old: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new.capitalize() if old[0].isupper() else new


@perturbation("text", "tokens", languages=["en"])
@in_letters("all")
def gender_swap(text: str, rng: Stream, severity: int) -> str:
    """Gendered words and first names replaced by those of the other gender; all of them at severity 5."""
    found = rewrite(text, rng, OF_FEW[severity], _WORD, _other_gender)
    return text if found != text and _BOUND.search(text) else found


@perturbation("text", "tokens", languages=["en"])
@in_letters("all")
def name_swap(text: str, rng: Stream, severity: int) -> str:
    """First names replaced by ones of the same gender that are mostly heard elsewhere; all at severity 5."""
    origin, u = pick(_origins(), rng.random()), rng.random()

    def elsewhere(match: re.Match[str]) -> str | None:
        if match["word"] not in _names():
            return None
        own, gender, i = _names()[match["word"]]
        if own == origin:
            place = _origins().index(own)
            others = _of(_origins()[(place + 1 + int(u * (len(_origins()) - 1))) % len(_origins())], gender)
        else:
            others = _of(origin, gender)
        return others[(i + int(u * len(others))) % len(others)]

    return rewrite(text, rng, OF_FEW[severity], _WORD, elsewhere)
