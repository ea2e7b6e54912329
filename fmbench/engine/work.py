"""How much a computation has to do, apart from how long it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """The useful part of a computation.

    Args:
        tokens: real tokens, special ones included and padding left out.
        flops: floating-point operations of matrix products and attention over real tokens.
        padded_tokens: tokens that the linear layers really computed, padding included.
    """

    tokens: int
    flops: float
    padded_tokens: int
