"""Translation edit rate (Snover et al. 2006, AMTA): edits and shifts of word blocks, over the words of the reference.

Shifts are sought greedily under the limits of tercom, in the order and with the ties of sacrebleu's own search, whose
scores these are over 100. Words are split at blanks and compared in lower case.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from fmbench.measure.summed import SummedMetric
from fmbench.measure.texts.pairs import KINDS, Texts

SHIFT_WORDS, SHIFT_DISTANCE, BEAM, CANDIDATES = 10, 50, 25, 1000
FAR = 10**9
Words = tuple[int, ...]


def edits(generated: Sequence[str], reference: Sequence[str]) -> int:
    """Least found number of insertions, deletions, substitutions and shifts that turn one into the other."""
    if not reference:
        return len(generated)
    numbers = {word: i for i, word in enumerate(dict.fromkeys([*reference, *generated]))}
    words, target = (tuple(numbers[word] for word in side) for side in (generated, reference))
    if words == target:
        return 0
    return _Search(target).edits(words)


class _Search:
    """The search for shifts towards one reference."""

    def __init__(self, target: Words) -> None:
        self.target, self.tried = target, 0
        self.places: dict[int, list[int]] = defaultdict(list)
        self.bits: dict[int, int] = defaultdict(int)
        for j, word in enumerate(target):
            self.places[word].append(j)
            self.bits[word] |= 1 << j
        self.known: dict[Words, int] = {}

    def edits(self, words: Words) -> int:
        shifts = 0
        while True:
            gain, shifted = self._best_shift(words)
            if self.tried >= CANDIDATES or gain <= 0:
                return shifts + self.distance(words)
            shifts, words = shifts + 1, shifted

    def distance(self, words: Words) -> int:
        """Edit distance within the beam; where no best path can leave the beam, by bits (Myers 1999, JACM)."""
        if words not in self.known:
            found = self._by_bits(words)
            inside = len(self.target) < BEAM or found + abs(len(self.target) - len(words)) < BEAM - 1
            self.known[words] = found if inside else _matrix(words, self.target)[-1][-1]
        return self.known[words]

    def _by_bits(self, words: Words) -> int:
        m = len(self.target)
        full, top, bits = (1 << m) - 1, 1 << (m - 1), self.bits
        up, down, found = full, 0, m
        for word in words:
            match = bits.get(word, 0)
            diagonal = (((match & up) + up) ^ up) | match | down
            right = down | (~(diagonal | up) & full)
            left = up & diagonal
            if right & top:
                found += 1
            elif left & top:
                found -= 1
            right = (right << 1) | 1
            up = ((left << 1) | (~(diagonal | right) & full)) & full
            down = diagonal & right & full
        return found

    def _best_shift(self, words: Words) -> tuple[int, Words]:
        """How much the best shift gains, and the words after it: the longest, then the earliest of the best."""
        before = self.distance(words)
        align, wrong_here, wrong_there = _alignment(words, self.target)
        best: tuple[int, int, int, int, Words] | None = None
        for start, at, length in self._matches(words):
            if not any(wrong_here[start : start + length]) or not any(wrong_there[at : at + length]):
                continue
            if start <= align[at] < start + length:
                continue
            last = -1
            for offset in range(-1, length):
                if at + offset >= len(align):
                    break
                to = 0 if at + offset < 0 else align[at + offset] + 1
                if to == last:
                    continue
                last = to
                shifted = _shifted(words, start, length, to)
                candidate = (before - self.distance(shifted), length, -start, -to, shifted)
                self.tried += 1
                if best is None or candidate > best:
                    best = candidate
            if self.tried >= CANDIDATES:
                break
        return (0, words) if best is None else (best[0], best[4])

    def _matches(self, words: Words) -> Iterator[tuple[int, int, int]]:
        """Equal blocks: start in the words, start in the reference, length."""
        target = self.target
        for start, word in enumerate(words):
            for at in self.places.get(word, ()):
                if abs(at - start) > SHIFT_DISTANCE:
                    continue
                most = min(len(words) - start, len(target) - at, SHIFT_WORDS)
                for length in range(1, most + 1):
                    if words[start + length - 1] != target[at + length - 1]:
                        break
                    yield start, at, length


def _shifted(words: Words, start: int, length: int, to: int) -> Words:
    """The block moved to before the word that stands at `to`."""
    block, end = words[start : start + length], start + length
    if to < start:
        return words[:to] + block + words[to:start] + words[end:]
    if to > end:
        return words[:start] + words[end:to] + block + words[to:]
    return words[:start] + words[end : length + to] + block + words[length + to :]


def _matrix(words: Words, target: Words) -> list[list[int]]:
    """Edit distances of all beginnings, [len(words) + 1][len(target) + 1], FAR outside of the beam."""
    n = len(target)
    ratio = n / len(words) if words else 1.0
    width = math.ceil(ratio / 2 + BEAM) if ratio / 2 > BEAM else BEAM
    above = list(range(n + 1))
    rows = [above]
    for i, word in enumerate(words, 1):
        middle = math.floor(i * ratio)
        first, last = max(0, middle - width), n + 1 if i == len(words) else min(n + 1, middle + width)
        row = [FAR] * (n + 1)
        if first == 0:
            row[0] = above[0] + 1
        for j in range(max(1, first), last):
            kept = above[j - 1] + (word != target[j - 1])
            other = above[j] if above[j] < row[j - 1] else row[j - 1]
            row[j] = kept if kept <= other else other + 1
        rows.append(row)
        above = row
    return rows


def _alignment(words: Words, target: Words) -> tuple[list[int], list[bool], list[bool]]:
    """For each word of the reference the place in the words where it is met, and which words of both sides are wrong.

    Of equal paths the one that keeps or replaces a word first, then drops one, then adds one, seen from the end.
    """
    rows = _matrix(words, target)
    i, j = len(words), len(target)
    align, here, there = [-1] * j, [False] * i, [False] * j
    while i or j:
        cost = rows[i][j]
        same = bool(i and j) and words[i - 1] == target[j - 1]
        if i and j and rows[i - 1][j - 1] + (not same) == cost:
            i, j = i - 1, j - 1
            align[j], here[i], there[j] = i, not same, not same
        elif i and rows[i - 1][j] + 1 == cost:
            i -= 1
            here[i] = True
        else:
            j -= 1
            align[j], there[j] = i - 1, True
    return align, here, there


def ter_items(generated: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Statistics float64 [n, 2]: edits to the nearest reference, and the mean length of all references."""
    found = np.zeros((len(generated), 2))
    known: dict[str, list[str]] = {}

    def words(text: str) -> list[str]:
        if text not in known:
            known[text] = text.lower().split()
        return known[text]

    for row, text, own in zip(found, generated, references, strict=True):
        row[0] = min(edits(words(text), words(reference)) for reference in own)
        row[1] = sum(len(words(reference)) for reference in own) / len(own)
    return found


def ter_value(sums: np.ndarray) -> np.ndarray:
    """Sums [..., 2] -> edits over words [...]; without words 1 if there are edits, else 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], (sums[..., 0] > 0) * 1.0)


def _items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    return ter_items(*Texts.of(predictions))


ter = SummedMetric("ter", KINDS, _items, ter_value, higher_is_better=False, range=(0.0, float("inf")))
