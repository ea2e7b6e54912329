"""Arrays kept on disk under the hash of what made them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fmbench.files import atomic_writer, cache_folder, cache_limit

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

MAPPED_BYTES = 1 << 26
"""Larger arrays stay on disk and are mapped into memory."""
LOCK_SECONDS = 600.0
"""Longest wait for another process; after that both do the same work."""


class _Recent:
    """The arrays that this process read last, up to so many bytes; a file that has changed is read again."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.arrays: OrderedDict[Path, tuple[tuple[int, int, int], np.ndarray]] = OrderedDict()

    def get(self, path: Path, status: os.stat_result) -> np.ndarray:
        state = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self.arrays.pop(path, None)
        if known is None or known[0] != state:
            self.size -= known[1].nbytes if known else 0
            with path.open("rb") as stream:
                array = np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
            array.flags.writeable = False
            known = state, array
            self.size += array.nbytes
        self.arrays[path] = known
        while self.size > self.most and len(self.arrays) > 1:
            self.size -= self.arrays.popitem(last=False)[1][1].nbytes
        return known[1]


_RECENT = _Recent(1 << 28)


class ArrayCache:
    """A folder of arrays; a broken or foreign file counts as absent, and the longest unused go when it is full.

    Args:
        folder: "arrays" in the cache folder unless told otherwise.
        limit: bytes; `cache_limit()` unless told otherwise.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder if folder is not None else cache_folder() / "arrays"
        self.limit = cache_limit() if limit is None else limit

    def load(self, key: str) -> np.ndarray | None:
        """The array stored under `key`, read-only, or None; a large one is mapped, another read once in a process."""
        path = self._path(key)
        try:
            status = path.stat()
            array: np.ndarray
            if status.st_size > MAPPED_BYTES:
                array = np.lib.format.open_memmap(path, mode="r")
            else:
                array = _RECENT.get(path, status)
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        except Exception:  # noqa: BLE001 - a broken header raises anything, MemoryError and TokenError included
            return None
        return array

    def store(self, key: str, array: np.ndarray) -> None:
        """Keep `array` under `key`."""
        self._make_room(array.nbytes)
        with atomic_writer(self._path(key)) as stream:
            np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)

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

    def _make_room(self, wanted: int) -> None:
        """Remove the longest unused arrays until `wanted` more bytes are within the limit."""
        found = []
        for path in self.folder.glob("*/*.npy"):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((status.st_atime, status.st_size, path))
        total = wanted + sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.limit:
                return
            path.unlink(missing_ok=True)
            total -= size


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
