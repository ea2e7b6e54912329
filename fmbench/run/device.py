"""Which device a run is for, without importing torch where no accelerator is in sight."""

from __future__ import annotations

import sys
from pathlib import Path

DEVICES = ("auto", "cpu", "cuda", "mps", "tpu")


def accelerator_in_sight() -> bool:
    """Whether the system shows a device that torch might use; a cheap look, not a promise."""
    if sys.platform == "darwin":
        return True
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists() or Path("/dev/dxg").exists()


def resolve_device(asked: str) -> str:
    """The device for one of `DEVICES`. Raises InputError if it is not there."""
    if asked == "cpu" or (asked == "auto" and not accelerator_in_sight()):
        return "cpu"
    from fmbench.engine.devices import pick

    return pick(asked)
