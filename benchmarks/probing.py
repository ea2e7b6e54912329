"""Fifteen probes for the price of one pass: 5 seeds x 3 settings that share a cache, beside one forward pass."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.pairs import Pair, Seconds, Side
from benchmarks.sizes import Size
from benchmarks.workloads import dataset, fresh_cache, minilm, part, validator
from fmbench.adapt.probe import Probe
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.models.encoder import Encoder
from fmbench.registry import KINDS
from fmbench.tasks.examples import Examples

SEEDS = range(5)
SETTINGS = (Probe.Settings(), Probe.Settings(layers=[-1]), Probe.Settings(C=[0.01, 0.1, 1.0]))


@dataclass(frozen=True)
class Rows:
    """What a cell reads: rows to fit on, and texts to predict."""

    data: Examples
    test: list[str]

    @property
    def texts(self) -> list[str]:
        return [*self.data.inputs(self.data.train), *self.data.inputs(self.data.validation), *self.test]


def build(size: Size) -> Pair:
    """Our time is that of all 15 cells from an empty cache, fits and test predictions; the peer's that of the pass.

    The part "first cell" holds the pass; "other cells" is what the other 14 cost together.
    """
    half = size.probe_rows // 2
    data = Examples(
        KINDS["text-classification"],
        dataset("sst2").labels,
        part("sst2", "train", size.probe_rows),
        part("sst2", "validation", half),
    )
    rows = Rows(data, part("sst2", "test", half)["text"].to_pylist())
    return Pair(
        Side(lambda state: cells(state[0], state[1], rows), _prepare),
        Side(lambda state: one_pass(state[0], rows), _prepare),
    )


@contextmanager
def _prepare() -> Iterator[tuple[Encoder, ArrayCache]]:
    with fresh_cache() as cache:
        yield minilm(), cache


def cells(model: Encoder, cache: ArrayCache, rows: Rows) -> Seconds:
    """Every seed and setting, one after the other."""
    first = None
    start = time.perf_counter()
    for settings in SETTINGS:
        for seed in SEEDS:
            context = FitContext(seed, "cpu", validator(rows.data), cache=cache)
            Probe.fit(model, rows.data, settings, context).scorer.predict(rows.test)
            first = first or time.perf_counter()
    assert first is not None
    return Seconds({"first cell": first - start, "other cells": time.perf_counter() - first})


def one_pass(model: Encoder, rows: Rows) -> None:
    """All texts through all layers once, by our own engine."""
    from fmbench.engine.features import FrozenEncoder

    encoder = FrozenEncoder(model, "sequence", "cpu")
    encoder.features(rows.texts, encoder.n_layers)
