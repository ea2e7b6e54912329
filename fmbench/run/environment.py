"""The machine and the packages that a result was computed with, and what else the machine was doing."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("fmbench", "torch", "transformers", "tokenizers", "numpy", "scikit-learn", "pyarrow", "datasets")
ROOT = Path("/")
STEAL_PERCENT = 5.0
TICKS_UNTIL_STEAL = 8


@dataclass(frozen=True)
class Moment:
    """How busy the machine is at a moment; None where the system does not tell.

    Args:
        load_average: over one minute.
        runnable: threads of the whole machine that run or wait for a core, this one included.
        cores: cores of the whole machine, whoever may use them.
        ticks: stolen by the hypervisor, and all, since boot.
    """

    load_average: float | None = None
    runnable: int | None = None
    cores: int | None = None
    ticks: tuple[int, int] | None = None


def moment(root: Path = ROOT) -> Moment:
    """Now, from /proc/stat and /proc/loadavg."""
    fields = [line.split() for line in _text(root / "proc/stat").splitlines()]
    total = next((line[1 : 1 + TICKS_UNTIL_STEAL] for line in fields if line and line[0] == "cpu"), [])
    running = next((line[1] for line in fields if line and line[0] == "procs_running"), None)
    cores = sum(1 for line in fields if line and re.fullmatch(r"cpu\d+", line[0]))
    load = _text(root / "proc/loadavg").split()
    return Moment(
        load_average=float(load[0]) if load else None,
        runnable=None if running is None else int(running),
        cores=cores or None,
        ticks=(int(total[-1]), sum(map(int, total))) if len(total) == TICKS_UNTIL_STEAL else None,
    )


def environment(device: str, before: Moment | None = None, root: Path = ROOT) -> dict[str, Any]:
    """Machine, packages, device, threads and load, as of now; of torch only where it is imported already.

    Args:
        before: the moment at which the cell began; what the machine did since is recorded with it.
    """
    now = moment(root)
    found = _fixed(root) | {
        "cores": len(allowed_cores()),
        "cpu_governor": cpu_governor(root),
        "cpu_quota": cpu_quota(root),
        "device": device,
    }
    found |= _torch_facts(device)
    found["blas"] = blas_libraries()
    found["load_average"] = now.load_average
    found["runnable"] = now.runnable
    if before is not None:
        found["load_average_before"] = before.load_average
        found["runnable_before"] = before.runnable
        found["steal_percent"] = steal_percent(before, now)
        found["timing_doubts"] = timing_doubts(before, now, found.get("threads"), found["cpu_quota"])
    return found


def timing_doubts(before: Moment, now: Moment, threads: int | None, quota: float | None) -> list[str]:
    """Why the timings of a cell that began at `before` are not to be trusted; nothing if all is well."""
    doubts = [
        f"{at.runnable} runnable threads on {at.cores} cores {when} the cell"
        for when, at in (("before", before), ("after", now))
        if at.runnable is not None and at.cores is not None and at.runnable > at.cores
    ]
    stolen = steal_percent(before, now)
    if stolen is not None and stolen > STEAL_PERCENT:
        doubts.append(f"{stolen:g} % of the processor time stolen by the hypervisor")
    if threads is not None and quota is not None and threads > quota:
        doubts.append(f"{threads} threads on a quota of {quota:g} cores")
    return doubts


def steal_percent(before: Moment, now: Moment) -> float | None:
    """Share of all processor time between two moments that the hypervisor gave to others, in percent."""
    if before.ticks is None or now.ticks is None or now.ticks[1] <= before.ticks[1]:
        return None
    return round(100 * (now.ticks[0] - before.ticks[0]) / (now.ticks[1] - before.ticks[1]), 2)


def allowed_cores() -> list[int]:
    """Numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cpu_governor(root: Path = ROOT) -> str | None:
    """Frequency governors of the allowed cores ("performance"), None where the system does not tell (most VMs)."""
    folder = root / "sys/devices/system/cpu"
    found = {_text(folder / f"cpu{core}/cpufreq/scaling_governor").strip() for core in allowed_cores()} - {""}
    return ", ".join(sorted(found)) or None


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores' worth of processor time that control groups, version 1 or 2, leave to this process; None: no limit."""
    quotas = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("" if not controllers else "cpu")
        quotas += [quota for group in _up_to(mount, path) if (quota := _quota(group)) is not None]
    return min(quotas, default=None)


def cpu_model(root: Path = ROOT) -> str:
    lines = _text(root / "proc/cpuinfo").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def package_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def blas_libraries() -> list[str]:
    """BLAS and OpenMP libraries in this process, and their threads; torch's own BLAS is in `torch_build`."""
    from threadpoolctl import threadpool_info

    return sorted(
        {
            f"{one['internal_api']} {one['version'] or ''}".strip() + f", {one['num_threads']} threads"
            for one in threadpool_info()
        }
    )


def bf16_in_hardware(device: str) -> bool:
    """Whether the device computes bfloat16 products by itself; emulated ones are slower than fp32."""
    from fmbench.engine.devices import device_of

    return device_of(device).has_bf16()


@cache
def _fixed(root: Path) -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "cpu": cpu_model(root),
        "packages": {name: package_version(name) for name in PACKAGES},
    }


def _torch_facts(device: str) -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    found: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch_build": _torch_build(),
        "bf16_in_hardware": bf16_in_hardware(device),
    }
    if device == "cuda":
        from fmbench.measure.nvml import current_gpu

        gpu = current_gpu()
        found["gpu"] = torch.cuda.get_device_name()
        found["gpu_state"] = None if gpu is None else gpu.state()
    return found


@cache
def _torch_build() -> dict[str, Any]:
    import torch

    config = torch.__config__.show()

    def named(pattern: str) -> str | None:
        found = re.search(pattern, config)
        return found[1] if found else None

    return {
        "version": torch.__version__,
        "git": torch.version.git_version,
        "cuda": torch.version.cuda,
        "blas": named(r"BLAS_INFO=(\w+)"),
        "mkl": named(r"Math Kernel Library Version ([\d.]+)"),
        "mkldnn": named(r"MKL-DNN v([\d.]+)"),
        "cpu_capability": named(r"CPU capability usage: (\w+)"),
    }


def _up_to(mount: Path, path: str) -> Iterator[Path]:
    """The folders of a control group and of all groups around it, up to the mount."""
    group = mount / path.strip("/")
    yield group
    while group != mount and mount in group.parents:
        group = group.parent
        yield group


def _quota(group: Path) -> float | None:
    limit, _, period = _text(group / "cpu.max").strip().partition(" ")
    if not limit:
        limit, period = _text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() and int(period) else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
