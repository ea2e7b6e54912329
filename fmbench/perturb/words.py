"""Words that go, move, come or are replaced; never within a mention."""

from __future__ import annotations

from functools import cache

from fmbench.perturb.draws import OF_WORDS, Stream, count, pick, picks
from fmbench.perturb.examples import Text, Tokens
from fmbench.perturb.lists import Lexicon, lexicon, lines, rows
from fmbench.perturb.perturbation import UNSPACED, perturbation
from fmbench.perturb.wording import Words, gaps, in_letters, in_words, insert, substitute

_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "nor",
        "neither",
        "none",
        "nothing",
        "nobody",
        "nowhere",
        "cannot",
        "hardly",
        "barely",
        "without",
        "n't",
    ]
)
_DROPPED = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
_SENTENCES = (0, 1, 1, 2, 3, 4)
_LANGUAGES = {"de": 1, "es": 2, "fr": 3}


@perturbation("text", "tokens", label="may-change", except_languages=UNSPACED)
@in_words
def word_drop(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """Words outside of mentions left out, but for negations; the word may be the one that made the label."""
    places = [
        i
        for i, word in enumerate(words)
        if word and tags[i] == "O" and not ((low := word.lower()) in _NEGATIONS or low.endswith(("n't", "n’t")))
    ]
    if len(places) < 2:
        return words, tags
    gone = {places[j] for j, _ in picks(rng, len(places), count(len(places), _DROPPED[severity]))}
    kept = [i for i in range(len(words)) if i not in gone]
    return [words[i] for i in kept], [tags[i] for i in kept]


@perturbation("text", "tokens", except_languages=UNSPACED)
@in_words
def word_order(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """Neighbouring words outside of mentions swapped."""
    places = [
        i
        for i in range(1, len(words))
        if tags[i] == tags[i - 1] == "O" and words[i - 1] != words[i] and words[i - 1][:1].isalnum()
        if words[i][-1:].isalnum()
    ]
    if not places:
        return words, tags
    taken: set[int] = set()
    for j, _ in picks(rng, len(places), count(len(places), OF_WORDS[severity])):
        i = places[j]
        if i - 1 not in taken and i not in taken:
            words[i - 1], words[i] = words[i], words[i - 1]
            taken |= {i - 1, i}
    return words, tags


@cache
def _synonyms() -> Lexicon:
    return lexicon("synonyms.tsv", 0, 2)


@perturbation("text", "tokens", languages=["en"])
@in_letters("outside")
def synonyms(text: str, rng: Stream, severity: int) -> str:
    """Words replaced by a synonym from our list, which holds only those that fit nearly everywhere."""
    return substitute(text, rng, OF_WORDS[severity] * 2, _synonyms())


@cache
def _foreign(language: str) -> Lexicon:
    return lexicon("code-switch.tsv", 0, _LANGUAGES[language])


@perturbation("text", "tokens", languages=["en"])
@in_letters("outside")
def code_switch(text: str, rng: Stream, severity: int) -> str:
    """Common English words in German, Spanish or French, one language a text."""
    return substitute(text, rng, OF_WORDS[severity] * 2, _foreign(pick(tuple(_LANGUAGES), rng.random())))


def _inserted(words: list[str], tags: list[str], rng: Stream, severity: int, name: str) -> Words:
    places, new = gaps(tags), lines(name)
    chosen = picks(rng, len(places), count(len(places), OF_WORDS[severity]))
    return insert(words, tags, [(places[j], pick(new, u).split(" ")) for j, u in chosen])


@perturbation("text", "tokens", languages=["en"])
@in_words
def fillers(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """Fillers of spoken English, such as "um" and "you know", between words."""
    return _inserted(words, tags, rng, severity, "fillers.txt")


@perturbation("text", "tokens", except_languages=UNSPACED)
@in_words
def emoji(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """Emoji that tell no mood between words."""
    return _inserted(words, tags, rng, severity, "emoji.txt")


@perturbation("text", "tokens", except_languages=UNSPACED)
@in_words
def links(words: list[str], tags: list[str], rng: Stream, severity: int) -> Words:
    """Links, @users and #tags between words, all of them invented."""
    return _inserted(words, tags, rng, severity, "links.txt")


@cache
def _sentences() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row[0].split(" ")) for row in rows("sentences.txt"))


@perturbation("text", "tokens", languages=["en"])
def sentence_added(example: Text | Tokens, rng: Stream, severity: int) -> Text | Tokens:
    """Neutral sentences about something else, one to four, before or after."""
    known = _sentences()
    before: list[str] = []
    after: list[str] = []
    for j, u in picks(rng, len(known), _SENTENCES[severity]):
        (before if u < 0.5 else after).extend(known[j])
    if isinstance(example, Tokens):
        tags = (*["O"] * len(before), *example.tags, *["O"] * len(after))
        return Tokens((*before, *example.tokens, *after), tags) if example.tokens else example
    if not example.text.strip():
        return example
    return Text(" ".join([part for part in (written(before), example.text, written(after)) if part]))


def written(tokens: list[str]) -> str:
    """Tokens of one of our sentences as a text: no space before a point or a comma."""
    return " ".join(tokens).replace(" .", ".").replace(" ,", ",")
