"""What can be perturbed: one small frozen class per sort of input."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Cell = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or one of the two texts of a pair."""

    modality: ClassVar[str] = "text"
    text: str

    def same(self, other: object) -> bool:
        return self == other


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a sentence and their tags in IOB2, one each."""

    modality: ClassVar[str] = "tokens"
    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    def same(self, other: object) -> bool:
        return self == other


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """`array`: uint8 [height, width, channels]."""

    modality: ClassVar[str] = "image"
    array: np.ndarray

    def same(self, other: object) -> bool:
        return isinstance(other, Image) and np.array_equal(self.array, other.array)


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """`samples`: float32 [n] in -1 to 1; `rate` in Hz."""

    modality: ClassVar[str] = "audio"
    samples: np.ndarray
    rate: int

    def same(self, other: object) -> bool:
        return isinstance(other, Audio) and self.rate == other.rate and np.array_equal(self.samples, other.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Columns of a table's row, in order; None is a missing value."""

    modality: ClassVar[str] = "row"
    values: Mapping[str, Cell]

    def same(self, other: object) -> bool:
        return isinstance(other, Row) and list(self.values.items()) == list(other.values.items())


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Other coordinates for a whole example: `x @ matrix + offset` of the ones before.

    What a model predicts in them goes back through `restored` before it is judged, and the gold stays as it is.

    Args:
        matrix: float [channels, channels], one that can be inverted. offset: float [channels].
    """

    matrix: np.ndarray
    offset: np.ndarray

    def restored(self, values: np.ndarray) -> np.ndarray:
        """[..., channels] in the coordinates before."""
        return np.asarray((values - self.offset) @ np.linalg.inv(self.matrix))


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """`values`: float [time, channels]; NaN is a missing value. `frame`: None for the coordinates of the gold."""

    modality: ClassVar[str] = "series"
    values: np.ndarray
    frame: Frame | None = None

    def same(self, other: object) -> bool:
        return isinstance(other, Series) and np.array_equal(self.values, other.values, equal_nan=True)


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """`positions`: float [time, 2], where somebody has been. `frame`: None for the coordinates of the gold."""

    modality: ClassVar[str] = "path"
    positions: np.ndarray
    frame: Frame | None = None

    def same(self, other: object) -> bool:
        return isinstance(other, Path) and np.array_equal(self.positions, other.positions)


@dataclass(frozen=True, slots=True)
class Events:
    """Items in order, such as the products that a user bought; `gold` is the one to be found, so none brings it in."""

    modality: ClassVar[str] = "events"
    items: tuple[Hashable, ...]
    gold: Hashable = None

    def same(self, other: object) -> bool:
        return self == other


Example = Text | Tokens | Image | Audio | Row | Series | Path | Events
MODALITIES = tuple(kind.modality for kind in (Text, Tokens, Image, Audio, Row, Series, Path, Events))


def spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Mentions (type, start, end) of a sentence in IOB2, `end` exclusive; a stray I- begins a mention."""
    found: list[tuple[str, int, int]] = []
    type_, start = "", 0
    for i, tag in enumerate(tags):
        if type_ and tag != f"I-{type_}":
            found.append((type_, start, i))
            type_ = ""
        if tag != "O" and not type_:
            type_, start = tag[2:], i
    return [*found, (type_, start, len(tags))] if type_ else found
