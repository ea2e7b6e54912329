"""How long a person waits for the command line, beside the peer's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parent.parent
FMBENCH = [sys.executable, "-m", "fmbench"]
LM_EVAL = shutil.which("lm-eval", path=str(Path(sys.executable).parent))


def run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list", "tasks"], ["check", "suites/nlp-core.yaml"]],
    ids=["help", "list-tasks", "check-nlp-core"],
)
def test_fmbench(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    benchmark.pedantic(run, args=([*FMBENCH, *arguments],), rounds=7, warmup_rounds=1)


@pytest.mark.skipif(LM_EVAL is None, reason="lm-eval is not installed beside fmbench (pip install lm-eval==0.4.13)")
@pytest.mark.parametrize("arguments", [["-h"], ["ls", "tasks"]], ids=["help", "list-tasks"])
def test_lm_eval(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    benchmark.pedantic(run, args=([str(LM_EVAL), *arguments],), rounds=3, warmup_rounds=1)


def test_finished_suite(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`fmbench run` on a suite whose cells are all there."""
    command = [*FMBENCH, "run", "suites/nlp-core.yaml", "--models", "majority,tfidf-logreg", "--out", str(tmp_path)]
    run(command)
    benchmark.pedantic(run, args=(command,), rounds=5)
