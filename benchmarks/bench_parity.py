"""Published scores of a pretrained encoder through the real runner: the whole cell, as `fmbench run` computes it.

`FMBENCH_DATA=... python -m pytest -o python_files="bench_*.py" benchmarks/bench_parity.py --benchmark-only`
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fmbench.run.check import check_suite
from fmbench.run.execute import execute
from fmbench.run.progress import Silent
from fmbench.run.store import Store
from fmbench.stats.seeds import over_seeds
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import Selection, plan

SUITES = Path(__file__).parent.parent / "suites" / "public"
MODEL = "minilm-l6"
pytestmark = pytest.mark.skipif(not os.environ.get("FMBENCH_DATA"), reason="no public data: set FMBENCH_DATA")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No features of an earlier run."""
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path / "cache"))


def run(name: str, adaptation: str, seeds: Sequence[int], folder: Path, *overrides: str) -> list[tuple[str, Store]]:
    """Cells of a suite as `fmbench run` runs them: their folders, and the store that they are in."""
    suite = load_suite(SUITES / f"{name}.yaml", [*overrides, "measure.efficiency=false"])
    cells = plan(suite, Selection(models=[MODEL], adaptations=[adaptation], seeds=seeds))
    store = Store(folder / name)
    execute(suite, cells, store, check_suite(suite), Silent(), "cpu")
    found = store.all()
    assert len(found) == len(cells)
    assert all(result.status == "ok" for _, result in found)
    return [(at, store) for at, _ in found]


def test_stsb_without_training(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """MTEB reports a Spearman correlation of .8203 on the test pairs."""
    ((at, store),) = benchmark.pedantic(run, args=("stsb", "zero-shot", [0], tmp_path), rounds=1)
    result = store.result(at)
    assert result is not None
    found = result.measurements[0]
    assert (found.metric, found.n) == ("spearman", 1379)
    assert found.value == pytest.approx(0.8203, abs=1e-3)
    assert found.low is not None and found.high is not None
    assert found.low <= 0.8203 <= found.high


def test_banking77_probe_of_eight_a_class(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """MTEB reports .8004, the mean over ten draws of eight training queries for each of 77 intents.

    There C is 1 on vectors of length 1, whose 384 numbers have mean squares of about 1 / 384; on standardised ones, as
    here, the same penalty is C = 1 / 384. MTEB draws from all 10,003 training rows, the suite from its 9,003.
    """
    setting = "adaptations.probe={per_class: 8, layers: [-1], C: [0.0026]}"
    cells = benchmark.pedantic(run, args=("banking77", "probe", range(10), tmp_path, setting), rounds=1)
    tables = [store.predictions(at) for at, store in cells]
    right = [np.array(table["gold"]) == np.array(table["prediction"]) for table in tables if table is not None]
    found = over_seeds([one.astype(float)[:, None] for one in right], lambda sums: sums[..., 0] / 3080)
    assert [len(one) for one in right] == [3080] * 10
    assert found.low <= 0.8004 <= found.high
    assert np.mean(right) == pytest.approx(0.8004, abs=0.01)
