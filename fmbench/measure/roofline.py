"""What this machine can do at the time: the rate of plain matrix products, on the same device and threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmbench.measure.evidence import Work
from fmbench.measure.timing import Clock, timed

Shape = tuple[int, int, int]

TYPICAL: Shape = (512, 384, 1536)
LARGE: dict[str, Shape] = {"cpu": (512, 1024, 1024), "mps": (2048, 2048, 2048), "cuda": (8192, 8192, 8192)}
BLOCK_SECONDS = 0.005
DISAGREE = 0.15


@dataclass(frozen=True)
class Roofline:
    """FLOP/s of matrix products just before and just after what they are compared with."""

    before: float
    after: float

    @property
    def flop_per_s(self) -> float:
        return (self.before + self.after) / 2

    @property
    def low(self) -> float:
        return min(self.before, self.after)

    @property
    def high(self) -> float:
        return max(self.before, self.after)

    def doubt(self) -> str | None:
        """Why not to trust it: the two probes differ by more than 15 % of the faster one."""
        apart = 1 - self.low / self.high
        if apart <= DISAGREE:
            return None
        rates = f"{self.before / 1e9:.1f} and {self.after / 1e9:.1f} GFLOP/s"
        return f"the GEMM probes before and after differ by {apart:.0%} ({rates}): neighbours or throttling"


def gemm_flop_per_s(work: Work, device: str, seconds: float, clock: Clock = time.perf_counter) -> float:
    """The best rate: of the shape that `work` has most and of a large one, by plain products and by packed weights."""
    import torch

    from fmbench.engine.devices import device_of

    shapes = dict.fromkeys((work.gemm or TYPICAL, LARGE.get(device, LARGE["cpu"])))
    on = device_of(device)
    with torch.inference_mode():
        ways = [(shape, way) for shape in shapes for way in _products(shape, work.dtype, on.place)]
        return max(_rate(shape, way, on.synchronize, seconds / len(ways), clock) for shape, way in ways)


def _products(shape: Shape, dtype: str, device: Any) -> list[Callable[[], object]]:
    """The ways to multiply matrices of this shape that a model may use here."""
    import torch

    from fmbench.engine.prepacked import packed_product

    m, k, n = shape
    kind = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(m, k, generator=generator).to(device, kind)
    b = torch.randn(k, n, generator=generator).to(device, kind)
    out = torch.empty(m, n, dtype=kind, device=device)
    packed = packed_product(a, b)
    return [lambda: torch.matmul(a, b, out=out), *([] if packed is None else [packed])]


def _rate(
    shape: Shape, product: Callable[[], object], synchronize: Callable[[], None], seconds: float, clock: Clock
) -> float:
    """FLOP/s: the median over blocks of at least 5 ms, at least three of them, after a first call and a block."""

    def block() -> None:
        for _ in range(calls):
            product()
        synchronize()

    calls = 1
    block()
    calls = max(1, round(BLOCK_SECONDS / max(timed(block, clock), 1e-9)))
    blocks: list[float] = []
    end = clock() + seconds
    while len(blocks) < 3 or clock() < end:
        blocks.append(timed(block, clock))
    m, k, n = shape
    return calls * 2.0 * m * k * n / float(np.median(blocks))
