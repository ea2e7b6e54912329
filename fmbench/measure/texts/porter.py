"""Porter's stemmer (Porter 1980, Program 14) with the changes that nltk made to it and that rouge-score uses.

They are: some irregular words; words of two letters stay; "ies" and "ied" of words of four letters become "ie"; "y"
becomes "i" after a consonant that is not the first letter; "bli" for "abli", "alli" first, "fulli" and "logi".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

Condition = Callable[[str], bool]
Rule = tuple[str, str]

_IRREGULAR = {
    **dict.fromkeys(("sky", "skies"), "sky"),
    **dict.fromkeys(("inning", "innings"), "inning"),
    **dict.fromkeys(("outing", "outings"), "outing"),
    **dict.fromkeys(("canning", "cannings"), "canning"),
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    **{word: word for word in ("news", "howe", "proceed", "exceed", "succeed")},
}
_PLURALS = (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", ""))
_DOUBLE: tuple[Rule, ...] = (
    *(("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble")),
    *(("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate")),
    *(("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al")),
    *(("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful")),
)
_ENDINGS: tuple[Rule, ...] = (
    *(("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")),
)
_LAST = ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent")
_LAST_AFTER_ION = ("ou", "ism", "ate", "iti", "ous", "ive", "ize")


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of a word in lower case."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _without_plural(word)
    word = _without_tense(word)
    if word.endswith("y") and len(word) > 2 and _is_consonant(word, len(word) - 2):
        word = word[:-1] + "i"
    word = _shortened(word)
    word = _replaced(word, _ENDINGS, lambda left: _measure(left) > 0)
    word = _without_ending(word)
    return _without_e(word)


def _is_consonant(word: str, i: int) -> bool:
    if word[i] in "aeiou":
        return False
    return word[i] != "y" or i == 0 or not _is_consonant(word, i - 1)


def _measure(left: str) -> int:
    """How often a consonant follows a vowel."""
    kinds = [_is_consonant(left, i) for i in range(len(left))]
    return sum(b and not a for a, b in pairwise(kinds))


def _has_vowel(left: str) -> bool:
    return not all(_is_consonant(left, i) for i in range(len(left)))


def _ends_double(word: str) -> bool:
    return len(word) >= 2 and word[-1] == word[-2] and _is_consonant(word, len(word) - 1)


def _ends_short(word: str) -> bool:
    """Whether it ends in consonant, vowel, consonant (but w, x, y), or is a vowel and a consonant."""
    n = len(word)
    if n == 2:
        return not _is_consonant(word, 0) and _is_consonant(word, 1)
    ends = n >= 3 and [_is_consonant(word, i) for i in range(n - 3, n)] == [True, False, True]
    return ends and word[-1] not in "wxy"


def _replaced(word: str, rules: Sequence[Rule], fits: Condition) -> str:
    """The word with the first ending that it has replaced, if what is left of it fits."""
    for ending, new in rules:
        if word.endswith(ending):
            left = word[: len(word) - len(ending)]
            return left + new if fits(left) else word
    return word


def _without_plural(word: str) -> str:
    if len(word) == 4 and word.endswith("ies"):
        return word[:-1]
    return _replaced(word, _PLURALS, lambda left: True)


def _without_tense(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    left = next((word[: -len(e)] for e in ("ed", "ing") if word.endswith(e) and _has_vowel(word[: -len(e)])), None)
    if left is None:
        return word
    if left.endswith(("at", "bl", "iz")):
        return left + "e"
    if _ends_double(left):
        return left if left[-1] in "lsz" else left[:-1]
    return left + "e" if _measure(left) == 1 and _ends_short(left) else left


def _shortened(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _shortened(word[:-2])
    found = _replaced(word, _DOUBLE, lambda left: _measure(left) > 0)
    if found == word and word.endswith("logi") and _measure(word[:-3]) > 0:
        return word[:-1]
    return found


def _without_ending(word: str) -> str:
    def long(left: str) -> bool:
        return _measure(left) > 1

    for ending in _LAST:
        if word.endswith(ending):
            return word[: -len(ending)] if long(word[: -len(ending)]) else word
    if word.endswith("ion"):
        left = word[:-3]
        return left if long(left) and left[-1] in "st" else word
    return _replaced(word, [(ending, "") for ending in _LAST_AFTER_ION], long)


def _without_e(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_short(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
