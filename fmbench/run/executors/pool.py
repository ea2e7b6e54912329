"""Several cells at a time, each in a worker process with its share of the cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

from fmbench.engine.context import Step
from fmbench.errors import CellFailed
from fmbench.run.cell import Host, Job, attempt, failed
from fmbench.run.executors.executor import Finished
from fmbench.run.executors.process import CAN_STOP, Worker, interrupts_held_back
from fmbench.run.executors.slot import Slot
from fmbench.run.executors.worker import Finished as WorkerFinished
from fmbench.run.executors.worker import Note
from fmbench.run.progress import Progress
from fmbench.run.workers import threads_each
from fmbench.suite.schema import Suite

POLL_SECONDS = 1.0


class Pool:
    """Hands out jobs in the plan's order.

    A worker that ends in the midst of a cell fails that cell, and a fresh one goes on with the rest. Measures are taken
    alone: the other workers are stopped meanwhile, and their clocks with them. Where processes cannot be stopped
    (Windows), a suite that measures has one worker only.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, suite: Suite, jobs: Sequence[Job], device: str, progress: Progress, finished: Finished) -> None:
        workers = self.workers if CAN_STOP or not suite.measures else 1
        host = Host(workers, threads_each(workers))
        for job in jobs:
            if job.error is not None:
                progress.cell_started(job.cell)
                finished(job, *attempt(suite, job, device, lambda step: None, host))
        crew = _Crew(suite, [job for job in jobs if job.error is None], device, workers, progress, finished)
        try:
            crew.work()
            crew.dismiss()
        finally:
            crew.kill()


class _Crew:
    """The workers of one run, and the jobs that none of them has yet."""

    def __init__(
        self, suite: Suite, jobs: Sequence[Job], device: str, workers: int, progress: Progress, finished: Finished
    ) -> None:
        self.suite, self.device, self.workers = suite, device, workers
        self.progress, self.finished = progress, finished
        self.threads = threads_each(workers)
        self.pending = deque(jobs)
        self.members: list[Worker] = []
        self.slot = Slot(self.members)

    def work(self) -> None:
        """Return when every job has its result."""
        for _ in range(min(self.workers, len(self.pending))):
            self._hire()
        while any(worker.job is not None for worker in self.members):
            listened_to = {worker.connection: worker for worker in self.slot.running()}
            for connection in wait(list(listened_to), timeout=POLL_SECONDS):
                self._hear(listened_to[connection])  # type: ignore[index]
            for worker in self.slot.running():
                if not worker.lives and not worker.connection.poll():
                    self._lose(worker)

    def dismiss(self) -> None:
        """Let all end in their own way; `kill` waits no longer than a while for that."""
        for worker in self.members:
            worker.dismiss()
        for worker in self.members:
            worker.bury()

    def kill(self) -> None:
        with interrupts_held_back():
            for worker in self.members:
                worker.kill()

    def _hire(self) -> None:
        worker = Worker(self.suite, self.device, self.workers, self.threads)
        self.members.append(worker)
        self._give_job(worker)
        worker.start()

    def _give_job(self, worker: Worker) -> None:
        worker.job = self.pending.popleft()
        self.progress.cell_started(worker.job.cell)
        if worker.ready:
            worker.begin(worker.job)

    def _hear(self, worker: Worker) -> None:
        if worker not in self.slot.running():
            return
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._lose(worker)
        else:
            self._answer(worker, message)

    def _answer(self, worker: Worker, message: Any) -> None:
        job = worker.job
        assert job is not None
        match message:
            case Step():
                self.progress.step(job.cell, message)
            case Note.READY:
                worker.ready = True
                worker.begin(job)
            case Note.ASK:
                self.slot.ask(worker)
            case Note.LEAVE:
                self.slot.leave(worker)
            case WorkerFinished(result, predictions):
                worker.job = None
                if self.pending:
                    self._give_job(worker)
                self.finished(job, result, predictions)

    def _lose(self, worker: Worker) -> None:
        """The process has ended by itself: its cell fails, and a fresh one takes its place if there is more to do."""
        how = worker.bury()
        self.members.remove(worker)
        self.slot.leave(worker)
        if self.pending:
            self._hire()
        if worker.job is not None:
            host, seconds = Host(self.workers, self.threads), worker.seconds
            self.finished(worker.job, failed(self.suite, worker.job, self.device, CellFailed(how), seconds, host), None)
