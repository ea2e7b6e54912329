"""Linear layers in inference on CPUs, with weights in the layout that oneDNN computes fastest.

A tenth faster than the layout of `nn.Linear` (docs/benchmarks.md), and GELU comes with it. The operators are those that
torch's compiler uses for frozen weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation

TYPICAL_ROWS = 1024
"""Rows that the layout is chosen for; any number can be computed."""


class Prepacked:
    """Packed weights of linear layers, made when first used and again when a layer has changed.

    Fused optimisers change weights without raising their version, so `clear` must come before training.
    """

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[nn.Linear, tuple[tuple[int, int], Tensor]] = WeakKeyDictionary()

    def linear(self, layer: nn.Linear, x: Tensor, activation: Any = None) -> Tensor:
        """`activation(layer(x))`, x [rows, in_features]; in inference on a CPU in fp32 from packed weights."""
        if not _can(layer, x):
            out: Tensor = layer(x)
            return out if activation is None else activation(out)
        fused = is_exact_gelu(activation)
        kind, algorithm = ("gelu", "none") if fused else ("none", "")
        out = torch.ops.mkldnn._linear_pointwise(x, self._packed(layer), layer.bias, kind, [], algorithm)
        return out if fused or activation is None else activation(out)

    def clear(self) -> None:
        """Forget everything, before weights change."""
        self._made.clear()

    def _packed(self, layer: nn.Linear) -> Tensor:
        weight = layer.weight.detach()
        state = (weight.data_ptr(), layer.weight._version)
        known = self._made.get(layer)
        if known is None or known[0] != state:
            known = state, torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL_ROWS)
            self._made[layer] = known
        return known[1]


def packed_product(a: Tensor, b: Tensor) -> Callable[[], Tensor] | None:
    """`a @ b` for [m, k] and [k, n] in this way, b packed beforehand; None where it cannot be."""
    if not has_packed_layout() or a.device.type != "cpu" or a.dtype != torch.float32:
        return None
    weight = torch.ops.mkldnn._reorder_linear_weight(b.T.contiguous(), TYPICAL_ROWS)
    return lambda: torch.ops.mkldnn._linear_pointwise(a, weight, None, "none", [], "")


def is_exact_gelu(activation: Any) -> bool:
    """Whether `activation` is x Phi(x), computed by erf."""
    if isinstance(activation, GELUActivation):
        return activation.act is nn.functional.gelu
    return activation is nn.functional.gelu or (isinstance(activation, nn.GELU) and activation.approximate == "none")


def has_packed_layout() -> bool:
    """Whether this build of torch can do it."""
    return torch.backends.mkldnn.is_available() and all(
        hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


def _can(layer: nn.Linear, x: Tensor) -> bool:
    return (
        torch.is_inference_mode_enabled()
        and type(layer) is nn.Linear
        and x.dtype == layer.weight.dtype == torch.float32
        and x.device.type == "cpu"
        and layer.bias is not None
        and not torch.is_autocast_enabled("cpu")
        and has_packed_layout()
    )
