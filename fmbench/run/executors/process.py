"""A worker as the pool sees it: started, fed, stopped, continued and buried."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fmbench.run.cell import Job
from fmbench.run.executors.worker import serve
from fmbench.suite.schema import Suite

CAN_STOP = hasattr(signal, "SIGSTOP")
"""Whether this system can stop a process and let it go on."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What torch, NumPy and scikit-learn read when they are first imported, each in a worker that needs it."""

PATIENCE_SECONDS, STOP_SECONDS = 10.0, 1.0
"""How long a process may take to end, and to stop."""


class Worker:
    """A process of its own with one job in hand.

    Args:
        workers: how many there are, for the results; each has `threads` threads.
    """

    def __init__(self, suite: Suite, device: str, workers: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, self._theirs = context.Pipe()
        self._stopped_seconds = context.RawValue("d", 0.0)
        self._stopped_at: float | None = None
        self._environment = dict.fromkeys(THREADS, str(threads)) | {"TOKENIZERS_PARALLELISM": "false"}
        arguments = (self._theirs, self._stopped_seconds, suite, device, workers, threads)
        self._process = context.Process(target=serve, args=arguments, name="fmbench worker")
        self.job: Job | None = None
        self.ready = False
        self._began_at = self._clock()

    def start(self) -> None:
        with _environment(self._environment), interrupts_held_back():
            self._process.start()
        self._theirs.close()

    def begin(self, job: Job) -> None:
        """Send the process its job."""
        self._began_at = self._clock()
        self.send(job)

    def send(self, message: Any) -> None:
        """Nothing happens if the process has ended; the pool hears of that by itself."""
        try:
            self.connection.send(message)
        except OSError:
            pass

    @property
    def seconds(self) -> float:
        """Since the last job was sent, without those in which the process was stopped."""
        return self._clock() - self._began_at

    def _clock(self) -> float:
        return time.monotonic() - self._stopped_seconds.value

    @property
    def lives(self) -> bool:
        return self._process.pid is not None and self._process.exitcode is None

    def stop(self) -> None:
        """Ask the system to stop the process; `confirm_stopped` waits until it has."""
        if self.lives:
            os.kill(self._pid, signal.SIGSTOP)
            self._stopped_at = time.monotonic()

    def confirm_stopped(self) -> None:
        """Wait until it has stopped (or ended, or someone else let it go on), but not for long."""
        if self._stopped_at is None or not hasattr(os, "waitid"):
            return
        states, end = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG, time.monotonic() + STOP_SECONDS
        while os.waitid(os.P_PID, self._pid, states) is None and time.monotonic() < end:
            time.sleep(0.0005)
        self._stopped_at = time.monotonic()

    def go_on(self) -> None:
        """Let a stopped process go on; its clock has stood still."""
        if self._stopped_at is not None and self.lives:
            self._stopped_seconds.value += time.monotonic() - self._stopped_at
            os.kill(self._pid, signal.SIGCONT)
        self._stopped_at = None

    @property
    def _pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    def dismiss(self) -> None:
        """Tell the process that there is no more to do."""
        self.connection.close()

    def bury(self) -> str:
        """How the process ended, in words; it is made to end if it does not by itself."""
        self._process.join(PATIENCE_SECONDS)
        self.kill()
        code = self._process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        when = "" if self.ready else " while it started"
        why = " (out of memory?)" if code == -getattr(signal, "SIGKILL", 9) else ""
        return f"worker ended with {how}{when}{why}"

    def kill(self) -> None:
        """End the process now, stopped or not."""
        if self.lives:
            self._process.kill()
            self._process.join()
        self.connection.close()


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """SIGINT counts only at the end of the block, and never for processes that are started in it."""
    caught: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if main:
        signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # started inside the block it would lift the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, before)
        if caught:
            signal.raise_signal(signal.SIGINT)
