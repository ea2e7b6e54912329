"""Peak memory as Linux tells it, from made-up and from real /proc files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fmbench.measure.memory import peak_memory_bytes, reset_peak_memory


def test_peak_and_reset_read_the_status_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t  99 kB\nVmHWM:\t   12 kB\nVmRSS:\t    7 kB\n")
    assert peak_memory_bytes(tmp_path) == 12 * 1024
    assert reset_peak_memory(tmp_path) == 7 * 1024
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert peak_memory_bytes(tmp_path / "absent") is None
    assert reset_peak_memory(tmp_path / "absent") is None
    (tmp_path / "status").write_text("Name:\tpython\n")
    assert peak_memory_bytes(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")
def test_a_reset_forgets_what_was_freed() -> None:
    size = 80_000_000
    if reset_peak_memory() is None:
        pytest.skip("this system does not let a process reset its peak")
    block = np.ones(size, dtype=np.uint8)
    high = peak_memory_bytes()
    del block
    start = reset_peak_memory()
    low = peak_memory_bytes()
    assert high is not None
    assert low is not None
    assert start is not None
    assert high - low > 0.9 * size
    assert abs(low - start) < 0.1 * size
