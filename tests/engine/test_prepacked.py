"""Packed weights give what the layer gives, in inference alone, and never outlive a change of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from fmbench.engine import prepacked as module
from fmbench.engine.packed import PackedEncoder
from fmbench.engine.prepacked import Prepacked, has_packed_layout, is_exact_gelu

pytestmark = pytest.mark.skipif(not has_packed_layout(), reason="this build of torch has no oneDNN")


@pytest.fixture
def packings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often weights were packed."""
    calls: list[int] = []
    real: Callable[..., Tensor] = Prepacked._packed

    def counted(self: Prepacked, layer: nn.Linear) -> Tensor:
        before = self._made.get(layer)
        found = real(self, layer)
        if self._made[layer] is not before:
            calls.append(1)
        return found

    monkeypatch.setattr(Prepacked, "_packed", counted)
    return calls


@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("activation", [None, nn.functional.gelu, nn.functional.relu])
def test_it_computes_the_layer(rows: int, activation: Any, packings: list[int]) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 40), torch.randn(rows, 24)
    packed = Prepacked()
    with torch.inference_mode():
        wanted = layer(x) if activation is None else activation(layer(x))
        for _ in range(2):
            torch.testing.assert_close(packed.linear(layer, x, activation), wanted, atol=1e-5, rtol=0)
    assert len(packings) == 1


def test_training_and_other_precisions_use_the_layer_itself(packings: list[int]) -> None:
    layer, x = nn.Linear(8, 8), torch.randn(3, 8)
    packed = Prepacked()
    packed.linear(layer, x).sum().backward()
    assert layer.weight.grad is not None
    with torch.no_grad():
        packed.linear(layer, x)
    with torch.inference_mode():
        packed.linear(nn.Linear(8, 8, bias=False), x)
        packed.linear(layer.double(), x.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert packed.linear(layer.float(), x).dtype == torch.bfloat16
    assert packings == []


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_of_the_optimiser_is_seen(fused: bool) -> None:
    """Fused optimisers change weights without telling, which is why `clear` comes before training."""
    layer, x = nn.Linear(8, 8), torch.randn(3, 8)
    packed = Prepacked()
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)
    for _ in range(3):
        with torch.inference_mode():
            torch.testing.assert_close(packed.linear(layer, x), layer(x), atol=1e-5, rtol=0)
        layer(x).square().sum().backward()
        if fused:
            packed.clear()
        optimizer.step()
    with torch.no_grad():
        layer.weight.copy_(torch.randn(8, 8))
    with torch.inference_mode():
        torch.testing.assert_close(packed.linear(layer, x), layer(x), atol=1e-5, rtol=0)


def test_training_forgets_what_was_packed() -> None:
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    trunk = PackedEncoder(transformers.AutoModel.from_config(config)).eval()
    with torch.inference_mode():
        trunk(torch.arange(2, 9), torch.tensor([3, 4]))
    assert len(trunk._prepacked._made) == 6
    trunk.eval()
    assert len(trunk._prepacked._made) == 6
    trunk.train()
    assert len(trunk._prepacked._made) == 0


def test_only_the_exact_gelu_is_fused() -> None:
    acts = transformers.activations.ACT2FN
    assert is_exact_gelu(acts["gelu"])
    assert is_exact_gelu(nn.GELU())
    for other in (acts["gelu_new"], acts["gelu_pytorch_tanh"], acts["relu"], nn.GELU("tanh"), None):
        assert not is_exact_gelu(other)


def test_without_onednn_the_layer_computes(monkeypatch: pytest.MonkeyPatch, packings: list[int]) -> None:
    monkeypatch.setattr(module, "has_packed_layout", lambda: False)
    layer, x = nn.Linear(8, 8), torch.randn(3, 8)
    with torch.inference_mode():
        assert torch.equal(Prepacked().linear(layer, x), layer(x))
    assert packings == []
