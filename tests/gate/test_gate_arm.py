"""A side's process that dies, hangs or talks nonsense: one line that says what happened, and the others go on."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from gated import command

from fmbench.gate.arm import Arm, SideFailed, Worker
from fmbench.gate.bench import Bench
from fmbench.gate.speed import Stage

FIRST = "import json, os, signal, sys, time\njob = json.loads(sys.stdin.readline())\n"
READY = 'print(json.dumps({"cpu": 0.05}), flush=True)\nsys.stdin.readline()\n'


def arm(folder: Path, lines: str, minutes: float | None = None) -> Arm:
    """A process that reads its job and then does `lines`."""
    (folder / "side.py").write_text(FIRST + lines)
    return Arm((sys.executable, str(folder / "side.py")), {}, minutes=minutes)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("sys.exit(7)", "new: its process ended with 7 before it answered"),
        ("sys.exit('no room\\n\\n')", "new: its process ended with 1 before it answered: no room"),
        ("raise OSError('disk full')", "ended with 1 before it answered: OSError: disk full"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL (out of memory?) before it answered"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV before it answered"),
        ("sys.stderr.write('1 %\\r2 %\\r'); sys.exit(3)", "ended with 3 before it answered: 2 %"),
        ("print('hello')\nsys.stdin.readline()", "new: wrote 'hello' where a worker's answer was expected"),
        ("print(json.dumps({'error': 'ValueError: no'}))", "new: ValueError: no"),
    ],
)
def test_how_a_side_ended_and_its_last_words_are_in_the_message(tmp_path: Path, lines: str, says: str) -> None:
    with Worker("new", arm(tmp_path, lines), 1) as worker, pytest.raises(SideFailed) as failed:
        worker.answer()
    assert says in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_side_that_dies_between_two_passes_is_named_too(tmp_path: Path) -> None:
    lines = READY + "sys.stderr.write('Killed\\n')\nos.kill(os.getpid(), signal.SIGKILL)"
    with Worker("base again", arm(tmp_path, lines), 1) as worker:
        worker.answer()
        with pytest.raises(SideFailed, match=r"base again: .* killed by SIGKILL \(out of memory\?\).*: Killed"):
            worker.ask(1)
            worker.ask(1)


def test_a_side_that_hangs_is_ended_with_all_that_it_started_when_its_minutes_are_over(tmp_path: Path) -> None:
    lines = "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
    lines += f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\ntime.sleep(600)"
    before = time.monotonic()
    with Worker("new", arm(tmp_path, lines, minutes=0.1), 1) as worker, pytest.raises(SideFailed) as failed:
        worker.answer()
    assert time.monotonic() - before < 60
    assert "new: no answer within 0.1 minutes (limits.minutes_per_cell)" in str(failed.value)
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    if Path("/proc").is_dir():
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_minutes_are_those_of_all_answers_together(tmp_path: Path) -> None:
    answers = 'for line in sys.stdin:\n    time.sleep(0.5)\n    print(json.dumps({"cpu": 1.0}), flush=True)\n'
    with Worker("new", arm(tmp_path, answers, minutes=2 / 60), 1) as worker, pytest.raises(SideFailed, match="minutes"):
        for _ in range(20):
            worker.ask(1)


def test_a_command_that_cannot_be_started_is_a_side_that_failed(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("not a program")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(SideFailed, match=r"new: .*Exec format error"):
        Worker("new", Arm((str(tmp_path / "python"),), {}), 1)


def test_a_cell_that_hangs_is_refused_after_the_suites_minutes_and_the_others_are_measured(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmbench.gate.bench.Bench", partial(Bench, stages=(Stage(1, 2, 0.01),)))
    other = tmp_path / "python"
    other.write_text(
        f"#!{sys.executable}\n{FIRST}"
        'if job["model"] == "majority":\n    time.sleep(600)\n'
        'print(json.dumps({"cpu": 0.05}), flush=True)\n'
        "for line in sys.stdin:\n"
        '    print(json.dumps({"cpu": 0.1 * json.loads(line)["repeats"], "peak": 5}), flush=True)\n'
    )
    other.chmod(0o755)
    suite.write_text(suite.read_text() + "limits: {minutes_per_cell: 0.1}\n")
    options = ["--suite", suite, "--base-python", other, "--new-python", other, "--json", "-"]
    code, out, _ = command(capsys, "bench", *options)
    content = json.loads(out)
    assert code == 3
    (refused,) = content["refused"]
    assert refused["what"] == "words-task/majority[fit]"
    assert "no answer within 0.1 minutes (limits.minutes_per_cell)" in refused["why"]
    assert {check["cells"]["model"] for check in content["checks"]} == {"tfidf-logreg"}
