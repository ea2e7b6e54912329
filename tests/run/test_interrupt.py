"""A run that is stopped loses at most the cell in flight, and the same command goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUITE = """\
suite: slow
models: [majority, {name: bilstm, loader: bilstm, settings: {epochs: EPOCHS}}]
tasks: [sentiment-reviews]
adaptations: {fit: {}}
"""


def command(suite: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "fmbench", "run", str(suite), "--out", str(out), "--limit", "300"]


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, blow: signal.Signals) -> None:
    suite, out = tmp_path / "slow.yaml", tmp_path / "reports"
    suite.write_text(SUITE.replace("EPOCHS", "5000"))
    first = out / "slow-limit-300" / "sentiment-reviews" / "majority" / "fit" / "seed-0" / "result.json"
    second = out / "slow-limit-300" / "sentiment-reviews" / "bilstm" / "fit" / "seed-0"
    running = subprocess.Popen(
        command(suite, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        end = time.monotonic() + 60
        while not first.exists() and time.monotonic() < end and running.poll() is None:
            time.sleep(0.02)
        assert first.exists()
        running.send_signal(blow)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    if blow == signal.SIGINT:
        assert running.returncode == 130, err
        assert "interrupted: 1 of 2 cells are stored; the same command goes on from there" in err
        assert "Traceback" not in err
    else:
        assert running.returncode == -signal.SIGKILL
    assert not (second / "result.json").exists()
    assert not list(out.rglob("*.tmp"))
    kept = first.stat().st_mtime_ns
    suite.write_text(SUITE.replace("EPOCHS", "1"))
    done = subprocess.run(command(suite, out), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "1 cells computed, 1 taken from earlier runs, 0 failed" in done.stdout
    assert first.stat().st_mtime_ns == kept
    assert (second / "result.json").exists()
