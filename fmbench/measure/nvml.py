"""NVIDIA's management library, as the driver installs it: energy, clocks, temperature, throttle reasons."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
SM_CLOCK, MEMORY_CLOCK = 1, 2
GPU_SENSOR = 0
THROTTLE_REASONS = {
    0x1: "idle",
    0x2: "application clocks",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal, by software",
    0x40: "thermal, by hardware",
    0x80: "power brake",
    0x100: "display clocks",
}


class Gpu:
    """One GPU, by its handle.

    Args:
        library: functions of nvml.h, each of which returns 0 where it worked.
        uuid: as NVML writes it, "GPU-..." or "MIG-...".

    Raises:
        OSError: the library does not start, or knows no such GPU.
    """

    def __init__(self, library: Any, uuid: str) -> None:
        self._library = library
        self._handle = ctypes.c_void_p()
        for code in (
            library.nvmlInit_v2(),
            library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(self._handle)),
        ):
            if code:
                raise OSError(f"NVML error {code}")

    def energy_joules(self) -> float | None:
        """Energy since the driver was loaded, None where the GPU does not count it."""
        millijoules = self._read("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)
        return None if millijoules is None else millijoules / 1e3

    def state(self) -> dict[str, Any]:
        """Clocks in MHz, degrees Celsius, watts and why it is slowed down, as of now; None where it does not tell."""
        milliwatts = self._read("nvmlDeviceGetPowerUsage", ctypes.c_uint)
        limit = self._read("nvmlDeviceGetEnforcedPowerLimit", ctypes.c_uint)
        reasons = self._read("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong)
        return {
            "sm_clock_mhz": self._read("nvmlDeviceGetClockInfo", ctypes.c_uint, SM_CLOCK),
            "sm_clock_max_mhz": self._read("nvmlDeviceGetMaxClockInfo", ctypes.c_uint, SM_CLOCK),
            "memory_clock_mhz": self._read("nvmlDeviceGetClockInfo", ctypes.c_uint, MEMORY_CLOCK),
            "temperature_c": self._read("nvmlDeviceGetTemperature", ctypes.c_uint, GPU_SENSOR),
            "power_watts": None if milliwatts is None else milliwatts / 1e3,
            "power_limit_watts": None if limit is None else limit / 1e3,
            "throttle_reasons": None
            if reasons is None
            else [name for bit, name in THROTTLE_REASONS.items() if reasons & bit],
        }

    def _read(self, function: str, kind: Any, *selectors: int) -> int | None:
        found = kind()
        call = getattr(self._library, function, None)
        if call is None or call(self._handle, *selectors, ctypes.byref(found)):
            return None
        return int(found.value)


@cache
def current_gpu() -> Gpu | None:
    """The GPU that torch uses now, None without torch on CUDA or without the driver's library."""
    import torch

    if not torch.cuda.is_available():
        return None
    uuid = str(getattr(torch.cuda.get_device_properties(torch.cuda.current_device()), "uuid", ""))
    try:
        return Gpu(ctypes.CDLL(LIBRARY), uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}")
    except OSError:
        return None
