"""Arrays kept on disk under the hash of what made them: tokens and features."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmbench.files import cache_folder, write_atomic


class ArrayCache:
    """A folder of arrays; a broken or foreign file counts as absent.

    Args:
        folder: "arrays" in the cache folder unless told otherwise.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else cache_folder() / "arrays"

    def get(self, key: str, make: Callable[[], np.ndarray]) -> tuple[np.ndarray, bool]:
        """The array under `key`, made and stored if it is not there; and whether it was there."""
        path = self.folder / key[:2] / f"{key}.npy"
        try:
            return np.load(path, allow_pickle=False), True
        except (OSError, ValueError, EOFError):
            pass
        array = make()
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        write_atomic(path, stream.getvalue())
        return array, False


def content_key(parts: Sequence[Any], *arrays: np.ndarray) -> str:
    """sha256 of JSON-able `parts` and of the bytes of `arrays`."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
