"""Slips of Chinese writing: characters that sound or look alike, and the other script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from fmbench.perturb.draws import OF_FEW, OF_LETTERS, Stream, count, pick, picks
from fmbench.perturb.lists import Lexicon, groups, rows
from fmbench.perturb.perturbation import perturbation
from fmbench.perturb.wording import in_letters


def _exchanged(text: str, rng: Stream, share: float, table: Mapping[str, Sequence[str]]) -> str:
    places = [i for i, one in enumerate(text) if one in table]
    if not places:
        return text
    letters = list(text)
    for j, u in picks(rng, len(places), count(len(places), share)):
        letters[places[j]] = pick(table[letters[places[j]]], u)
    return "".join(letters)


@perturbation("text", "tokens", languages=["zh"])
@in_letters()
def zh_homophones(text: str, rng: Stream, severity: int) -> str:
    """Characters replaced by others of the same sound, as input methods do."""
    return _exchanged(text, rng, OF_LETTERS[severity] * 2, groups("zh-homophones.txt"))


@perturbation("text", "tokens", languages=["zh"])
@in_letters()
def zh_lookalikes(text: str, rng: Stream, severity: int) -> str:
    """Characters replaced by others that look alike, as scanners do."""
    return _exchanged(text, rng, OF_LETTERS[severity] * 2, groups("zh-lookalikes.txt"))


@cache
def _scripts() -> tuple[Lexicon, Lexicon]:
    """Simplified -> traditional, and back; both ways one to one."""
    pairs = [pair for row in rows("zh-scripts.txt") for pair in row[0].split()]
    return {pair[0]: (pair[1],) for pair in pairs}, {pair[1]: (pair[0],) for pair in pairs}


@perturbation("text", "tokens", languages=["zh"])
@in_letters()
def zh_traditional(text: str, rng: Stream, severity: int) -> str:
    """Simplified characters in their traditional form, where there is only one."""
    return _exchanged(text, rng, OF_FEW[severity], _scripts()[0])


@perturbation("text", "tokens", languages=["zh"])
@in_letters()
def zh_simplified(text: str, rng: Stream, severity: int) -> str:
    """Traditional characters in their simplified form."""
    return _exchanged(text, rng, OF_FEW[severity], _scripts()[1])
