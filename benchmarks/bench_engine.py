"""The bars under pytest-benchmark: our side is the benchmark, the ratio and its interval stand in `extra_info`."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.bars import BARS, Bar
from benchmarks.measure import measure
from benchmarks.sizes import SIZES


@pytest.mark.parametrize("bar", BARS, ids=[bar.name for bar in BARS])
def test_bar(benchmark: BenchmarkFixture, bar: Bar, request: pytest.FixtureRequest) -> None:
    missing = bar.missing()
    if missing:
        pytest.skip(missing)
    pair = bar.build(SIZES[request.config.getoption("--size")])
    row = measure(bar, pair, request.config.getoption("--rounds"))
    benchmark.extra_info.update(row.to_dict() | {"at_least": bar.at_least, "peer": bar.peer})
    with pair.ours.prepare() as state:
        benchmark.pedantic(pair.ours.run, args=(state,), rounds=1)
