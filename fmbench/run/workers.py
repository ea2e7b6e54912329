"""How many workers a run may have, and how many threads each: together never more than there are cores."""

from __future__ import annotations

import os

from fmbench.errors import InputError
from fmbench.run.environment import allowed_cores


def available_cores() -> int:
    """Cores that this process may use."""
    return len(allowed_cores())


def worker_count(asked: str, device: str) -> int:
    """The number that `--workers` means on a device ("cpu", "cuda" ...).

    Raises:
        InputError: neither a whole number from 1 nor "auto", or more than the device or the cores allow.
    """
    if asked == "auto":
        return available_cores() if device == "cpu" else 1
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked) < 2**31):
        raise InputError(f"--workers {asked}: neither a whole number from 1 nor auto")
    check_workers(int(asked), device)
    return int(asked)


def check_workers(workers: int, device: str) -> None:
    """Raises InputError for several workers on one accelerator, and for more workers than cores."""
    if workers > 1 and device != "cpu":
        raise InputError(f"--workers {workers}: several workers share the cores of the CPU; --device is {device}")
    cores = available_cores()
    if workers > max(cores, 1):
        what = "1 core" if cores == 1 else f"{cores} cores"
        raise InputError(f"--workers {workers}: at most one for each core, and this process may use {what}")


def threads_each(workers: int) -> int:
    """Threads of each of several workers: an equal share of the cores, or less if $OMP_NUM_THREADS asks for less."""
    share = max(1, available_cores() // workers)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(asked)) if asked.isdecimal() and int(asked) else share
