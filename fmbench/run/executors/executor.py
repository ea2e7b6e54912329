"""What every executor offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import pyarrow as pa

from fmbench.run.cell import Job
from fmbench.run.progress import Progress
from fmbench.run.result import Result
from fmbench.suite.schema import Suite

Finished = Callable[[Job, Result, pa.Table | None], None]
"""Takes what came of a job: its result and, unless it failed, its predictions."""


class Executor(Protocol):
    """A way to compute jobs."""

    def run(self, suite: Suite, jobs: Sequence[Job], device: str, progress: Progress, finished: Finished) -> None:
        """Compute `jobs`, in any order; `progress` hears who starts and steps, `finished` gets each result once.

        Both are called in the thread that called `run`. What a cell raises is in its result; what `finished` raises,
        and an interrupt, end the run with nothing left behind.
        """
