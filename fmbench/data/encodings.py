"""What bytes are that are not what they were said to be: a likely encoding, and what they would read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIMPLE = set("的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产")
_TRADITIONAL = set("的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產")
_WIDE: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("gb18030", _SIMPLE.__contains__),
    ("big5", _TRADITIONAL.__contains__),
    ("shift_jis", lambda c: "\u3040" <= c <= "\u30ff"),
    ("euc_jp", lambda c: "\u3040" <= c <= "\u30ff"),
    ("euc_kr", lambda c: "\uac00" <= c <= "\ud7a3"),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
ENOUGH = 0.08
"""Share of frequent characters among those that are not ASCII from which on a text is taken to be in that script."""
SHOWN = 24


def by_mark(start: bytes) -> str | None:
    """The encoding that the first bytes of a file name by a byte order mark."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def likely(sample: bytes) -> str:
    """The encoding that `sample`, which is not UTF-8, most likely has.

    In East Asian encodings high bytes stand in runs, and the commonest characters of the script are among them; in
    Western ones single high bytes stand between ASCII letters. cp1252 and latin-1 are the answers for the rest.
    """
    if sample.count(0) * 4 > len(sample):
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    runs = _HIGH.findall(sample)
    if runs and sum(map(len, runs)) > 1.5 * len(runs):
        rated = [(_share(sample, name, frequent), name) for name, frequent in _WIDE]
        share, name = max(rated, key=lambda one: one[0])
        if share >= ENOUGH:
            return name
        cyrillic = _share(sample, "cp1251", lambda c: "а" <= c <= "я")
        if cyrillic > 0.6:
            return "cp1251"
    return "cp1252" if _decoded(sample, "cp1252") is not None else "latin-1"


def excerpt(raw: bytes, at: int, encoding: str) -> str:
    """What stands around byte `at` of `raw`, read as `encoding`."""
    line = raw.rfind(b"\n", 0, at) + 1, raw.find(b"\n", at)
    start = max(line[0], at - SHOWN)
    end = min(line[1] if line[1] >= 0 else len(raw), at + SHOWN)
    return " ".join(raw[start:end].decode(encoding, "ignore").split())


def _share(sample: bytes, encoding: str, frequent: Callable[[str], bool]) -> float:
    text = _decoded(sample, encoding)
    other = [c for c in text or "" if c > "\x7f"]
    return sum(map(frequent, other)) / len(other) if other else 0.0


def _decoded(sample: bytes, encoding: str) -> str | None:
    """`sample` as text; a character cut off at its end does not count against it."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None
