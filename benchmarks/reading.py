"""How much memory reading takes: a JSONL file far larger than the bar, read in a process of its own.

Run as `python -m benchmarks.reading FOLDER` it is that process: it loads the task in FOLDER/task.yaml and prints the
highest resident memory of its life, pages of mapped files included, as the operating system counted it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.pairs import WHOLE, Compared, Pair, Seconds, Side, Times
from benchmarks.sizes import Size

ROOT = Path(__file__).parent.parent
LIMIT_GB = 0.5
TASK = """\
name: large
kind: text-classification
data: {files: {train: large.jsonl}}
"""


def build(size: Size) -> Pair:
    """Our "seconds" are the peak in GB of reading, checking, splitting and hashing the file; the peer's are the bar."""

    @contextmanager
    def prepared() -> Iterator[Path]:
        with TemporaryDirectory(prefix="fmbench-reading-") as folder:
            write(Path(folder), size.file_bytes)
            yield Path(folder)

    return Pair(Side(peak, prepared), None, part="peak_gb", beside=(), compare=below, warm_up=False)


def below(times: Times, part: str) -> Compared:
    """The peak, and what it may be."""
    found = times.of("ours", part)
    return found, np.full(len(found), LIMIT_GB)


def write(folder: Path, size: int) -> None:
    """A task of about `size` bytes: short texts of random words, eight labels, no two rows alike."""
    rng = random.Random(0)
    words = [f"word{rng.randrange(10**6)}" for _ in range(5000)]
    (folder / "task.yaml").write_text(TASK)
    with (folder / "large.jsonl").open("w") as stream:
        written = number = 0
        while written < size:
            text = " ".join(rng.choices(words, k=40)) + f" {number}"
            written += stream.write(json.dumps({"text": text, "label": f"class {number % 8}"}) + "\n")
            number += 1


def peak(folder: Path) -> Seconds:
    """Load it in a process of its own, from an empty cache."""
    environment = os.environ | {"FMBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.reading", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"reading ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout)
    return Seconds({WHOLE: time.perf_counter() - start, "peak_gb": found["peak_bytes"] / 1e9})


def main(folder: str) -> None:
    """Load and tell the peak."""
    from fmbench.data.dataset import load_dataset
    from fmbench.suite.loader import load_task

    data = load_dataset(load_task(Path(folder) / "task.yaml"))
    unit = 1 if sys.platform == "darwin" else 1024
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    sys.stdout.write(json.dumps({"peak_bytes": peak_bytes, "rows": data.rows, "fingerprint": data.fingerprint}))


if __name__ == "__main__":
    main(sys.argv[1])
