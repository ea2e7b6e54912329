"""Tag schemes of token classification: IOB1, IOB2, BIOES (IOBES), BILOU, BMES, read as conlleval reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[str, int, int]
_PREFIXES = {"B": "B", "I": "I", "E": "E", "S": "S", "M": "I", "L": "E", "U": "S"}


def is_tag(tag: object) -> bool:
    """Whether `tag` is "O" or a known prefix, a hyphen and a type."""
    return isinstance(tag, str) and (tag == "O" or (len(tag) > 2 and tag[1] == "-" and tag[0] in _PREFIXES))


def spans(tags: Sequence[str]) -> list[Span]:
    """Entities (type, start, end) of one sentence, `end` exclusive.

    Valid and invalid sequences are read by the rules of the CoNLL-2000 script conlleval (Tjong Kim Sang and Buchholz,
    2000): a chunk starts at B and S, after the end of another, and wherever the type changes.
    """
    found: list[Span] = []
    before, type_before, start = "O", "", 0
    for i, tag in enumerate(tags):
        here, type_here = ("O", "") if tag == "O" else (_PREFIXES[tag[0]], tag[2:])
        if before != "O":
            ends = before in "ES" or here in "BSO" or type_here != type_before
            if ends:
                found.append((type_before, start, i))
        if here != "O" and (here in "BS" or before in "OES" or type_here != type_before):
            start = i
        before, type_before = here, type_here
    if before != "O":
        found.append((type_before, start, len(tags)))
    return found


def iob2(entities: Iterable[Span], length: int) -> list[str]:
    """The tags of a sentence of `length` tokens in IOB2."""
    tags = ["O"] * length
    for type_, start, end in entities:
        tags[start] = f"B-{type_}"
        tags[start + 1 : end] = [f"I-{type_}"] * (end - start - 1)
    return tags
