"""Two sides measured in one job: fresh processes of base, base again and new, asked in random order, round by round."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from fmbench.gate.arm import Arm, Worker
from fmbench.gate.speed import STAGES, Block, Stage, judge_memory, judge_speed
from fmbench.gate.verdict import Cells, Check

PASS_SECONDS = 0.1
"""A timed pass repeats its examples until it takes about this long."""
MOST_REPEATS = 2000
ARMS = ("base", "base again", "new")


@dataclass(frozen=True)
class Bench:
    """How cells are measured.

    Args:
        clock: "cpu" for cells that the CPU bounds; "device" for events of a GPU's stream; "wall" for other devices
            (calls return when their work is done).
        cells: how many are judged together; alpha is shared among them.
        tell: hears what is going on, a line at a time.
    """

    clock: str = "cpu"
    speed_margin: float = 0.05
    memory_margin: float = 0.1
    stages: tuple[Stage, ...] = STAGES
    threads: int = 1
    cells: int = 1
    tell: Callable[[str], None] = lambda line: None


def bench(cells: Cells, base: Arm, new: Arm, settings: Bench, seed: int = 0) -> list[Check]:
    """Speed, and memory where the system tells it. A regression is one only if a second run from scratch finds it too.

    Raises:
        SideFailed: a side cannot be fitted or run.
    """
    first = _until_decided(cells, base, new, settings, seed)
    if all(check.outcome != "regression" for check in first):
        return first
    settings.tell(f"{cells}: slower or larger; measured again from scratch to confirm it")
    second = {check.sort: check for check in _until_decided(cells, base, new, settings, seed + 1)}
    return [_confirmed(check, second.get(check.sort)) for check in first]


def _confirmed(check: Check, again: Check | None) -> Check:
    if check.outcome != "regression":
        return check
    if again is not None and again.outcome == "regression":
        return replace(check, note=f"{check.note}, confirmed by a second run".lstrip(", "))
    found = "" if again is None else f" ({100 * again.change:+.1f} %)"
    note = f"{check.note}, a second run did not confirm it{found}".lstrip(", ")
    return replace(check, outcome="inconclusive", note=note)


def _until_decided(cells: Cells, base: Arm, new: Arm, settings: Bench, seed: int) -> list[Check]:
    """More processes and rounds while speed or memory is undecided.

    What is said of speed stands once it is decided. Memory is judged by all processes there are, and each more can only
    take a regression away: the alarms of all stages together are no more than those of the first.
    """
    blocks: list[Block] = []
    speed: Check | None = None
    memory: Check | None = None
    for number, stage in enumerate(settings.stages):
        blocks += measure(base, new, stage, settings, seed=1000 * seed + number)
        if speed is None or speed.outcome == "inconclusive":
            alpha = stage.alpha / settings.cells
            speed = judge_speed(blocks, cells, f"{settings.clock}_seconds", settings.speed_margin, alpha)
        memory = judge_memory(blocks, cells, settings.memory_margin)
        settings.tell(f"{cells}: {100 * speed.change:+.1f} % after {speed.n} rounds, {speed.outcome}{_of(memory)}")
        if speed.outcome != "inconclusive" and (memory is None or memory.outcome != "inconclusive"):
            break
    return [check for check in (speed, memory) if check is not None]


def _of(memory: Check | None) -> str:
    if memory is None:
        return ""
    return f"; memory {100 * memory.change:+.1f} % in {memory.n} processes, {memory.outcome}"


def measure(base: Arm, new: Arm, stage: Stage, settings: Bench, seed: int = 0) -> list[Block]:
    """A block for each process of the stage; within it the arms take turns, in random order in each round."""
    rng = np.random.default_rng(seed)
    return [_block(base, new, stage.rounds, settings, rng) for _ in range(stage.processes)]


def _block(base: Arm, new: Arm, rounds: int, settings: Bench, rng: np.random.Generator) -> Block:
    with ExitStack() as stack:
        workers: list[Worker] = []
        firsts: list[float] = []
        for index in rng.permutation(len(ARMS)).tolist():
            worker = stack.enter_context(Worker(ARMS[index], (base, base, new)[index], settings.threads))
            workers.append(worker)
            firsts.append(worker.answer()[settings.clock])
        repeats = min(MOST_REPEATS, max(1, math.ceil(PASS_SECONDS / max(1e-6, min(firsts)))))
        seconds: dict[str, list[float]] = {name: [] for name in ARMS}
        peaks: dict[str, int | None] = {}
        for _ in range(rounds):
            for position in rng.permutation(len(workers)).tolist():
                worker = workers[position]
                found = worker.ask(repeats)
                seconds[worker.name].append(max(1e-9, found[settings.clock]) / repeats)
                peaks[worker.name] = found["peak"]
        timed = [np.array(seconds[name]) for name in ARMS]
        return Block(timed[0], timed[1], timed[2], _peaks(peaks))


def _peaks(found: dict[str, int | None]) -> tuple[int, int, int] | None:
    values: Sequence[int | None] = [found[name] for name in ARMS]
    known = [value for value in values if value is not None]
    return (known[0], known[1], known[2]) if len(known) == len(ARMS) else None
