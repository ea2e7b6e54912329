"""NVML through a library that answers as nvml.h says, so that it can be tested where there is no GPU."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from fmbench.measure.nvml import Gpu

UNKNOWN_GPU, NOT_SUPPORTED = 6, 3


class FakeLibrary:
    """One GPU, "GPU-1"; functions that are not in `values` are not supported."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: Any) -> int:
        if uuid != b"GPU-1":
            return UNKNOWN_GPU
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0] = 4711
        return 0

    def __getattr__(self, name: str) -> Any:
        def answer(handle: ctypes.c_void_p, *arguments: Any) -> int:
            assert handle.value == 4711
            *selectors, target = arguments
            value = self.values.get(name)
            if isinstance(value, dict):
                value = value.get(*selectors)
            if value is None:
                return NOT_SUPPORTED
            target._obj.value = value
            return 0

        return answer


def test_state_and_energy_come_in_their_units() -> None:
    gpu = Gpu(
        FakeLibrary(
            nvmlDeviceGetTotalEnergyConsumption=2**33 + 500,
            nvmlDeviceGetPowerUsage=123_456,
            nvmlDeviceGetEnforcedPowerLimit=700_000,
            nvmlDeviceGetClockInfo={1: 1755, 2: 2619},
            nvmlDeviceGetMaxClockInfo={1: 1980},
            nvmlDeviceGetTemperature={0: 41},
            nvmlDeviceGetCurrentClocksThrottleReasons=0x4 | 0x20,
        ),
        "GPU-1",
    )
    assert gpu.energy_joules() == pytest.approx((2**33 + 500) / 1e3)
    assert gpu.state() == {
        "sm_clock_mhz": 1755,
        "sm_clock_max_mhz": 1980,
        "memory_clock_mhz": 2619,
        "temperature_c": 41,
        "power_watts": 123.456,
        "power_limit_watts": 700.0,
        "throttle_reasons": ["power cap", "thermal, by software"],
    }


def test_what_the_gpu_does_not_tell_is_none() -> None:
    gpu = Gpu(FakeLibrary(), "GPU-1")
    assert gpu.energy_joules() is None
    assert set(gpu.state().values()) == {None}


def test_a_library_without_a_function_is_as_good_as_one_that_refuses() -> None:
    class Old:
        nvmlInit_v2 = FakeLibrary.nvmlInit_v2
        nvmlDeviceGetHandleByUUID = FakeLibrary.nvmlDeviceGetHandleByUUID

    assert Gpu(Old(), "GPU-1").energy_joules() is None


def test_an_unknown_gpu_is_an_error() -> None:
    with pytest.raises(OSError, match="NVML error 6"):
        Gpu(FakeLibrary(), "GPU-2")
