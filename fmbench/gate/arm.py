"""A side of a bench as a process of its own: asked line by line, not for longer than its cell may take."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmbench.errors import FmbenchError, one_line

WORKER = Path(__file__).parent / "worker.py"
TAIL_BYTES = 8192
MESSAGE = 300
GRACE_SECONDS = 5.0
"""For a process that closed its output to end, and for its reader to hear that it was killed."""


class SideFailed(FmbenchError):
    """A side cannot be measured."""

    exit_code = 3


@dataclass(frozen=True)
class Arm:
    """How one side is run: a command that speaks the worker's lines, where, with which environment, and its job.

    Args:
        folder: where it runs.
        paths: its PYTHONPATH.
        minutes: how long a process of it may be waited for, all answers together; None: for ever.
    """

    command: tuple[str, ...]
    job: dict[str, Any]
    folder: Path | None = None
    paths: tuple[Path, ...] = ()
    minutes: float | None = None


class Worker:
    """A running arm."""

    def __init__(self, name: str, arm: Arm, threads: int) -> None:
        self.name = name
        self._minutes = arm.minutes
        self._seconds_left = None if arm.minutes is None else 60 * arm.minutes
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        environment = {**os.environ, **limits, "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false"}
        environment.pop("PYTHONPATH", None)
        if arm.paths:
            environment["PYTHONPATH"] = os.pathsep.join(map(str, arm.paths))
        self._says = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self.process = subprocess.Popen(
                arm.command, cwd=arm.folder, env=environment, encoding="utf-8", errors="replace", process_group=0,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._says,
            )  # fmt: skip
        except OSError as error:
            self._says.close()
            raise SideFailed(f"{name}: {one_line(str(error))}") from None
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._send(arm.job)
        except SideFailed:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and those that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._reader.join(GRACE_SECONDS)
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        if not self._reader.is_alive():
            self.process.stdout.close()
        self._says.close()

    def ask(self, repeats: int) -> dict[str, Any]:
        """Seconds ("cpu", "wall", on a GPU "device") of a pass of `repeats`, and the peak memory until then."""
        self._send({"repeats": repeats})
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line. Raises SideFailed."""
        line = self._line()
        if not line:
            raise self._ended(" before it answered")
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SideFailed(f"{self.name}: wrote {one_line(line)[:MESSAGE]!r} where a worker's answer was expected")
        if "error" in found:
            raise SideFailed(f"{self.name}: {found['error']}")
        return found

    def _line(self) -> str:
        before = time.monotonic()
        try:
            line = self._lines.get(timeout=self._seconds_left)
        except queue.Empty:
            why = f"no answer within {self._minutes:g} minutes (limits.minutes_per_cell)"
            raise SideFailed(f"{self.name}: {why}{self._last_words()}") from None
        if self._seconds_left is not None:
            self._seconds_left = max(0.0, self._seconds_left - (time.monotonic() - before))
        return line

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _send(self, content: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(content) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended("") from None

    def _ended(self, when: str) -> SideFailed:
        try:
            how = _how(self.process.wait(GRACE_SECONDS))
        except subprocess.TimeoutExpired:
            how = "closed its output"
        return SideFailed(f"{self.name}: its process {how}{when}{self._last_words()}")

    def _last_words(self) -> str:
        """The last line of its standard error that is not empty."""
        size = self._says.seek(0, os.SEEK_END)
        self._says.seek(max(0, size - TAIL_BYTES))
        lines = re.split(r"[\r\n]+", self._says.read().decode(errors="replace"))
        said = [line for line in map(one_line, lines) if line]
        return f": {said[-1][:MESSAGE]}" if said else ""


def _how(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"ended with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
