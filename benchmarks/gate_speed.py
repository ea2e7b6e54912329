"""How often rules for speed cry wolf, and how often they sleep, on rounds recorded on this machine as it is now.

Rounds are recorded as `fmbench bench` does: base, base again and new in random order, in fresh processes. The rules are
then applied to processes and rounds drawn from the record; a slowdown is put in by multiplication. Peers see what they
would see: one block of samples of base and then one of new, taken from one arm's samples in the order in which they
were made (every third, so their blocks lie three times as far apart as they would alone).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_quality import Rate
from fmbench.gate.arm import WORKER as CELL_WORKER
from fmbench.gate.arm import Arm, Worker
from fmbench.gate.bench import ARMS, Bench, bench
from fmbench.gate.speed import STAGES, Block, judge_speed
from fmbench.gate.verdict import Cells

WORKER = Path(__file__).parent / "gate_worker.py"
ROOT = Path(__file__).parent.parent
CELLS = Cells("sort-and-gemm", "numpy", "none")
REPEATS = 3


@dataclass(frozen=True)
class Record:
    """Seconds by clock: float64 [processes, arms, rounds], in the order in which they were made."""

    cpu: np.ndarray
    wall: np.ndarray


def arm_of(work: float) -> Arm:
    """A sort and a matrix product."""
    return Arm((sys.executable, "-P", str(WORKER)), {"work": work}, ROOT, (ROOT,))


def arm_of_a_cell() -> Arm:
    """tfidf-logreg on sentiment-reviews, fitted anew in each process, then 100 examples a pass."""
    job = {"suite": str(ROOT / "suites/nlp-core.yaml"), "overrides": [], "model": "tfidf-logreg"}
    job |= {"task": "sentiment-reviews", "adaptation": "fit", "seed": 0, "examples": 100}
    job |= {"limit": None, "device": "cpu"}
    return Arm((sys.executable, "-P", str(CELL_WORKER)), job, ROOT, (ROOT,))


def record(processes: int, rounds: int, tell: Callable[[str], None], seed: int = 0) -> Record:
    """Rounds of three equal arms."""
    rng = np.random.default_rng(seed)
    found = np.zeros((2, processes, len(ARMS), rounds))
    for process in range(processes):
        tell(f"recording: process {process + 1} of {processes}")
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(name, arm_of(1.0), threads=1)) for name in ARMS]
            for worker in workers:
                worker.answer()
            for number in range(rounds):
                for place in rng.permutation(len(ARMS)).tolist():
                    seconds = workers[place].ask(REPEATS)
                    found[:, process, place, number] = seconds["cpu"], seconds["wall"]
    return Record(found[0], found[1])


def ours(samples: np.ndarray, slowdown: float, rng: np.random.Generator, margin: float = 0.05) -> str:
    """The verdict of the staged rule on processes drawn from the record, with its second run."""

    def once() -> str:
        blocks: list[Block] = []
        outcome = "inconclusive"
        for stage in STAGES:
            for process in rng.integers(0, len(samples), stage.processes):
                start = rng.integers(0, samples.shape[2] - stage.rounds + 1)
                base, again, new = samples[process][:, start : start + stage.rounds]
                blocks.append(Block(base, again, new * (1 + slowdown)))
            outcome = judge_speed(blocks, CELLS, "seconds", margin, stage.alpha).outcome
            if outcome != "inconclusive":
                break
        return outcome

    first = once()
    return first if first != "regression" or once() == "regression" else "inconclusive"


Rule = Callable[[np.ndarray, np.ndarray], bool]


def mean_by_ten_percent(base: np.ndarray, new: np.ndarray) -> bool:
    """pytest-benchmark: --benchmark-compare-fail=mean:10%."""
    return bool(new.mean() > 1.1 * base.mean())


def min_by_ten_percent(base: np.ndarray, new: np.ndarray) -> bool:
    """pytest-benchmark: --benchmark-compare-fail=min:10%."""
    return bool(new.min() > 1.1 * base.min())


def mann_whitney(base: np.ndarray, new: np.ndarray) -> bool:
    """google/benchmark's compare.py: two-sided U test below 0.05, and slower."""
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(base, new).pvalue < 0.05 and np.median(new) > np.median(base))


def asv(base: np.ndarray, new: np.ndarray) -> bool:
    """asv compare: U test below 0.002, and 1.1 times as slow."""
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(base, new).pvalue < 0.002 and np.median(new) > 1.1 * np.median(base))


PEERS: dict[str, Rule] = {
    "plain percentage: mean > 10 %": mean_by_ten_percent,
    "plain percentage: minimum > 10 %": min_by_ten_percent,
    "U test, p < 0.05": mann_whitney,
    "asv: U test p < 0.002 and 1.1 x": asv,
}
BLOCK = 30


def alarms(found: Record, trials: int, slowdowns: Sequence[float], seed: int = 0) -> dict[str, list[float]]:
    """Rule -> share of trials with an alarm at each slowdown."""
    table: dict[str, list[float]] = {}
    for name, rule in PEERS.items():
        stream = found.wall.transpose(1, 0, 2).reshape(len(ARMS), -1)
        starts = range(stream.shape[1] - 2 * BLOCK + 1)
        windows = [(one[i : i + BLOCK], one[i + BLOCK : i + 2 * BLOCK]) for one in stream for i in starts]
        table[f"{name}, wall time, one block after the other"] = [
            float(np.mean([rule(base, new * (1 + slow)) for base, new in windows])) for slow in slowdowns
        ]
    for clock in ("wall", "cpu"):
        rng = np.random.default_rng(seed)
        samples = getattr(found, clock)
        table[f"fmbench bench, {clock.replace('cpu', 'CPU')} time, margin 5 %"] = [
            float(np.mean([ours(samples, slow, rng) == "regression" for _ in range(trials)])) for slow in slowdowns
        ]
    return table


def spread(found: Record) -> dict[str, float]:
    """Coefficient of variation within processes, by clock: how noisy the machine was."""
    return {
        clock: float(np.median(samples.std(axis=2, ddof=1) / samples.mean(axis=2)))
        for clock, samples in (("wall", found.wall), ("cpu", found.cpu))
    }


def whole_jobs(trials: int, base: Arm, new: Arm, what: str, tell: Callable[[str], None]) -> Rate:
    """`fmbench bench` from start to end."""
    outcomes = []
    for trial in range(trials):
        speed = bench(CELLS, base, new, Bench(), seed=trial)[0]
        outcomes.append(speed.outcome)
        tell(f"{what}: {trial + 1} of {trials}, {outcomes[-1]}")
    return Rate(what, trials, outcomes.count("regression"), outcomes.count("pass"))
