"""Peak memory: resident (VmHWM) on Linux, allocated by torch on CUDA. Elsewhere it is unknown, not estimated.

`ru_maxrss` would not do: it survives exec, so a child of a large parent reports the parent's peak.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")


def peak_memory_bytes(process: Path = PROCESS) -> int | None:
    """Highest resident memory of this process since the last reset (VmHWM), None where the system does not tell."""
    return _status(process, "VmHWM")


def reset_peak_memory(process: Path = PROCESS) -> int | None:
    """Start a new peak, of resident memory and of torch's on CUDA.

    Returns:
        Resident bytes now, or None where the system has no peak that can be reset.
    """
    torch = _torch_with_cuda()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()
    try:
        (process / "clear_refs").write_text("5")
    except OSError:
        return None
    return _status(process, "VmRSS")


def cuda_peaks() -> tuple[int, int] | None:
    """Peak bytes that torch allocated and reserved on the current CUDA device since the last reset."""
    torch = _torch_with_cuda()
    return None if torch is None else (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved())


def _torch_with_cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _status(process: Path, field: str) -> int | None:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
