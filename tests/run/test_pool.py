"""Workers give the same results in the same order; whatever becomes of one costs one cell, and none is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fmbench.engine.context import FitContext, Step
from fmbench.errors import InputError
from fmbench.registry import LOADERS
from fmbench.run import workers
from fmbench.run.executors import process, worker
from fmbench.run.progress import Silent
from fmbench.suite.plan import Cell

PATIENCE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available_cores", lambda: 2)


@pytest.fixture
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cast(bench: Any, *parts: str, measure: str = "") -> Path:
    """The suite's models are players of these parts; returns the folder in which they tell what they did."""
    folder = bench.suite.parent / "stage"
    folder.mkdir(exist_ok=True)
    players = [
        f"  - {{name: {part}, loader: player, settings: {{part: {part}, folder: '{folder}'}}}}\n" for part in parts
    ]
    text = bench.suite.read_text().replace("models: [majority, tfidf-logreg]\n", "models:\n" + "".join(players))
    bench.suite.write_text(text.replace("seeds: [0, 1]", "seeds: [0]") + measure)
    return folder


def by_model(outcome: Any) -> dict[str, Any]:
    return {cell.model.name: result for cell, result in outcome.results}


class Listener(Silent):
    """Remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Step]] = []

    def step(self, cell: Cell, step: Step) -> None:
        self.steps.append((cell.folder, step))


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_same_predictions_bit_for_bit_in_the_order_of_the_plan(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path / "cache of the workers"))
    bench.suite.write_text(
        "suite: tiny\n"
        "models: [{name: bilstm, loader: bilstm, settings: {epochs: 2}}, minilm-l6, majority]\n"
        "tasks: [sentiment-reviews]\n"
        "adaptations: {fit: {}, finetune: {epochs: 1}, probe: {C: [0.1], layers: [-1]}}\n"
        "seeds: [0, 1]\n"
    )
    listener = Listener()
    several = bench.run(limit=24, workers=2, progress=listener)
    assert several.failures == 0
    tables = {path: pq.read_table(path) for path in bench.store.folder.rglob("predictions.parquet")}
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path / "another cache"))
    alone = bench.run(limit=24, fresh=True)
    assert [cell for cell, _ in several.results] == [cell for cell, _ in alone.results]
    assert len(tables) == 8
    for path, table in tables.items():
        assert table.equals(pq.read_table(path), check_metadata=True), path
    for (_, one), (_, other) in zip(several.results, alone.results, strict=True):
        assert one.cell_hash == other.cell_hash
        assert (one.environment["workers"], other.environment["workers"]) == (2, 1)
        assert one.environment["threads"] == 1
    heard = {folder for folder, _ in listener.steps}
    assert heard == {cell.folder for cell, _ in several.results if cell.model.name == "bilstm"} | {
        cell.folder for cell, _ in several.results if cell.adaptation == "finetune"
    }


@pytest.mark.usefixtures("plugins")
def test_a_worker_that_ends_fails_its_cell_and_the_rest_goes_on(bench: Any) -> None:
    parts = ("kill", "plain", "leave", "raise", "plain-2", "kill-2", "plain-3")
    cast(bench, *parts)
    outcome = bench.run(workers=2)
    assert [cell.model.name for cell, _ in outcome.results] == list(parts)
    assert (outcome.computed, outcome.failures) == (7, 4)
    found = by_model(outcome)
    assert [found[name].status for name in ("plain", "plain-2", "plain-3")] == ["ok"] * 3
    for name, what in {
        "kill": "signal 9 (out of memory?)",
        "kill-2": "signal 9 (out of memory?)",
        "leave": "exit code 3",
    }.items():
        assert (found[name].error.type, found[name].error.message) == ("CellFailed", f"worker ended with {what}")
    assert found["raise"].error.message == "ValueError: no way"
    assert {result.environment["workers"] for result in found.values()} == {2}
    assert {name.split("/")[1]: result.status for name, result in bench.results().items()} == {
        name: result.status for name, result in found.items()
    }
    assert multiprocessing.active_children() == []
    assert bench.run(models=["plain", "plain-2", "plain-3"], workers=2).computed == 0


@pytest.mark.usefixtures("plugins")
def test_workers_that_cannot_start_fail_their_cells(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = cast(bench, "plain", "plain-2", "plain-3")
    import rehearsal

    monkeypatch.setattr(process, "serve", rehearsal.stillborn)
    outcome = bench.run(workers=2)
    messages = [result.error.message for _, result in outcome.results]
    assert messages == ["worker ended with exit code 7 while it started"] * 3
    assert [path.read_text() for path in stage.glob("born-*")] == ["True"] * 3


def test_a_model_that_cannot_be_found_needs_no_worker(bench: Any, break_loader: Any, monkeypatch: Any) -> None:
    def refuse(*arguments: Any) -> Any:
        raise KeyError("gone")

    break_loader("majority", identity=refuse)
    monkeypatch.setattr(process.Worker, "start", refuse)
    outcome = bench.run(models=["majority"], workers=2)
    assert [result.error.message for _, result in outcome.results] == ["KeyError: 'gone'"] * 2


def test_no_more_workers_than_cells_to_compute(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = process.Worker.start

    def count(self: process.Worker) -> None:
        started.append(self)
        start(self)

    monkeypatch.setattr(process.Worker, "start", count)
    bench.run(models=["majority"])
    assert bench.run(models=["majority"], workers=2).computed == 0
    assert started == []
    assert bench.run(models=["tfidf-logreg"], seeds=[1], workers=2).computed == 1
    assert len(started) == 1
    assert multiprocessing.active_children() == []


def test_a_cell_that_takes_too_long_fails_in_a_worker_too(bench: Any) -> None:
    bench.edit("majority, tfidf-logreg", "bilstm")
    bench.edit("suite: tiny", "suite: tiny\nlimits: {minutes_per_cell: 1.0e-7}")
    outcome = bench.run(seeds=[0], workers=2)
    assert by_model(outcome)["bilstm"].error.message == "out of time (limits.minutes_per_cell)"


@pytest.mark.usefixtures("plugins")
def test_when_results_cannot_be_written_no_worker_is_left(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cast(bench, "plain", "wait")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(bench.store), "save", full)
    with pytest.raises(OSError, match="No space left"):
        bench.run(workers=2)
    assert multiprocessing.active_children() == []


@pytest.mark.usefixtures("plugins")
def test_who_measures_is_alone_and_the_clocks_of_the_others_stand_still(bench: Any) -> None:
    stage = cast(bench, "lead", "tick", measure="measure: {spotlight: {}}\n")
    outcome = bench.run(workers=2)
    assert outcome.failures == 0
    begin, end = (float((stage / name).read_text()) for name in ("begin", "end"))
    ticks = [float(line) for line in (stage / "ticks").read_text().splitlines()]
    assert min(ticks) < begin < end < max(ticks)
    assert [tick for tick in ticks if begin <= tick <= end] == []
    ticking = by_model(outcome)["tick"].find("fit_seconds").value
    assert ticking < max(ticks) - min(ticks) - 0.5 * (end - begin)


@pytest.mark.usefixtures("plugins")
def test_who_dies_while_alone_leaves_no_one_stopped(bench: Any) -> None:
    stage = cast(bench, "lead-kill", "tick", measure="measure: {spotlight: {}}\n")
    (stage / "end").touch()
    outcome = bench.run(workers=2)
    found = by_model(outcome)
    assert found["lead-kill"].error.message == "worker ended with signal 9 (out of memory?)"
    assert found["tick"].status == "ok"


def test_a_system_that_cannot_stop_processes_measures_with_one_worker(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fmbench.run.executors import pool

    monkeypatch.setattr(pool, "CAN_STOP", False)
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {efficiency: {repeats: 2, latency_samples: 2}}\n")
    outcome = bench.run(models=["majority"], workers=2)
    assert [result.environment["workers"] for _, result in outcome.results] == [1, 1]
    assert outcome.failures == 0


def alive(pids: list[int]) -> list[int]:
    def lives(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"

    return [pid for pid in pids if lives(pid)]


def wait_until(condition: Any) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="two cores and /proc")
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("alone", [True, False])
def test_a_stopped_run_leaves_no_process_and_loses_only_what_was_in_flight(
    bench: Any, tmp_path: Path, plugins: Path, blow: signal.Signals, alone: bool
) -> None:
    measure = "measure: {spotlight: {}}\n"
    stage = cast(bench, "plain", *(("lead-wait", "tick") if alone else ("wait", "wait-2")), measure=measure)
    out = tmp_path / "reports"
    running = subprocess.Popen(
        [sys.executable, "-m", "fmbench", "run", str(bench.suite), "--out", str(out), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")])},
        start_new_session=True,
    )
    try:
        signs = [stage / name for name in (("begin", "ticks") if alone else ("wait", "wait-2"))]
        signs.append(out / "tiny" / "tiny-task" / "plain" / "fit" / "seed-0" / "result.json")
        assert wait_until(lambda: all(sign.exists() for sign in signs)), running.poll()
        assert len(list(stage.glob("pid-*"))) == 2
        if blow == signal.SIGINT:
            os.killpg(running.pid, blow)  # as a terminal does: the workers get it too
        else:
            running.send_signal(blow)
        _, err = running.communicate(timeout=PATIENCE_SECONDS)
    finally:
        running.kill()
    assert running.returncode == (130 if blow == signal.SIGINT else -blow), err
    assert "Traceback" not in err
    if blow == signal.SIGINT:
        assert "interrupted: 1 of 3 cells are stored; the same command goes on from there" in err
    assert [path.parts[-4] for path in out.rglob("result.json")] == ["plain"]
    assert not list(out.rglob("*.tmp"))
    pids = [int(path.name.removeprefix("pid-")) for path in stage.glob("pid-*")]
    assert wait_until(lambda: not alive(pids)), pids


@pytest.mark.parametrize(
    ("asked", "device", "found"),
    [("1", "cpu", 1), ("2", "cpu", 2), ("auto", "cpu", 2), ("auto", "cuda", 1), ("1", "mps", 1)],
)
def test_how_many_workers(asked: str, device: str, found: int) -> None:
    assert workers.worker_count(asked, device) == found


@pytest.mark.parametrize(
    ("asked", "device", "what"),
    [
        ("0", "cpu", "--workers 0: neither a whole number from 1 nor auto"),
        ("-1", "cpu", "--workers -1: neither a whole number from 1 nor auto"),
        ("two", "cpu", "--workers two: neither a whole number from 1 nor auto"),
        ("²", "cpu", "--workers ²: neither a whole number from 1 nor auto"),
        ("3", "cpu", "--workers 3: at most one for each core, and this process may use 2 cores"),
        ("2", "cuda", "--workers 2: several workers share the cores of the CPU; --device is cuda"),
    ],
)
def test_workers_that_are_refused(asked: str, device: str, what: str) -> None:
    with pytest.raises(InputError) as refused:
        workers.worker_count(asked, device)
    assert str(refused.value) == what


def test_a_run_is_never_oversubscribed(bench: Any) -> None:
    with pytest.raises(InputError, match="at most one for each core"):
        bench.run(workers=3)
    assert not bench.store.folder.exists()


@pytest.mark.parametrize(
    ("cores", "count", "variable", "threads"),
    [(8, 2, "", 4), (8, 3, "", 2), (2, 2, "", 1), (8, 2, "1", 1), (8, 2, "6", 4), (8, 2, "x", 4), (8, 2, "0", 4)],
)
def test_threads_of_each_worker(
    monkeypatch: pytest.MonkeyPatch, cores: int, count: int, variable: str, threads: int
) -> None:
    monkeypatch.setattr(workers, "available_cores", lambda: cores)
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert workers.threads_each(count) == threads


def test_the_environment_of_this_process_is_as_before(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    mask, handler = signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getsignal(signal.SIGINT)
    bench.run(models=["majority"], seeds=[0], workers=2)
    assert dict(os.environ) == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupt_that_was_held_back_counts_afterwards() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt):
        with process.interrupts_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            reached = True
        time.sleep(1)
    assert reached


def test_the_clock_of_a_worker_leaves_out_what_was_not_its_own() -> None:
    stopped = multiprocessing.get_context("spawn").RawValue("d", 0.0)
    clock = worker.Clock(stopped)
    before = time.monotonic()
    assert before <= clock() <= time.monotonic()
    stopped.value = 1000.0
    clock.waited = 500.0
    assert before <= clock() + 1500 <= time.monotonic()


def test_the_deadline_of_a_cell_goes_by_its_clock() -> None:
    now = time.monotonic()
    late = FitContext(0, "cpu", lambda scores: 0.0, deadline=now - 1, clock=lambda: now - 2)
    late.check_time()
    with pytest.raises(Exception, match="out of time"):
        FitContext(0, "cpu", lambda scores: 0.0, deadline=now - 1, clock=lambda: now).check_time()


def test_steps_are_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.1, 0.19, 0.2, 0.3, 0.5, 0.6])
    monkeypatch.setattr(worker.time, "monotonic", lambda: next(times))
    told: list[Step] = []
    on_step = worker._now_and_then(told.append)
    for i in range(7):
        on_step(Step(1, 1, i, 7, 0.0))
    assert [step.step for step in told] == [0, 3, 5]


def test_no_plugin_stays_behind() -> None:
    assert "player" not in LOADERS
