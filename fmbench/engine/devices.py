"""Devices behind one small interface: which to use, and how to make a run on it repeatable."""

from __future__ import annotations

import random

import numpy as np
import torch

from fmbench.errors import InputError, Problem


def pick(asked: str = "auto") -> str:
    """The device to run on. Raises InputError if the one asked for is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(asked, False):
        here = ", ".join(name for name, present in there.items() if present)
        raise InputError(Problem(f"--device {asked}: not available on this machine (available: {here})"))
    return asked


def seed_everything(seed: int) -> np.random.Generator:
    """Seed torch, numpy and random; returns the generator that orders the batches."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries below may still use the global generator
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    return np.random.default_rng(seed)


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the device's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
