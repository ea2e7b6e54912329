"""Tag schemes of token classification: IOB1, IOB2, BIOES (IOBES), BILOU, BMES, read as conlleval reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

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


@dataclass(frozen=True)
class Chunks:
    """The entities of many sentences, in order, as flat arrays.

    Args:
        types: the types that occur, sorted.
        row: int64 [n], the sentence of each entity.
        start, end: int64 [n], in tokens of its sentence, `end` exclusive.
        type: int [n], index into `types`.
        offsets: int64 [sentences + 1], where each sentence begins among all tokens.
    """

    types: tuple[str, ...]
    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: np.ndarray
    offsets: np.ndarray

    def keys(self, width: int, types: Sequence[str]) -> np.ndarray:
        """One number an entity, int64 [n], equal where row, ends and type are; rising.

        Args:
            width: more than any sentence has tokens.
            types: a list that holds all of `self.types`.
        """
        place = (self.row * width + self.start) * width + self.end
        return np.asarray(place * len(types) + self.types_in(types))

    def types_in(self, types: Sequence[str]) -> np.ndarray:
        """int64 [n], each entity's type as an index into `types`, which holds all of `self.types`."""
        index = {type_: i for i, type_ in enumerate(types)}
        return np.array([index[type_] for type_ in self.types], dtype=np.int64)[self.type]


def flat(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Offsets int64 [rows + 1] from 0, and all values of a column of lists, end to end."""
    parts = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    lists = parts[0] if len(parts) == 1 else pa.concat_arrays(parts) if parts else pa.array([], column.type)
    if lists.null_count:
        lengths = np.asarray(lists.value_lengths().fill_null(0))
        return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), lists.flatten()
    offsets = np.asarray(lists.offsets, dtype=np.int64)
    return offsets - offsets[0], lists.values.slice(offsets[0], offsets[-1] - offsets[0])


def chunks(column: pa.ChunkedArray | pa.Array) -> Chunks:
    """`spans` of a column of lists of tags, all sentences at once.

    A token begins an entity, and the one before it ends one, under the very conditions of `spans`; every entity has one
    of each, so the n-th beginning and the n-th end belong together.
    """
    offsets, values = flat(column)
    encoded = values.dictionary_encode()
    tags = encoded.dictionary.to_pylist()
    codes = np.asarray(encoded.indices)
    types = tuple(sorted({tag[2:] for tag in tags if tag != "O"}))
    read = [("O", -1) if tag == "O" else (_PREFIXES[tag[0]], types.index(tag[2:])) for tag in tags] or [("O", -1)]
    apart = np.array([[a in "ES" or b in "BS" or of_a != of_b for b, of_b in read] for a, of_a in read])
    inside = np.array([prefix != "O" for prefix, _ in read]).take(codes)
    first = np.zeros(len(codes) + 1, dtype=bool)
    first[offsets] = True
    breaks = first[1:]  # whether nothing goes on from token i to token i + 1
    breaks[:-1] |= apart.ravel().take(codes[:-1] * len(read) + codes[1:])
    begins = inside.copy()
    begins[1:] &= breaks[:-1]
    start, last = np.flatnonzero(begins), np.flatnonzero(inside & breaks)
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[start]
    of_type = np.array([kind for _, kind in read])[codes[start]]
    return Chunks(types, row, start - offsets[row], last + 1 - offsets[row], of_type, offsets)


def iob2(entities: Iterable[Span], length: int) -> list[str]:
    """The tags of a sentence of `length` tokens in IOB2."""
    tags = ["O"] * length
    for type_, start, end in entities:
        tags[start] = f"B-{type_}"
        tags[start + 1 : end] = [f"I-{type_}"] * (end - start - 1)
    return tags
