"""A sprite: one picture that is a grid of images, whose classes go by rows of the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fmbench.data.formats import Wanted
from fmbench.data.images import image_array, image_problem, image_size
from fmbench.data.rows import Rows
from fmbench.errors import InputError, Place, Problem


def read_sprite(path: Path, wanted: Wanted) -> Rows:
    """The tiles of a picture from left to right and from top to bottom, as PPM files, which hold the same bytes.

    `wanted.tile` says how high and wide a tile is. `label` counts from 0, one more every `wanted.label_rows` rows of
    tiles; `id` is the number of the tile. Raises InputError where the picture cannot be read or is no whole grid.
    """
    place = Place(str(path))
    if wanted.tile is None:
        raise InputError(Problem("a sprite needs `tile`, the height and width of one image in pixels", place))
    content = path.read_bytes()
    if what := image_problem(content):
        raise InputError(Problem(f"the image cannot be read: {what}", place))
    pixels = image_array(content, *image_size(content), 3)
    height, width = wanted.tile
    down, across = pixels.shape[0] // height, pixels.shape[1] // width
    if pixels.shape[:2] != (down * height, across * width) or not down * across:
        what = f"{pixels.shape[0]} x {pixels.shape[1]} pixels are not whole tiles of {height} x {width}"
        raise InputError(Problem(what, place))
    if down % wanted.label_rows:
        raise InputError(Problem(f"{down} rows of tiles cannot be {wanted.label_rows} to a label", place))
    tiles = pixels.reshape(down, height, across, width, -1).swapaxes(1, 2).reshape(down * across, height, width, -1)
    numbers = [str(i) for i in range(len(tiles))]
    columns: dict[str, list[Any]] = {
        "image": [_ppm(tile) for tile in tiles],
        "label": [str(i // across // wanted.label_rows) for i in range(len(tiles))],
        "id": numbers,
    }
    return Rows({name: columns[name] for name in columns if name in (*wanted.fields, "id")}, str(path), names=numbers)


def _ppm(pixels: np.ndarray) -> bytes:
    """uint8 [height, width, 3] as an image file."""
    return f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n".encode() + pixels.tobytes()
