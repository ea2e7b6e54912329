"""Attention over 2,000 tokens in sequences of one length: plain products beside torch's flash kernel, 12 heads."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture

from fmbench.engine.attention import attend_short

WAYS = {"products": lambda q, k, v: attend_short(q, k, v, None), "flash": F.scaled_dot_product_attention}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [5, 10, 25, 50, 100])
def test_attention(benchmark: BenchmarkFixture, length: int, way: str) -> None:
    benchmark.group = f"length {length}"
    q, k, v = (x.view(-1, length, 12, 32).transpose(1, 2) for x in torch.randn(3, 2000, 384))
    with torch.inference_mode():
        benchmark(WAYS[way], q, k, v)
