"""The timing slot: one worker at a time computes alone, while all others are stopped."""

from __future__ import annotations

from collections import deque

from fmbench.run.executors.process import Worker
from fmbench.run.executors.worker import Note


class Slot:
    """Who computes alone, and who waits for it.

    Args:
        workers: all there are; the list is the pool's, and changes with it.
    """

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.holder: Worker | None = None
        self.waiting: deque[Worker] = deque()

    def running(self) -> list[Worker]:
        """Workers that are not stopped. A stopped one may be in the midst of a message: reading it would never end."""
        return list(self.workers) if self.holder is None else [self.holder]

    def ask(self, worker: Worker) -> None:
        """`worker` waits for the slot; it may have it at once."""
        self.waiting.append(worker)
        if self.holder is None:
            self._grant()

    def leave(self, worker: Worker) -> None:
        """`worker` does not need the slot (any more), and may be gone: the others go on, or the next one gets it."""
        if worker in self.waiting:
            self.waiting.remove(worker)
        if worker is not self.holder:
            return
        for other in self.workers:
            other.go_on()
        self.holder = None
        if self.waiting:
            self._grant()

    def _grant(self) -> None:
        self.holder = self.waiting.popleft()
        others = [worker for worker in self.workers if worker is not self.holder]
        for worker in others:
            worker.stop()
        for worker in others:
            worker.confirm_stopped()
        self.holder.send(Note.GRANT)
