"""Two sides measured in one job: fresh processes of base, base again and new, asked in random order, round by round."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fmbench.errors import FmbenchError
from fmbench.gate.speed import STAGES, Block, Stage, judge_memory, judge_speed
from fmbench.gate.verdict import Cells, Check

WORKER = Path(__file__).parent / "worker.py"
PASS_SECONDS = 0.1
"""A timed pass repeats its examples until it takes about this long."""
MOST_REPEATS = 2000
ARMS = ("base", "base again", "new")


class SideFailed(FmbenchError):
    """A side cannot be measured."""

    exit_code = 3


@dataclass(frozen=True)
class Arm:
    """How one side is run: a command that speaks the worker's lines, where, with which environment, and its job."""

    command: tuple[str, ...]
    job: dict[str, Any]
    folder: Path | None = None
    code: Path | None = None


def arm(python: Path, code: Path | None, job: dict[str, Any]) -> Arm:
    """The worker of this fmbench in another interpreter, with the fmbench of `code` (None: the one installed there)."""
    return Arm((str(python), "-P", str(WORKER)), job, code, code)


class Worker:
    """A running arm."""

    def __init__(self, name: str, arm: Arm, threads: int) -> None:
        self.name = name
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        environment = {**os.environ, **limits, "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false"}
        environment.pop("PYTHONPATH", None)
        if arm.code is not None:
            environment["PYTHONPATH"] = str(arm.code)
        self.process = subprocess.Popen(
            arm.command, cwd=arm.folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._send(arm.job)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, repeats: int) -> dict[str, Any]:
        """Seconds ("cpu", "wall", on a GPU "device") of a pass of `repeats`, and the peak memory until then."""
        self._send({"repeats": repeats})
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises SideFailed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SideFailed(f"{self.name}: its process ended with {self.process.wait()} before it answered")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise SideFailed(f"{self.name}: {found['error']}")
        return found

    def _send(self, content: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(content) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise SideFailed(f"{self.name}: its process ended with {self.process.wait()}") from None


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
    blocks: list[Block] = []
    checks: list[Check] = []
    for number, stage in enumerate(settings.stages):
        blocks += measure(base, new, stage, settings, seed=1000 * seed + number)
        speed = judge_speed(
            blocks, cells, f"{settings.clock}_seconds", settings.speed_margin, stage.alpha / settings.cells
        )
        memory = judge_memory(blocks, cells, settings.memory_margin)
        checks = [speed] if memory is None else [speed, memory]
        settings.tell(f"{cells}: {100 * speed.change:+.1f} % after {speed.n} rounds, {speed.outcome}")
        if speed.outcome != "inconclusive":
            break
    return checks


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
