"""How much a computation has to do, apart from how long it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """The useful arithmetic in a set of inputs, counted, not timed.

    Args:
        tokens: real tokens, special ones included, padding not.
        flops: forward FLOPs of real tokens in matrix products and attention, a multiply-add being two. Of a fit:
            forward and backward, over all steps.
        padded_tokens: tokens that the linear layers really computed on; equal to `tokens` where nothing is padded, and
            None where it is not counted (a fit on padded batches).
        gemm: (m, k, n) of the typical matrix product [m, k] x [k, n], which the roofline is measured at besides a
            large one; None for a shape of common encoders.
        dtype: what torch calls the precision of the products ("float32", "bfloat16").
    """

    tokens: int
    flops: float
    padded_tokens: int | None
    gemm: tuple[int, int, int] | None = None
    dtype: str = "float32"
