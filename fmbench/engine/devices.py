"""Devices behind one small interface: which to use, how to send arrays there, how to make a run repeatable."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fmbench.errors import CellFailed, InputError, MissingExtra, Problem

Precision = Literal["auto", "fp32", "bf16"]
TPU_PACKAGES = ("torch_tpu", "torch_xla")
"""TorchTPU first: PyTorch/XLA is deprecated in its favour."""
TORCH_TPU_DEVICE = "tpu"


@dataclass(frozen=True)
class Device:
    """Where tensors live, and what is different there. All that the engine knows of a device is in here.

    Args:
        name: "cpu", "cuda", "mps" or "tpu".
        place: what tensors are sent to.
        predict_tokens: tokens of a batch in prediction, to begin with.
        train_tokens: tokens of a piece of a training batch, to begin with.
        static_shapes: whether every new shape costs a compilation, so that batches are padded to a few shapes.
    """

    name: str
    place: torch.device
    predict_tokens: int
    train_tokens: int
    static_shapes: bool = False

    def send(self, array: np.ndarray) -> Tensor:
        """`array` as a tensor on the device; from pinned memory and without waiting where that helps."""
        tensor = torch.from_numpy(array)
        if self.name == "cuda":
            return tensor.pin_memory().to(self.place, non_blocking=True)
        return tensor if self.name == "cpu" else tensor.to(self.place)

    def synchronize(self) -> None:
        """Wait until everything that was asked of the device is done."""
        if self.name == "cuda":
            torch.cuda.synchronize()
        elif self.name == "mps":
            torch.mps.synchronize()
        elif self.name == "tpu":
            _tpu_module().sync()

    def release_memory(self) -> None:
        """Give back what the allocator keeps, after memory ran out."""
        if self.name == "cuda":
            torch.cuda.empty_cache()
        elif self.name == "mps":
            torch.mps.empty_cache()

    def autocast(self, precision: Precision) -> AbstractContextManager[Any]:
        """The context in which a forward pass runs at a resolved precision."""
        return torch.autocast(self.place.type, torch.bfloat16) if precision == "bf16" else nullcontext()

    def precision(self, asked: Precision) -> Precision:
        """What "auto" means here; "fp32" and "bf16" stay what they are.

        bf16 where the hardware computes in it (CUDA from Ampere on, TPUs, CPUs with AMX or avx512_bf16); elsewhere, and
        on MPS, fp32.

        Raises:
            CellFailed: bf16 is asked for where the hardware would emulate it.
        """
        if asked == "bf16" and not self.has_bf16():
            raise CellFailed(f"precision bf16: this {self.name} has no bf16 arithmetic; use fp32 or auto")
        if asked != "auto":
            return asked
        return "bf16" if self.name != "mps" and self.has_bf16() else "fp32"

    def predict_precision(self, trained_in: Precision) -> Precision:
        """The precision of predictions: that of training on accelerators; fp32 on CPUs, from packed weights."""
        return "fp32" if self.name == "cpu" else trained_in

    def has_bf16(self) -> bool:
        """Whether the hardware itself computes in bf16."""
        if self.name == "cpu":
            return cpu_capability("amx_bf16") or cpu_capability("avx512_bf16")
        if self.name == "cuda":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        if self.name == "mps":
            return torch.backends.mps.is_macos_or_newer(14, 0)
        return self.name == "tpu"


CPU = Device("cpu", torch.device("cpu"), 2048, 8192)


@cache
def device_of(name: str) -> Device:
    """The device that goes by `name`, there or not. Raises MissingExtra for a TPU without its package."""
    if name == "cuda":
        return Device("cuda", torch.device("cuda"), 32768, 32768)
    if name == "mps":
        return Device("mps", torch.device("mps"), 8192, 8192)
    if name == "tpu":
        return Device("tpu", _tpu_module().device(), 32768, 32768, static_shapes=True)
    return CPU


def pick(asked: str = "auto") -> str:
    """The device to run on. Raises InputError if the one asked for is not there."""
    if asked == "tpu":
        device_of("tpu")
        return "tpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(asked, False):
        here = ", ".join(name for name, present in there.items() if present)
        raise InputError(Problem(f"--device {asked}: not available on this machine (available: {here})"))
    return asked


def seed_everything(seed: int) -> np.random.Generator:
    """Seed torch, numpy and random; returns the generator that orders the batches.

    On CUDA the deterministic kernels are asked for too, so that a seed gives the same bits on the same card.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries below may still use the global generator
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.cuda.manual_seed_all(seed)
    return np.random.default_rng(seed)


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the device's memory is full."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def cpu_capability(name: str) -> bool:
    """Whether this CPU has the instructions that torch calls `name` ("amx_bf16", "avx512_bf16")."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get(name, False))


class _TorchTPU:
    def device(self) -> torch.device:
        importlib.import_module("torch_tpu")  # registers the device
        return torch.device(TORCH_TPU_DEVICE)

    def sync(self) -> None:
        importlib.import_module("torch_tpu._internal.sync").synchronize(wait=True)


class _TorchXLA:
    def device(self) -> torch.device:
        return torch.device(importlib.import_module("torch_xla").device())

    def sync(self) -> None:
        importlib.import_module("torch_xla").sync(wait=True)


def _tpu_module() -> _TorchTPU | _TorchXLA:
    """The driver that is installed. Raises MissingExtra if there is none."""
    found = next((name for name in TPU_PACKAGES if importlib.util.find_spec(name)), None)
    if found is None:
        raise MissingExtra(TPU_PACKAGES[0], "tpu")
    return _TorchTPU() if found == "torch_tpu" else _TorchXLA()
