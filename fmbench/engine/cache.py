"""Arrays kept on disk under the hash of what made them."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fmbench.files import cache_folder, write_atomic

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS = 600.0
"""Longest wait for another process; after that both do the same work."""


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

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Let one process at a time make what belongs to `key`; the others wait, and should look again.

        It saves work and guards nothing: where there are no file locks, or the folder cannot be written, or another
        process holds it for LOCK_SECONDS, the block runs all the same. It must not be taken twice by the same process.
        """
        path = self.folder / key[:2] / f"{key}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("ab")
        except OSError:
            yield
            return
        with stream:
            _wait_for(stream.fileno(), time.monotonic() + LOCK_SECONDS)
            yield

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"


def _wait_for(descriptor: int, end: float) -> None:
    """Lock an open file, which closing it undoes, or give up at `end`, in seconds of `time.monotonic`."""
    pause = 0.005
    while fcntl is not None and time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        except OSError:
            return


def content_key(parts: Sequence[Any], *arrays: np.ndarray) -> str:
    """sha256 of JSON-able `parts` and of the bytes of `arrays`."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
