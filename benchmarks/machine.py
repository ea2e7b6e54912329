"""What a benchmark ran on."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from fmbench.run.environment import cpu_model, package_version

PACKAGES = ("fmbench", "torch", "transformers", "sentence-transformers", "accelerate", "numpy", "scikit-learn")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def load() -> str:
    """Load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{one:.2f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def machine(threads: int | None, load_before: str, load_after: str) -> dict[str, str]:
    """Facts by name, in the order of printing."""
    versions = {name: package_version(name) or "not installed" for name in PACKAGES}
    return {
        "cpu": cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(threads or "unknown"),
        "governor": GOVERNOR.read_text().strip() if GOVERNOR.is_file() else "unknown",
        "load before": load_before,
        "load after": load_after,
        "steal": _steal(),
        **versions,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _steal() -> str:
    """Share of all CPU time since the boot that the host gave to others."""
    try:
        ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, IndexError, ValueError):
        return "unknown"
    return f"{ticks[7] / sum(ticks[:8]):.1%} since boot"
