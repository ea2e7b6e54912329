"""How near the work comes to the machine's arithmetic: useful floating-point operations over the rate of a bare GEMM.

The peer is a set of matrix products in float32, plain and with packed weights, run between the rounds with all threads;
each product's time is scaled to the operations of the work. The best product of all rounds is the roof, and every round
is held against it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import finetuning, inference
from benchmarks.pairs import Compared, Pair, Seconds, Side, Times
from benchmarks.sizes import BATCH, Size
from benchmarks.workloads import batch_order, examples, minilm

SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 384, 1536), (4096, 1536, 384))
"""(rows, inner, columns): two squares, and the products of MiniLM's feed-forward layer on 4,096 tokens."""
PROBE_SECONDS = 0.15
BACKWARD = 3
"""A training step is a forward pass and a backward pass of twice its operations."""


def inference_share(size: Size) -> Pair:
    """From text to answer, tokenisation included."""
    texts = inference.sentences(size)
    return Pair(Side(inference.ours(texts)), Side(gemm(forward_flops(lengths(texts)))), compare=against_roof)


def finetune_share(size: Size) -> Pair:
    """The steps after the first of one epoch on SST-2."""
    data = examples("sst2", size.train_rows, finetuning.VALIDATION_ROWS)
    settings = finetuning.settings_for("sst2", epochs=1)
    order = batch_order(size.train_rows, 1, finetuning.SEED)[BATCH:]
    flops = BACKWARD * forward_flops(lengths(data.inputs(data.train))[order])
    return Pair(finetuning.ours(data, settings), Side(gemm(flops)), part="steps", compare=against_roof)


def against_roof(times: Times, part: str) -> Compared:
    """Our seconds, and those that the same operations take at the best rate of any product in any round.

    A roof of its own for every round would be lower where a neighbour slows the machine, and flatter us.
    """
    ours = times.of("ours", part)
    roof = min(found.min() for name, found in times.sides["peer"].items() if name.startswith("gemm"))
    return ours, np.full(len(ours), roof)


@dataclass(frozen=True)
class Shape:
    """Layers and hidden size of an encoder whose feed-forward layer is four times as wide."""

    layers: int
    hidden: int

    def forward_flops(self, lengths: np.ndarray) -> float:
        """Operations of one forward pass: 24 d^2 a token and layer, and attention 4 S d; embeddings do not count."""
        a_token = 24 * self.hidden**2 + 4 * lengths * self.hidden
        return float(self.layers * (lengths * a_token).sum())


def forward_flops(lengths: np.ndarray) -> float:
    """For MiniLM-L6."""
    config: Any = minilm().network.config
    if config.intermediate_size != 4 * config.hidden_size:
        raise ValueError("the count of operations is for a feed-forward layer of four times the hidden size")
    return Shape(config.num_hidden_layers, config.hidden_size).forward_flops(lengths)


def lengths(texts: list[str]) -> np.ndarray:
    """Tokens of each text, special ones included, int64 [n]."""
    from fmbench.engine.tokenize import model_tokenizer

    return model_tokenizer(minilm(), "sequence")(texts).lengths


def gemm(flops: float) -> Any:
    """A run of matrix products; its parts "gemm RxIxC" are the seconds that `flops` operations take at their rates."""
    import torch

    from fmbench.engine.prepacked import packed_product

    def ways(rows: int, inner: int, columns: int) -> dict[str, Any]:
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        out = torch.mm(a, b)
        packed = packed_product(a, b)
        return {"plain": lambda: torch.mm(a, b, out=out)} | ({} if packed is None else {"packed": packed})

    products = {(shape, name): way for shape in SHAPES for name, way in ways(*shape).items()}

    def work(_: Any) -> Seconds:
        found = Seconds()
        with torch.inference_mode():
            for (shape, name), product in products.items():
                product()
                once = float("inf")
                end = time.perf_counter() + PROBE_SECONDS
                while time.perf_counter() < end:
                    start = time.perf_counter()
                    product()
                    once = min(once, time.perf_counter() - start)
                found[f"gemm {name} " + "x".join(map(str, shape))] = once * flops / (2 * float(np.prod(shape)))
        return found

    return work
