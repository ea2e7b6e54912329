"""From edits of letters and of words to edits of texts and of tagged tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Literal

from fmbench.perturb.draws import Stream, count, pick, picks
from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.perturbation import Edit

Where = Literal["all", "outside", "mentions"]
Words = tuple[list[str], list[str]]
"""Words and their tags, one each."""
BETWEEN = "\x1f"
"""Joins tokens for an edit of letters; no edit takes it for a letter."""
_WORD = re.compile(r"([^\W\d_]+(?:['’][^\W\d_]+)*)")
_VOWELS = frozenset("aeiou")


def in_letters(where: Where = "all") -> Callable[[Callable[[str, Stream, int], str]], Edit]:
    """An edit that changes letters in place and moves no border between words: text -> text.

    Of tagged tokens it sees all, those outside of mentions, or those of mentions; tags stay where they are. Should the
    edit join or empty tokens after all, nothing is changed.
    """

    def made(edit: Callable[[str, Stream, int], str]) -> Edit:
        @wraps(edit)
        def whole(example: Text | Tokens, rng: Stream, severity: int) -> Text | Tokens:
            if isinstance(example, Text):
                return Text(edit(example.text, rng, severity))
            tokens, tags = example.tokens, example.tags
            seen = range(len(tokens))
            chosen = [i for i in seen if where == "all" or (tags[i] == "O") == (where == "outside")]
            if not chosen:
                return example
            found = edit(BETWEEN.join(tokens[i] for i in chosen), rng, severity).split(BETWEEN)
            if len(found) != len(chosen) or not all(found):
                return example
            changed = list(tokens)
            for i, token in zip(chosen, found, strict=True):
                changed[i] = token
            return Tokens(tuple(changed), tags)

        return whole

    return made


def in_words(edit: Callable[[list[str], list[str], Stream, int], Words]) -> Edit:
    """An edit that drops, moves or inserts words: (words, tags) -> (words, tags).

    A text is split at its spaces and has no mentions. What would leave nothing is not done.
    """

    @wraps(edit)
    def whole(example: Text | Tokens, rng: Stream, severity: int) -> Text | Tokens:
        if isinstance(example, Text):
            words = example.text.split(" ")
            if not any(words):
                return example
            text = " ".join(edit(words, ["O"] * len(words), rng, severity)[0])
            return Text(text) if text.strip() else example
        if not example.tokens:
            return example
        tokens, tags = edit(list(example.tokens), list(example.tags), rng, severity)
        return Tokens(tuple(tokens), tuple(tags)) if tokens else example

    return whole


def substitute(text: str, rng: Stream, share: float, lexicon: Mapping[str, Sequence[str]]) -> str:
    """A share of the words that a lexicon of lower-case words has, each by one of its options.

    Words with a capital are names more often than not and stay, but for the first of the text. A word after "a" or
    "an" stays too where its option would ask for the other article.
    """
    parts = _WORD.split(text)
    places = [i for i in range(1, len(parts), 2) if parts[i] in lexicon]
    if len(parts) > 1 and parts[1][0].isupper() and parts[1].lower() in lexicon and not parts[1].isupper():
        places.insert(0, 1)
    if not places:
        return text
    for j, u in picks(rng, len(places), count(len(places), share)):
        i = places[j]
        old = parts[i]
        new = pick(lexicon[old] if old in lexicon else lexicon[old.lower()], u)
        if i > 2 and parts[i - 2] in ("a", "an", "A", "An") and (old[0] in _VOWELS) != (new[0] in _VOWELS):
            continue
        parts[i] = new[0].upper() + new[1:] if old[0].isupper() else new
    return "".join(parts)


def gaps(tags: Sequence[str]) -> list[int]:
    """Where a word may be put in without breaking a mention: before word i, or at the end."""
    return [i for i, tag in enumerate(tags) if tag[:2] != "I-"] + [len(tags)]


def insert(words: list[str], tags: list[str], places: Sequence[tuple[int, Sequence[str]]]) -> Words:
    """Words put in outside of mentions; `places` are pairs (before word i, new words)."""
    for i, new in sorted(places, key=lambda place: -place[0]):
        words[i:i] = new
        tags[i:i] = ["O"] * len(new)
    return words, tags


def rewrite(
    text: str, rng: Stream, share: float, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str | None]
) -> str:
    """A share of the matches of `pattern`, each by what `new` says; None leaves it."""
    changes = [(m.span(), found) for m in pattern.finditer(text) if (found := new(m)) is not None and found != m[0]]
    if not changes:
        return text
    chosen = sorted(j for j, _ in picks(rng, len(changes), count(len(changes), share)))
    pieces, at = [], 0
    for (start, end), found in (changes[j] for j in chosen):
        pieces += [text[at:start], found]
        at = end
    return "".join([*pieces, text[at:]])
