"""Prediction and fine-tuning of MiniLM-L6 beside transformers and sentence-transformers.

Each benchmark times both sides in turn; the ratio and its interval stand in `extra_info`.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.pairs import compare
from benchmarks.workloads import Inference, Training, part, public_data_present

pytestmark = pytest.mark.skipif(not public_data_present(), reason="FMBENCH_DATA has no sst2")


def record(benchmark: BenchmarkFixture, ours: object, peer: object, rounds: int) -> None:
    ratio = compare(ours, peer, rounds)  # type: ignore[arg-type]
    benchmark.extra_info.update({"ratio": ratio.median, "low": ratio.low, "high": ratio.high, "peer_s": ratio.peer_s})
    benchmark.pedantic(ours, rounds=1)


@pytest.mark.parametrize("peer", ["transformers_dynamic_padding", "transformers_pipeline", "sentence_transformers"])
def test_inference(benchmark: BenchmarkFixture, peer: str) -> None:
    work = Inference(part("sst2", "test", 256)["text"].to_pylist())
    record(benchmark, work.ours(), getattr(work, peer)(), rounds=9)


@pytest.mark.parametrize("task", ["sst2", "conll2003"])
def test_finetune_beside_trainer(benchmark: BenchmarkFixture, task: str) -> None:
    work = Training(task, 256)
    record(benchmark, work.ours(), work.trainer(), rounds=7)
