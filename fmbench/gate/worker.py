"""A process of its own that fits one cell and then times passes over its test examples, one for each line it reads.

It is run as a file, so that both sides of a comparison are timed by the same lines; all it imports of fmbench comes
from the side that it measures. First line in: the job, which may also be to tell what the suite file holds. Every line
out is a JSON object; `error` ends it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

WARM_UP = 2


def subject(job: dict[str, Any]) -> Callable[[], object]:
    """A call that predicts the job's examples once."""
    import random
    from pathlib import Path

    from fmbench.run.device import resolve_device
    from fmbench.run.fitted import fitted_call
    from fmbench.suite.loader import load_suite
    from fmbench.suite.plan import Selection, plan

    suite = load_suite(Path(job["suite"]), job["overrides"])
    selection = Selection([job["model"]], [job["task"]], [job["adaptation"]], [job["seed"]])
    (cell,) = plan(suite, selection)
    predict, inputs = fitted_call(suite, cell, resolve_device(job["device"]), job["limit"])
    order = list(range(len(inputs)))
    random.Random(0).shuffle(order)
    batch = [inputs[i] for i in order[: job["examples"]]]
    return lambda: predict(batch)


def contents(job: dict[str, Any]) -> dict[str, Any]:
    """What the job's suite file holds, as far as a comparison of sides needs it. Raises InputError."""
    from pathlib import Path

    from fmbench.suite.loader import load_suite
    from fmbench.suite.plan import Selection, plan

    suite = load_suite(Path(job["suite"]), job["overrides"])
    cells = plan(suite, Selection(seeds=[job["seed"]]))
    return {
        "suite": suite.name,
        "cells": [[cell.task.name, cell.model.name, cell.adaptation] for cell in cells],
        "names": {
            "model": [model.name for model in suite.models],
            "task": [task.name for task in suite.tasks],
            "adaptation": list(suite.adaptations),
        },
        "versions": {task.name: task.spec.version for task in suite.tasks},
        "gate": suite.gate.model_dump(mode="json"),
        "minutes": suite.limits.minutes_per_cell,
        "places": {task.name: [task.place.line, task.place.column] for task in suite.tasks},
    }


def contents_or_problems(job: dict[str, Any]) -> dict[str, Any]:
    """The contents, or what is wrong with the suite file, a line each."""
    from fmbench.errors import InputError

    try:
        return contents(job)
    except InputError as error:
        return {"problems": [str(problem) for problem in error.problems]}


class DeviceClock:
    """Seconds that a GPU's stream took, from an event before the work to one after it, by the device's own clock."""

    def __init__(self) -> None:
        import torch

        self._before, self._after = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        self._before.record()

    def seconds(self) -> float:
        """Since `start`, when the device has done all that was asked of it."""
        self._after.record()
        self._after.synchronize()
        return float(self._before.elapsed_time(self._after)) / 1000


def timed(call: Callable[[], object], repeats: int, device: DeviceClock | None = None) -> dict[str, float]:
    """Seconds of `repeats` calls by the clocks of the process, the wall and the device; nothing is collected inside."""
    gc.collect()
    gc.disable()
    wall, cpu = time.perf_counter(), time.process_time()
    if device is not None:
        device.start()
    for _ in range(repeats):
        call()
    found = {} if device is None else {"device": device.seconds()}
    found |= {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    gc.enable()
    return found


def peak_memory_bytes() -> int | None:
    """Highest resident memory of this process; None where the system does not tell."""
    try:
        with open("/proc/self/status") as stream:
            line = next(line for line in stream if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return 1024 * int(line.split()[1])


def serve(make: Callable[[dict[str, Any]], Callable[[], object]]) -> None:
    """Answer lines until there are no more; nothing else may write to the standard output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        job = json.loads(sys.stdin.readline())
        if job.get("contents"):
            answers.write(json.dumps(contents_or_problems(job)) + "\n")
            return
        call = make(job)
        device = DeviceClock() if job.get("device") == "cuda" else None
        for _ in range(WARM_UP):
            call()
        answers.write(json.dumps(timed(call, 1, device)) + "\n")
        for line in sys.stdin:
            found = timed(call, json.loads(line)["repeats"], device)
            answers.write(json.dumps(found | {"peak": peak_memory_bytes()}) + "\n")
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side of the pipe must hear of it
        answers.write(json.dumps({"error": " ".join(f"{type(error).__name__}: {error}".split())[:500]}) + "\n")


if __name__ == "__main__":
    serve(subject)
