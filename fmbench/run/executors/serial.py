"""One cell after another, in this process, with all its threads."""

from __future__ import annotations

from collections.abc import Sequence

from fmbench.engine.context import Step
from fmbench.run.cell import Host, Job, attempt
from fmbench.run.executors.executor import Finished
from fmbench.run.progress import Progress
from fmbench.suite.schema import Suite


class Serial:
    """Computes in the plan's order."""

    def run(self, suite: Suite, jobs: Sequence[Job], device: str, progress: Progress, finished: Finished) -> None:
        host = Host()
        for job in jobs:
            progress.cell_started(job.cell)

            def on_step(step: Step, job: Job = job) -> None:
                progress.step(job.cell, step)

            finished(job, *attempt(suite, job, device, on_step, host))
