"""Other names in the places of names: does a tagger read the context or know the name?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

from fmbench.perturb.draws import OF_FEW, Stream, count, picks
from fmbench.perturb.examples import Tokens, spans
from fmbench.perturb.lists import rows
from fmbench.perturb.perturbation import perturbation

Mention = tuple[str, ...]
Mentions = Mapping[str, Sequence[Mention]]
"""Type -> mentions of it, each its tokens."""
Known = Mapping[str, Collection[Mention]]
"""The same as sets, where it is only asked what is among them."""
_COARSE = {
    "PER": "PER", "PERSON": "PER", "PERS": "PER", "NAME": "PER", "ORG": "ORG", "ORGANIZATION": "ORG",
    "ORGANISATION": "ORG", "CORPORATION": "ORG", "COMPANY": "ORG", "LOC": "LOC", "LOCATION": "LOC", "GPE": "LOC",
}  # fmt: skip


def mentions(sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> dict[str, tuple[Mention, ...]]:
    """The mentions of each type in (tokens, tags), such as those of the training rows: each once, sorted."""
    found: dict[str, set[Mention]] = {}
    for tokens, tags in sentences:
        for type_, start, end in spans(tags):
            found.setdefault(type_, set()).add(tuple(tokens[start:end]))
    return {type_: tuple(sorted(found[type_])) for type_ in sorted(found)}


@cache
def invented() -> dict[str, tuple[Mention, ...]]:
    """Names by coarse type PER, ORG, LOC: the products of our lists of name parts, all invented."""
    parts: dict[str, list[str]] = {}
    for row in rows("names.tsv"):
        parts.setdefault(row[0], []).extend(row[1].split(","))
    return {
        "PER": tuple((first, last) for last in parts["last"] for first in parts["first"]),
        "ORG": tuple((*one.split(" "), kind) for one in parts["organisation"] for kind in parts["sort"]),
        "LOC": tuple((start + end,) for start in parts["place"] for end in parts["ending"]),
    }


def _swapped(example: Tokens, rng: Stream, severity: int, pool: Mentions, known: Known) -> Tokens:
    """A share of the mentions that `pool` has the type of, by others of it that are not in `known`."""
    places = [span for span in spans(example.tags) if pool.get(span[0])]
    if not places:
        return example
    tokens, tags = list(example.tokens), list(example.tags)
    chosen = picks(rng, len(places), count(len(places), OF_FEW[severity]))
    for (type_, start, end), u in sorted(((places[j], u) for j, u in chosen), key=lambda one: -one[0][1]):
        old = tuple(tokens[start:end])
        new = _another(pool[type_], old, known.get(type_, ()), u)
        if new is None:
            continue
        if "".join(old).isupper() and len("".join(old)) > 3:
            new = tuple(token.upper() for token in new)
        tokens[start:end] = new
        tags[start:end] = [f"B-{type_}", *[f"I-{type_}"] * (len(new) - 1)]
    return Tokens(tuple(tokens), tuple(tags))


def _another(pool: Sequence[Mention], old: Mention, known: Collection[Mention], u: float) -> Mention | None:
    """The first at or after a random place of `pool` that is neither `old` nor known."""
    start = int(u * len(pool))
    for i in range(len(pool)):
        new = pool[(start + i) % len(pool)]
        if new != old and new not in known:
            return new
    return None


@perturbation("tokens", needs=["mentions"])
def entity_swap(example: Tokens, rng: Stream, severity: int, mentions: Mentions) -> Tokens:
    """Mentions replaced by others of the same type from a given pool, such as the training mentions."""
    return _swapped(example, rng, severity, mentions, {})


@perturbation("tokens", takes=["known"], except_languages=frozenset({"zh", "ja", "th", "ko"}))
def entity_swap_new(example: Tokens, rng: Stream, severity: int, known: Known | None = None) -> Tokens:
    """Persons, organisations and places replaced by invented ones; none that is among the known ones."""
    names = invented()
    types = {type_ for type_, _, _ in spans(example.tags)}
    pool = {type_: names[_COARSE[type_.upper()]] for type_ in types if type_.upper() in _COARSE}
    return _swapped(example, rng, severity, pool, known or {})
