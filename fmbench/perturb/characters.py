"""Letters that go wrong: slips of fingers, of scanners and of Unicode. Words keep their places, tags too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from fmbench.perturb.draws import OF_LETTERS, OF_WORDS, Stream, count, pick, picks
from fmbench.perturb.lists import lexicon
from fmbench.perturb.perturbation import NOT_LATIN, UNSPACED, perturbation
from fmbench.perturb.wording import in_letters, substitute

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LONG = re.compile(r"[^\W\d_]{4,}")
_SCANNED = {
    "l": ("1", "I"), "I": ("l", "1"), "i": ("l", "j"), "o": ("0", "c"), "O": ("0", "Q"), "0": ("O", "o"), "1": ("l",),
    "e": ("c",), "c": ("e", "o"), "S": ("5",), "s": ("5",), "5": ("S",), "B": ("8",), "8": ("B",), "g": ("9", "q"),
    "q": ("g",), "Z": ("2",), "z": ("2",), "2": ("Z",), "G": ("6",), "6": ("G",), "h": ("b",), "b": ("h", "6"),
    "n": ("ri", "u"), "u": ("ii", "n"), "a": ("o",), "t": ("f",), "f": ("t",), "D": ("0",), "m": ("rn",), "rn": ("m",),
    "d": ("cl",), "cl": ("d",), "w": ("vv",), "vv": ("w",), "E": ("F",), "R": ("K",), "y": ("v",), "v": ("y",),
}  # fmt: skip
_SCAN = re.compile("|".join(sorted(_SCANNED, key=len, reverse=True)))
_OCR = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15)
_TWINS = {
    "a": "аα", "c": "сϲ", "d": "ԁ", "e": "еҽ", "h": "һ", "i": "іı", "j": "јϳ", "k": "κк", "l": "ӏ", "m": "м", "n": "ո",
    "o": "оο", "p": "рρ", "q": "ԛ", "r": "г", "s": "ѕ", "t": "т", "u": "υ", "v": "ν", "w": "ԝ", "x": "хχ", "y": "уү",
    "A": "АΑ", "B": "ВΒ", "C": "СϹ", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "J": "Ј", "K": "КΚ", "M": "МΜ", "N": "Ν",
    "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ", "Y": "ҮΥ", "Z": "Ζ",
}  # fmt: skip


def neighbours() -> dict[str, str]:
    """Letter -> letters beside it on a QWERTY keyboard, both in the same case; never the letter itself."""
    at = {key: (row, column + 0.5 * row) for row, keys in enumerate(_KEYS) for column, key in enumerate(keys)}
    near = {
        key: "".join(k for k, (r, c) in at.items() if k != key and abs(r - row) <= 1 and abs(c - column) <= 1)
        for key, (row, column) in at.items()
    }
    return near | {key.upper(): others.upper() for key, others in near.items()}


_NEAR = neighbours()


def slips(text: str, rng: Stream, severity: int) -> str:
    """A share of the letters a-z, each replaced by the letter of a key beside it."""
    return _exchanged(text, _NEAR, rng, severity)


def _exchanged(text: str, others: Mapping[str, Sequence[str]], rng: Stream, severity: int) -> str:
    """A share of the letters that have `others`, each replaced by one of them."""
    places = [i for i, letter in enumerate(text) if letter in others]
    if not places:
        return text
    letters = list(text)
    for j, u in picks(rng, len(places), count(len(places), OF_LETTERS[severity])):
        letters[places[j]] = pick(others[letters[places[j]]], u)
    return "".join(letters)


@perturbation("text", "tokens", except_languages=NOT_LATIN)
@in_letters()
def typos(text: str, rng: Stream, severity: int) -> str:
    """Letters replaced by a neighbour on a QWERTY keyboard."""
    return slips(text, rng, severity)


@perturbation("tokens", except_languages=NOT_LATIN)
@in_letters("mentions")
def entity_typos(text: str, rng: Stream, severity: int) -> str:
    """Keyboard typos in mentions only; beside context-typos it tells names from context."""
    return slips(text, rng, severity)


@perturbation("tokens", except_languages=NOT_LATIN)
@in_letters("outside")
def context_typos(text: str, rng: Stream, severity: int) -> str:
    """Keyboard typos outside of mentions only."""
    return slips(text, rng, severity)


def _inside(text: str, rng: Stream, severity: int) -> list[tuple[int, float]]:
    """A place within each of a share of the words of four letters and more, never the first or last letter.

    First and last letters matter most to readers (Pruthi et al. 2019, Combating adversarial misspellings). The number
    beside each place is one to choose with.
    """
    words = [m.span() for m in _LONG.finditer(text)]
    if not words:
        return []
    found = []
    for j, u in picks(rng, len(words), count(len(words), OF_WORDS[severity])):
        start, end = words[j]
        place = u * (end - start - 2)
        found.append((start + 1 + int(place), place % 1))
    return found


@perturbation("text", "tokens", except_languages=UNSPACED)
@in_letters()
def char_drop(text: str, rng: Stream, severity: int) -> str:
    """One letter left out of words of four letters and more, not the first or last."""
    letters = list(text)
    for i, _ in _inside(text, rng, severity):
        letters[i] = ""
    return "".join(letters)


@perturbation("text", "tokens", except_languages=UNSPACED)
@in_letters()
def char_swap(text: str, rng: Stream, severity: int) -> str:
    """Two neighbouring letters swapped in words of four letters and more."""
    letters = list(text)
    for i, _ in _inside(text, rng, severity):
        other = i + 1 if letters[i] == letters[i - 1] else i - 1
        letters[i], letters[other] = letters[other], letters[i]
    return "".join(letters)


@perturbation("text", "tokens", except_languages=NOT_LATIN)
@in_letters()
def char_insert(text: str, rng: Stream, severity: int) -> str:
    """One letter too many in words of four letters and more: the same one or a neighbour on the keyboard."""
    letters = list(text)
    for i, u in _inside(text, rng, severity):
        letters[i] += pick(letters[i] + _NEAR.get(letters[i], ""), u)
    return "".join(letters)


@perturbation("text", "tokens", except_languages=NOT_LATIN)
@in_letters()
def ocr(text: str, rng: Stream, severity: int) -> str:
    """Letters and digits that scanners confuse, such as l and 1, rn and m."""
    places = [m.span() for m in _SCAN.finditer(text)]
    if not places:
        return text
    letters = list(text)
    for j, u in picks(rng, len(places), count(len(places), _OCR[severity])):
        start, end = places[j]
        letters[start:end] = [pick(_SCANNED[text[start:end]], u), *[""] * (end - start - 1)]
    return "".join(letters)


@perturbation("text", "tokens", except_languages=NOT_LATIN)
@in_letters()
def homoglyphs(text: str, rng: Stream, severity: int) -> str:
    """Latin letters replaced by Cyrillic, Greek or Armenian ones that look the same."""
    return _exchanged(text, _TWINS, rng, severity)


@cache
def _misspelt() -> dict[str, tuple[str, ...]]:
    return lexicon("misspellings.tsv")


@perturbation("text", "tokens", languages=["en"])
@in_letters()
def misspellings(text: str, rng: Stream, severity: int) -> str:
    """Words spelt as they are often misspelt."""
    return substitute(text, rng, OF_WORDS[severity] * 2, _misspelt())
