"""What kinds with images or recordings have in common: files as bytes in the rows, decoded when a model reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from fmbench.data.images import image_array, image_size
from fmbench.data.rows import Rows
from fmbench.data.sound import read_wav, resampled
from fmbench.errors import Problem
from fmbench.suite.schema import Spec


class ImageOptions(Spec):
    """To which shape images are brought."""

    size: int | list[int] = Field(default=32, description="side in pixels, or [height, width]")
    channels: int = Field(default=3, description="3 for colour, 1 for grey")

    @field_validator("size")
    @classmethod
    def _positive(cls, size: int | list[int]) -> int | list[int]:
        sides = size if isinstance(size, list) else [size]
        if not all(1 <= side <= 4096 for side in sides) or (isinstance(size, list) and len(size) != 2):
            raise ValueError("a side, or [height, width], from 1 to 4096 pixels")
        return size

    @field_validator("channels")
    @classmethod
    def _known(cls, channels: int) -> int:
        if channels not in (1, 3):
            raise ValueError("3 for colour or 1 for grey")
        return channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width = self.size if isinstance(self.size, list) else (self.size, self.size)
        return height, width, self.channels

    def decode(self, content: bytes) -> np.ndarray:
        """A file as uint8 [height, width, channels]."""
        return image_array(content, *self.shape)


class SoundOptions(Spec):
    """To which rate recordings are brought, and how much of them is read."""

    sample_rate: int = Field(default=16_000, ge=100, le=384_000, description="in Hz; others are resampled")
    max_seconds: float = Field(default=10.0, gt=0, description="the rest of longer recordings is not read")

    def decode(self, content: bytes) -> np.ndarray:
        """A file as float32 [n_samples]: one channel at `sample_rate`."""
        wave, rate = read_wav(content)
        return resampled(wave[: round(self.max_seconds * rate)], rate, self.sample_rate)


class Decoded(Sequence[Any]):
    """Items of a column, decoded when they are asked for and not kept; a slice is decoded as little."""

    def __init__(self, items: Sequence[Any], decode: Callable[[Any], Any]) -> None:
        self.items, self.decode = items, decode

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Decoded: ...
    def __getitem__(self, at: int | slice) -> Any:
        return Decoded(self.items[at], self.decode) if isinstance(at, slice) else self.decode(self.items[at])


def decoded(table: pa.Table, field: str, decode: Callable[[bytes], Any]) -> Decoded:
    """The column of files as what models read."""
    return Decoded(table[field].to_pylist(), decode)


def contents(rows: Rows, field: str, check: Callable[[bytes], str | None]) -> tuple[list[Any], list[Problem]]:
    """The files of a column as bytes, and the problems of those that are missing or broken.

    A row has the bytes themselves, a mapping with `bytes` or `path` (as the hub's data sets have), or a path: absolute,
    or relative to the folder of the file that the rows came from.
    """
    folder = Path(rows.file).parent
    found: list[Any] = []
    problems = []
    for i, value in enumerate(rows.columns[field]):
        content, problem = _content(value, folder)
        problem = problem or check(content)
        if problem:
            what = f"the {field} {_name(value)}".rstrip() + f" cannot be read: {problem}"
            problems.append(Problem(what, rows.place(i)))
        found.append(content)
    return found, problems


def _content(value: Any, folder: Path) -> tuple[bytes, str | None]:
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return value, None
    if not isinstance(value, str) or not value.strip():
        return b"", "neither the bytes nor the path of a file"
    try:
        return (folder / value).read_bytes(), None
    except (OSError, ValueError) as error:
        return b"", getattr(error, "strerror", None) or str(error)


def _name(value: Any) -> str:
    path = value.get("path") if isinstance(value, dict) else value
    return path if isinstance(path, str) else ""


def resized_note(splits: dict[str, dict[str, list[Any]]], options: ImageOptions) -> list[str]:
    """How many images models do not see as they are."""
    height, width, _ = options.shape
    sizes = [image_size(content) for rows in splits.values() for content in rows["image"]]
    other = sum(size != (height, width) for size in sizes)
    return [f"{other} of {len(sizes)} images resized to {height} x {width} pixels"] if other else []


def cut_note(splits: dict[str, dict[str, list[Any]]], options: SoundOptions) -> list[str]:
    """How many recordings models do not hear as they are."""
    found = [(len(wave) / rate, rate) for rows in splits.values() for wave, rate in map(read_wav, rows["audio"])]
    cut = sum(seconds > options.max_seconds for seconds, _ in found)
    other = sum(rate != options.sample_rate for _, rate in found)
    notes = [f"{other} of {len(found)} recordings resampled to {options.sample_rate} Hz"] if other else []
    return notes + ([f"{cut} of {len(found)} recordings cut after {options.max_seconds:g} s"] if cut else [])
