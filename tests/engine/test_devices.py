"""Which device a run gets, what a precision means on it, and that a seed sets every generator."""

from __future__ import annotations

import random
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch

from fmbench.engine import devices as module
from fmbench.engine.devices import CPU, device_of, pick, seed_everything
from fmbench.errors import CellFailed, InputError, MissingExtra


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick("cpu") == "cpu"
    assert pick("auto") in ("cuda", "mps", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"--device cuda: not available on this machine \(available: cpu"):
        pick("cuda")
    assert {device_of(name).name for name in ("cpu", "cuda", "mps")} == {"cpu", "cuda", "mps"}


def test_a_tpu_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    device_of.cache_clear()
    with pytest.raises(MissingExtra, match=r"'torch_tpu' is needed here: pip install 'fmbench\[tpu\]'"):
        pick("tpu")


@pytest.mark.parametrize("package", ["torch_tpu", "torch_xla"])
def test_a_tpu_is_driven_by_the_package_that_is_there(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    calls: list[str] = []
    if package == "torch_tpu":
        modules = {
            "torch_tpu": types.SimpleNamespace(),
            "torch_tpu._internal.sync": types.SimpleNamespace(synchronize=lambda wait: calls.append("sync")),
        }
        monkeypatch.setattr(module, "TORCH_TPU_DEVICE", "meta")
    else:
        modules = {"torch_xla": types.SimpleNamespace(device=lambda: "meta", sync=lambda wait: calls.append("sync"))}
    for name, found in modules.items():
        monkeypatch.setitem(sys.modules, name, found)  # type: ignore[arg-type]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name if name == package else None)
    device_of.cache_clear()
    try:
        assert pick("tpu") == "tpu"
        device = device_of("tpu")
        assert (device.place.type, device.static_shapes, device.precision("auto")) == ("meta", True, "bf16")
        device.synchronize()
        assert calls == ["sync"]
    finally:
        device_of.cache_clear()


@pytest.mark.parametrize(
    ("capabilities", "auto", "has"),
    [((), "fp32", False), (("avx512_bf16",), "bf16", True), (("avx512_bf16", "amx_bf16"), "bf16", True)],
)
def test_precision_follows_the_hardware(
    monkeypatch: pytest.MonkeyPatch, capabilities: tuple[str, ...], auto: str, has: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(capabilities, True))
    assert CPU.has_bf16() == has
    assert CPU.precision("auto") == auto
    assert CPU.precision("fp32") == "fp32"
    if has:
        assert CPU.precision("bf16") == "bf16"
    else:
        with pytest.raises(CellFailed, match="precision bf16: this cpu has no bf16 arithmetic; use fp32 or auto"):
            CPU.precision("bf16")


def test_autocast_is_only_for_bf16() -> None:
    x = torch.randn(4, 4)
    with CPU.autocast("fp32"):
        assert (x @ x).dtype == torch.float32
    with CPU.autocast("bf16"):
        assert (x @ x).dtype == torch.bfloat16


def test_arrays_are_sent_as_they_are() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(CPU.send(array).numpy(), array)
    other = replace(CPU, name="other", place=torch.device("meta"))
    assert other.send(array).device.type == "meta"


def test_a_seed_sets_every_generator() -> None:
    def draw() -> tuple[float, ...]:
        rng = seed_everything(5)
        return random.random(), np.random.rand(), float(torch.rand(1)), rng.random()  # noqa: NPY002

    assert draw() == draw()
