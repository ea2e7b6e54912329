"""The rate of matrix products, and what two of them say."""

from __future__ import annotations

import pytest
import torch

from fmbench.measure.evidence import Work
from fmbench.measure.roofline import LARGE, TYPICAL, Roofline, gemm_flop_per_s

WORK = Work(tokens=100, flops=1e9, padded_tokens=100)


def test_the_roofline_is_the_mean_of_its_probes() -> None:
    roofline = Roofline(60e9, 80e9)
    assert (roofline.low, roofline.flop_per_s, roofline.high) == (60e9, 70e9, 80e9)


@pytest.mark.parametrize(("before", "after"), [(100e9, 85.1e9), (85.1e9, 100e9), (100e9, 100e9)])
def test_probes_within_fifteen_percent_raise_no_doubt(before: float, after: float) -> None:
    assert Roofline(before, after).doubt() is None


def test_probes_further_apart_do_and_tell_both_rates() -> None:
    doubt = Roofline(100e9, 80e9).doubt()
    assert doubt == "the GEMM probes before and after differ by 20% (100.0 and 80.0 GFLOP/s): neighbours or throttling"
    assert Roofline(80e9, 100e9).doubt() is not None


class ProductClock:
    """A clock that knows how long matrix products take: `seconds` by shape."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[tuple[int, int, int], list[float]]) -> None:
        self.now = 0.0
        self.dtypes: set[torch.dtype] = set()
        products = {shape: iter(times) for shape, times in seconds.items()}

        def matmul(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
            shape = (a.shape[0], a.shape[1], b.shape[1])
            assert out.shape == (shape[0], shape[2])
            self.dtypes |= {a.dtype, b.dtype, out.dtype}
            self.now += next(products[shape])
            return out

        monkeypatch.setattr(torch, "matmul", matmul)
        monkeypatch.setattr("fmbench.engine.prepacked.has_packed_layout", lambda: False)

    def __call__(self) -> float:
        return self.now


def flops(shape: tuple[int, int, int]) -> float:
    return 2.0 * shape[0] * shape[1] * shape[2]


def test_the_best_shape_gives_the_rate_by_the_median_of_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, large = (64, 32, 16), LARGE["cpu"]
    # two calls to warm up and to size the blocks, then one product a block as each takes more than 5 ms
    times = {mine: [9.0, 0.1, 0.1, 0.1, 0.1, 7.0, 0.1], large: [9.0, 8.0, 8.0, 8.0, 8.0]}
    clock = ProductClock(monkeypatch, times)
    rate = gemm_flop_per_s(Work(1, 1.0, 1, gemm=mine, dtype="bfloat16"), "cpu", 0.6, clock)
    assert rate == pytest.approx(max(flops(mine) / 0.1, flops(large) / 8.0))
    assert clock.dtypes == {torch.bfloat16}


def test_short_products_are_timed_in_blocks_of_five_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ProductClock(monkeypatch, {TYPICAL: [0.001] * 2 + [0.001] * 500, LARGE["cpu"]: [1.0] * 9})
    rate = gemm_flop_per_s(WORK, "cpu", 0.2, clock)
    assert rate == pytest.approx(flops(TYPICAL) / 0.001)


def test_this_machine_multiplies() -> None:
    assert gemm_flop_per_s(WORK, "cpu", 0.01) > 1e6
