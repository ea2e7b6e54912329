"""Inside a worker process: it computes the cells it is sent, one at a time, and tells how they go."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from multiprocessing.connection import Connection, wait

import pyarrow as pa

from fmbench.engine.context import Step
from fmbench.run.cell import Host, attempt
from fmbench.run.result import Result
from fmbench.suite.schema import Suite

STEP_SECONDS = 0.2
"""Least time between two steps that a worker tells."""

_PR_SET_PDEATHSIG = 1


class Note(Enum):
    """What passes between a worker and the pool besides jobs, steps and results."""

    READY = "a worker is up and waits for its job"
    ASK = "a worker asks to compute alone, and waits"
    GRANT = "the pool lets it"
    LEAVE = "it is done with what it had to do alone"


@dataclass(frozen=True)
class Finished:
    """A worker has this result, and is ready for another job."""

    result: Result
    predictions: pa.Table | None


class Clock:
    """`time.monotonic`, standing still while this process is stopped, or waits to compute alone.

    Args:
        stopped: seconds, in memory shared with the pool, which adds to them just before it lets the process go on.
    """

    def __init__(self, stopped: ctypes.c_double) -> None:
        self.stopped, self.waited = stopped, 0.0

    def __call__(self) -> float:
        while True:
            stopped, now = self.stopped.value, time.monotonic()
            if self.stopped.value == stopped:  # else it was stopped between the two readings
                return now - stopped - self.waited


def serve(
    connection: Connection, stopped: ctypes.c_double, suite: Suite, device: str, workers: int, threads: int
) -> None:
    """Compute the jobs that come over `connection` until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    clock = Clock(stopped)
    host = Host(workers, threads, clock, partial(_alone, connection, clock))
    try:
        connection.send(Note.READY)
        while True:
            job = connection.recv()
            connection.send(Finished(*attempt(suite, job, device, _now_and_then(connection.send), host)))
    except (EOFError, OSError):
        return


@contextmanager
def _alone(connection: Connection, clock: Clock) -> Iterator[None]:
    asked = clock()
    connection.send(Note.ASK)
    connection.recv()
    clock.waited += clock() - asked
    try:
        yield
    finally:
        connection.send(Note.LEAVE)


def _now_and_then(tell: Callable[[Step], None]) -> Callable[[Step], None]:
    """`tell`, but not more often than every STEP_SECONDS."""
    last = float("-inf")

    def on_step(step: Step) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= STEP_SECONDS:
            last = now
            tell(step)

    return on_step


def _end_with_parent() -> None:
    """This process ends when its parent does, however that ends; on Linux even while it is stopped."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:
            os._exit(1)
    else:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
