"""Image files as arrays (Pillow)."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import numpy as np


def image_problem(content: bytes) -> str | None:
    """What is wrong with an image file, None if it can be read to its end."""
    try:
        _open(content)
    except Exception as error:  # noqa: BLE001 - decoders raise anything, from SyntaxError to struct.error
        return str(error) if isinstance(error, _Unreadable) else f"{error or type(error).__name__}"
    return None


def image_size(content: bytes) -> tuple[int, int]:
    """Height and width of an image that can be read, upright."""
    from PIL import ExifTags, Image

    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def image_array(content: bytes, height: int, width: int, channels: int) -> np.ndarray:
    """An image file as uint8 [height, width, channels]; bilinear with antialiasing where the size differs.

    Args:
        channels: 3 for red, green and blue, 1 for grey (ITU-R 601-2 luma). Transparency becomes white.
    """
    from PIL import Image

    image = _open(content)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    image = image.convert("RGB" if channels == 3 else "L")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


class _Unreadable(ValueError):
    """Why an image cannot be read."""


def _open(content: bytes) -> Any:
    """The decoded image, turned upright; 16-bit grey is brought to 8 bits."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not content:
        raise _Unreadable("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
            image.load()
            image = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise _Unreadable("not an image of a known format") from None
    except (OSError, SyntaxError, struct.error, EOFError) as error:
        raise _Unreadable(str(error)) from None
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    return image
