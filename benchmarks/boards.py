"""Boards of synthetic results: how long a build takes after loading, how large the page is, how much memory it needs.

The bars are budgets, not peers: 60 models x 40 tasks x 3 seeds within 3 s and a page of 300 kB; 1,000 x 100 x 3 within
60 s and 2 GB of the whole process. A build is `build_board`, every page and the data files, as text.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.pairs import Compared, Pair, Seconds, Side, Times
from benchmarks.sizes import Size
from fmbench.leaderboard.build import BESIDE, DATA, render_pages
from fmbench.leaderboard.build_board import build_board
from fmbench.leaderboard.entry import Entry, Number, Task, TaskKey
from fmbench.leaderboard.export import board_csv, board_json, long_csv
from fmbench.leaderboard.feed import badge, feed
from fmbench.leaderboard.render import Site
from fmbench.leaderboard.spec import BoardFile

SMALL, LARGE = (60, 40, 3, 200), (1000, 100, 3, 100)
"""Models, tasks, seeds, test items."""
SMALL_SECONDS, SMALL_BYTES = 3.0, 300_000
LARGE_SECONDS, LARGE_BYTES = 60.0, 2_000_000_000
METHODS = ("finetune", "lora", "probe", "knn", "fit")


def tasks(count: int) -> list[Task]:
    """Accuracy tasks in eight domains."""
    return [
        Task(TaskKey("s", f"task-{t:03d}", 1, f"{t:064x}", "accuracy"), f"domain-{t % 8}", "text-classification",
             chance=0.5, ceiling=1.0, item_scores=True)
        for t in range(count)
    ]  # fmt: skip


def entries(models: int, columns: list[Task], seeds: int, items: int) -> Iterator[Entry]:
    """Right or wrong answers whose difficulty is shared within a task; one cell in fifty failed."""
    rng = np.random.default_rng(0)
    skill = rng.normal(scale=0.5, size=models)
    for task in columns:
        hard = rng.normal(size=items)
        for m in range(models):
            for seed in range(seeds):
                if m % 50 == 49 and seed == 0:
                    yield Entry(task.key, f"model-{m:04d}", METHODS[m % 5], seed, None, problem="failed: out of time")
                    continue
                right = (hard + rng.normal(size=items) < skill[m]).astype(np.float64)
                speed = Number(100.0 + m, 90.0 + m, 110.0 + m, "1/s", True)
                yield Entry(task.key, f"model-{m:04d}", METHODS[m % 5], seed, float(right.mean()), right, items,
                            {"examples_per_s": speed}, (), None, "a CPU", 10_000 * (m + 1), 100 * (m + 1))  # fmt: skip


def build(size: tuple[int, int, int, int]) -> dict[str, float]:
    """Seconds of a build, bytes of index.html and of all pages, peak bytes of this process."""
    models, n_tasks, seeds, items = size
    columns = tasks(n_tasks)
    loaded = list(entries(models, columns, seeds, items))
    start = time.perf_counter()
    board = build_board(BoardFile(board="b", title="B", suites=["s"]), columns, loaded)
    built = time.perf_counter() - start
    pages = render_pages(board, Site(files=(*DATA, *BESIDE), shards=board.pairs is not None))
    texts = [board_json(board), board_csv(board), long_csv(board), feed(board), badge(board)]
    seconds = time.perf_counter() - start
    sizes = [len(page.encode()) for page in pages.values()]
    assert len(texts) == len(DATA) + len(BESIDE)
    return {
        "seconds": seconds,
        "board_seconds": built,
        "index_bytes": len(pages["index.html"].encode()),
        "page_bytes": max(sizes),
        "pages": len(pages),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def small(size: Size) -> Pair:
    """60 models x 40 tasks x 3 seeds, against its budget of seconds."""
    return Pair(Side(lambda _: run(SMALL, SMALL_SECONDS, "index_bytes", SMALL_BYTES)), None, compare=against("seconds"))


def large(size: Size) -> Pair:
    """1,000 models x 100 tasks x 3 seeds, against its budget of seconds."""
    work = Side(lambda _: run(LARGE, LARGE_SECONDS, "peak_bytes", LARGE_BYTES))
    return Pair(work, None, compare=against("seconds"), warm_up=False)


def run(size: tuple[int, int, int, int], seconds: float, limit: str, most: int) -> Seconds:
    """A build in a process of its own. Raises RuntimeError where it is larger than allowed, whatever its time."""
    command = [sys.executable, "-m", "benchmarks.boards", *map(str, size)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if found[limit] > most:
        raise RuntimeError(f"a board of {size[0]} x {size[1]}: {limit} is {found[limit]:,.0f}, allowed are {most:,}")
    return Seconds(seconds=found["seconds"], budget=seconds)


def against(part: str) -> Callable[[Times, str], Compared]:
    """Our seconds, and those of the budget."""
    return lambda times, _: (times.of("ours", part), times.of("ours", "budget"))


if __name__ == "__main__":
    models, n_tasks, seeds, items = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(build((models, n_tasks, seeds, items))) + "\n")
