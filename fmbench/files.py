"""Files that are either whole or absent, and the folder of caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def cache_folder() -> Path:
    """Where tokens, features and hashes are kept: $FMBENCH_CACHE, else fmbench under $XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("FMBENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fmbench"


def cache_limit() -> int:
    """Bytes that each sort of cache may take: $FMBENCH_CACHE_GB, else 20 GB."""
    try:
        return int(float(os.environ["FMBENCH_CACHE_GB"]) * 1e9)
    except (KeyError, ValueError):
        return 20_000_000_000


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file at `path` when the block ends well; else nothing changes.

    A reader sees the old file or the new one, and a crash leaves one of them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` whole or not at all."""
    with atomic_writer(path) as stream:
        stream.write(data)
