"""The look of a text: case, spaces, punctuation."""

from __future__ import annotations

import re
from collections.abc import Callable

from fmbench.perturb.draws import OF_FEW, OF_WORDS, Stream, count, pick, picks
from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.perturbation import UNSPACED, perturbation
from fmbench.perturb.wording import gaps, in_letters, insert

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MARK = re.compile(r"""(?<!\w)[^\w\s\x1f]|[^\w\s\x1f](?!\w)""")
_PUNCTUATION = frozenset("""!"#%&'()*,-./:;?@[]_{}~…‘’“”«»–—、。，！？；：（）《》「」·``''""")
_CASE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_SPACES = ("", "  ", "\t", "\n", "   ", "\u00a0")
_MARKS = (",", ".", ";", ":", "-", "...")


def _of_words(text: str, rng: Stream, severity: int, new: Callable[[str], str]) -> str:
    changes = [(m.span(), found) for m in _WORD.finditer(text) if (found := new(m[0])) != m[0]]
    if not changes:
        return text
    chosen = sorted(j for j, _ in picks(rng, len(changes), count(len(changes), OF_FEW[severity])))
    pieces, at = [], 0
    for j in chosen:
        (start, end), found = changes[j]
        pieces += [text[at:start], found]
        at = end
    return "".join([*pieces, text[at:]])


@perturbation("text", "tokens")
@in_letters()
def case(text: str, rng: Stream, severity: int) -> str:
    """A share of the letters in the other case, up to a half."""
    places = [i for i, letter in enumerate(text) if letter.swapcase() != letter]
    if not places:
        return text
    letters = list(text)
    for j, _ in picks(rng, len(places), count(len(places), _CASE[severity])):
        letters[places[j]] = letters[places[j]].swapcase()
    return "".join(letters)


@perturbation("text", "tokens")
@in_letters()
def lowercase(text: str, rng: Stream, severity: int) -> str:
    """Words with capitals in lower case; all of them at severity 5."""
    return _of_words(text, rng, severity, str.lower)


@perturbation("text", "tokens")
@in_letters()
def uppercase(text: str, rng: Stream, severity: int) -> str:
    """Words in CAPITALS; all of them at severity 5."""
    return _of_words(text, rng, severity, str.upper)


@perturbation("text", "tokens")
@in_letters()
def titlecase(text: str, rng: Stream, severity: int) -> str:
    """Words with a First Capital; all of them at severity 5."""
    return _of_words(text, rng, severity, lambda word: word[0].upper() + word[1:].lower())


@perturbation("text", except_languages=UNSPACED)
def whitespace(example: Text, rng: Stream, severity: int) -> Text:
    """Spaces doubled, lost, or replaced by tabs, line breaks and no-break spaces."""
    words = example.text.split(" ")
    places = [i for i in range(1, len(words)) if words[i - 1] and words[i]]
    if not places:
        return example
    between = [" "] * len(words)
    for j, u in picks(rng, len(places), count(len(places), OF_WORDS[severity])):
        between[places[j]] = pick(_SPACES, u)
    pieces = [words[0]]
    for i in range(1, len(words)):
        pieces += [between[i], words[i]]
    return Text("".join(pieces))


@perturbation("text", "tokens")
def punctuation_drop(example: Text | Tokens, rng: Stream, severity: int) -> Text | Tokens:
    """Punctuation left out, but for that within words; of tokens, those outside of mentions."""
    if isinstance(example, Text):
        places = [m.start() for m in _MARK.finditer(example.text) if m[0] in _PUNCTUATION]
        units = list(example.text)
    else:
        pairs = zip(example.tokens, example.tags, strict=True)
        places = [i for i, (token, tag) in enumerate(pairs) if tag == "O" and _PUNCTUATION.issuperset(token)]
        units = list(example.tokens)
    if not places:
        return example
    gone = {places[j] for j, _ in picks(rng, len(places), count(len(places), OF_FEW[severity]))}
    left = [unit for i, unit in enumerate(units) if i not in gone]
    if not any(unit.strip() for unit in left):
        return example
    if isinstance(example, Text):
        return Text("".join(left))
    return Tokens(tuple(left), tuple(tag for i, tag in enumerate(example.tags) if i not in gone))


@perturbation("text", "tokens", except_languages=UNSPACED)
def punctuation_add(example: Text | Tokens, rng: Stream, severity: int) -> Text | Tokens:
    """Stray commas, points and dashes after words; of tokens, between mentions."""
    if isinstance(example, Text):
        words = example.text.split(" ")
        places = [i for i, word in enumerate(words) if word and word[-1].isalnum()]
    else:
        places = gaps(example.tags)[1:]
    if not places:
        return example
    chosen = [(places[j], pick(_MARKS, u)) for j, u in picks(rng, len(places), count(len(places), OF_WORDS[severity]))]
    if isinstance(example, Tokens):
        tokens, tags = insert(list(example.tokens), list(example.tags), [(i, [mark]) for i, mark in chosen])
        return Tokens(tuple(tokens), tuple(tags))
    for i, mark in chosen:
        words[i] += mark
    return Text(" ".join(words))
