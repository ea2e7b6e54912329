"""The word lists of this room: tab-separated, UTF-8, `#` starts a comment line; read once, on first use."""

from __future__ import annotations

from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
Lexicon = dict[str, tuple[str, ...]]


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The cells of every line of a file."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return tuple(tuple(line.split("\t")) for line in lines if line and not line.startswith("#"))


@cache
def lexicon(name: str, key: int = 0, value: int = 1) -> Lexicon:
    """Word -> what may stand for it, from two columns; several are separated by commas."""
    return {row[key]: tuple(row[value].split(",")) for row in rows(name)}


@cache
def groups(name: str) -> Lexicon:
    """Character -> the others of its group, from lines whose first cell holds groups between spaces."""
    found: dict[str, list[str]] = {}
    for row in rows(name):
        for group in row[0].split():
            for one in group:
                found.setdefault(one, []).extend(c for c in group if c != one and c not in found[one])
    return {one: tuple(others) for one, others in found.items()}


@cache
def lines(name: str) -> tuple[str, ...]:
    """The first cell of every line."""
    return tuple(row[0] for row in rows(name))
