"""Arrays kept on disk under the hash of what made them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
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

    def load(self, key: str) -> np.ndarray | None:
        """The array stored under `key`, or None."""
        try:
            with self._path(key).open("rb") as stream:
                return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
        except Exception:  # noqa: BLE001 - a broken header raises anything, MemoryError and TokenError included
            return None

    def store(self, key: str, array: np.ndarray) -> None:
        """Keep `array` under `key`."""
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        write_atomic(self._path(key), stream.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"


def content_key(parts: Sequence[Any], *arrays: np.ndarray) -> str:
    """sha256 of JSON-able `parts` and of the bytes of `arrays`."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
