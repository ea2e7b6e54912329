"""A sprite is cut into its images, with labels by rows; what is no whole grid is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmbench.data.formats import Wanted
from fmbench.data.images import image_array
from fmbench.data.sprites import read_sprite
from fmbench.errors import InputError


def sprite(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(pixels)
    image.convert(mode or image.mode).save(path)
    return path


def wanted(**settings: Any) -> Wanted:
    return Wanted(("image", "label"), **{"tile": (2, 3), **settings})


@pytest.mark.parametrize("mode", [None, "RGBA"])
def test_tiles_come_in_reading_order_and_keep_their_pixels(tmp_path: Path, mode: str | None) -> None:
    pixels = np.arange(8 * 6, dtype=np.uint8).reshape(8, 6)
    rows = read_sprite(sprite(tmp_path / "s.png", pixels, mode), wanted(label_rows=2))
    assert rows.columns["label"] == ["0"] * 4 + ["1"] * 4
    assert rows.columns["id"] == [str(i) for i in range(8)]
    for i, content in enumerate(rows.columns["image"]):
        top, left = 2 * (i // 2), 3 * (i % 2)
        found = image_array(content, 2, 3, 1)[:, :, 0]
        assert found.tolist() == pixels[top : top + 2, left : left + 3].tolist()


def test_colours_stay(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 3), dtype=np.uint8)
    rows = read_sprite(sprite(tmp_path / "s.png", pixels), wanted())
    assert image_array(rows.columns["image"][1], 2, 3, 3).tolist() == pixels[:, 3:].tolist()


@pytest.mark.parametrize(
    ("shape", "settings", "what"),
    [
        ((8, 6), {"tile": None}, "a sprite needs `tile`, the height and width of one image in pixels"),
        ((8, 7), {}, "8 x 7 pixels are not whole tiles of 2 x 3"),
        ((1, 3), {}, "1 x 3 pixels are not whole tiles of 2 x 3"),
        ((6, 6), {"label_rows": 2}, "3 rows of tiles cannot be 2 to a label"),
    ],
)
def test_what_is_no_whole_grid(tmp_path: Path, shape: tuple[int, int], settings: dict[str, Any], what: str) -> None:
    path = sprite(tmp_path / "s.png", np.zeros(shape, dtype=np.uint8))
    with pytest.raises(InputError) as error:
        read_sprite(path, wanted(**settings))
    assert str(error.value) == f"{path}: {what}"


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "s.png"
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 6), dtype=np.uint8)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue()[:40])
    with pytest.raises(InputError, match="the image cannot be read: "):
        read_sprite(path, wanted())
