"""Verdicts on speed and memory from made-up rounds, and how rounds are collected from processes."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from gated import CELLS, command

from fmbench.gate.arm import Arm, SideFailed
from fmbench.gate.bench import Bench, bench, measure
from fmbench.gate.speed import Block, Stage, judge_memory, judge_speed, noise_floor
from fmbench.gate.worker import DeviceClock, timed

ROOT = Path(__file__).parents[2]


def blocks(rng: np.random.Generator, slowdown: float, noise: float, processes: int = 6, rounds: int = 5) -> list[Block]:
    """Rounds of a drifting machine; each process has an offset of its own."""

    def times(factor: float, drift: np.ndarray) -> np.ndarray:
        return factor * drift * np.exp(rng.normal(rng.normal(0, noise / 4), noise, rounds))

    drifts = [np.exp(rng.normal(0, 0.5) + np.cumsum(rng.normal(0, 0.05, rounds))) for _ in range(processes)]
    return [Block(times(1, drift), times(1, drift), times(1 + slowdown, drift)) for drift in drifts]


def test_a_clear_slowdown_a_clear_pass_and_a_doubt() -> None:
    rng = np.random.default_rng(0)
    slow = judge_speed(blocks(rng, 0.3, 0.02), CELLS, "cpu_seconds", 0.05, 0.002)
    assert slow.outcome == "regression"
    assert 0.25 < slow.low < slow.change < slow.high < 0.35
    assert judge_speed(blocks(rng, 0.0, 0.02), CELLS, "cpu_seconds", 0.05, 0.002).outcome == "pass"
    assert judge_speed(blocks(rng, -0.3, 0.02), CELLS, "cpu_seconds", 0.05, 0.002).outcome == "pass"
    assert judge_speed(blocks(rng, 0.06, 0.05), CELLS, "cpu_seconds", 0.05, 0.002).outcome == "inconclusive"


def test_the_margin_is_never_below_what_two_copies_of_base_differ_by() -> None:
    rng = np.random.default_rng(1)
    noisy = blocks(rng, 0.0, 0.4, processes=3, rounds=4)
    check = judge_speed(noisy, CELLS, "cpu_seconds", 0.01, 0.002)
    assert check.margin == pytest.approx(np.expm1(noise_floor(noisy)))
    assert check.margin > 0.05
    assert check.outcome != "regression"
    same = [Block(block.base, block.base, block.new) for block in noisy]
    assert noise_floor(same) == 0
    assert judge_speed(same, CELLS, "cpu_seconds", 0.01, 0.002).margin == pytest.approx(0.01)


def test_a_difference_of_the_two_copies_excuses_the_new_side() -> None:
    base = np.full(10, 1.0)
    offset = [Block(base, base * 1.2, base * 1.15) for _ in range(3)]
    assert judge_speed(offset, CELLS, "cpu_seconds", 0.05, 0.01).outcome == "inconclusive"


def test_false_alarms_on_a_drifting_machine_are_rare() -> None:
    rng = np.random.default_rng(2)
    found = [judge_speed(blocks(rng, 0.0, 0.1), CELLS, "cpu_seconds", 0.05, 0.002).outcome for _ in range(100)]
    assert found.count("regression") == 0


def test_memory_is_a_regression_only_if_every_process_says_so() -> None:
    ones = np.ones(4)

    def of(*peaks: tuple[int, int, int]) -> str:
        check = judge_memory([Block(ones, ones, ones, one) for one in peaks], CELLS, 0.1)
        assert check is not None
        return check.outcome

    assert of((100, 101, 130), (102, 100, 131), (100, 100, 129)) == "regression"
    assert of((100, 101, 130), (102, 100, 131), (100, 100, 105)) == "inconclusive"
    assert of((100, 101, 105), (102, 100, 104), (100, 100, 106)) == "pass"
    assert of((100, 140, 130), (102, 100, 131), (100, 100, 129)) == "inconclusive"
    assert judge_memory([Block(ones, ones, ones)], CELLS, 0.1) is None


def drawn_peaks(rng: np.random.Generator, processes: int) -> list[Block]:
    """Equal sides whose peaks differ from process to process by a fifth."""
    ones = np.ones(4)
    peaks = np.exp(rng.normal(0, 0.2, (processes, 3))) * 1e9
    return [Block(ones, ones, ones, (int(one[0]), int(one[1]), int(one[2]))) for one in peaks]


def test_more_processes_never_make_a_memory_regression_of_what_was_none() -> None:
    rng = np.random.default_rng(3)
    first, later = 0, 0
    for _ in range(3000):
        found = drawn_peaks(rng, 9)
        outcomes = [judge_memory(found[:n], CELLS, 0.01) for n in (3, 6, 9)]
        alarms = [check is not None and check.outcome == "regression" for check in outcomes]
        assert alarms == sorted(alarms, reverse=True)
        first += alarms[0]
        later += any(alarms[1:])
    assert first / 3000 < 1 / 84, "all three above six others: 1 in 84 before the margin"
    assert later <= first


CLOCK = """\
import json, os, sys
job = json.loads(sys.stdin.readline())
with open(job["log"], "a") as log:
    log.write(f"{job['name']} start\\n")
if job.get("error"):
    print(json.dumps({"error": job["error"]}), flush=True)
    sys.exit()
if job.get("dies"):
    sys.exit(7)
print(json.dumps({"cpu": 0.05, "wall": 0.05}), flush=True)
for line in sys.stdin:
    n = json.loads(line)["repeats"]
    with open(job["log"], "a") as log:
        log.write(f"{job['name']}\\n")
    seconds = n * job["seconds"]
    peak = job.get("peak")
    if isinstance(peak, list):
        with open(job["log"]) as log:
            peak = peak[(log.read().count(f"{job['name']} start") - 1) % len(peak)]
    print(json.dumps({"cpu": seconds, "wall": 3 * seconds, "peak": peak}), flush=True)
"""


def made_up(folder: Path, name: str, seconds: float, **job: object) -> Arm:
    """An arm whose clock says what it is told."""
    (folder / "clock.py").write_text(CLOCK)
    content = {"log": str(folder / "log"), "name": name, "seconds": seconds, **job}
    return Arm((sys.executable, str(folder / "clock.py")), content)


def test_arms_take_turns_in_random_order_in_fresh_processes(tmp_path: Path) -> None:
    base, new = made_up(tmp_path, "base", 0.1), made_up(tmp_path, "new", 0.2)
    found = measure(base, new, Stage(2, 6, 0.01), Bench())
    assert [block.new.tolist() for block in found] == [pytest.approx([0.2] * 6)] * 2
    assert [block.again.tolist() for block in found] == [pytest.approx([0.1] * 6)] * 2
    log = (tmp_path / "log").read_text().split("\n")[:-1]
    starts = [line for line in log if line.endswith("start")]
    assert sorted(starts) == ["base start"] * 4 + ["new start"] * 2
    turns = [line for line in log if not line.endswith("start")]
    rounds = [tuple(turns[i : i + 3]) for i in range(0, len(turns), 3)]
    assert all(sorted(one) == ["base", "base", "new"] for one in rounds)
    assert len(set(rounds)) > 1


def test_a_slowdown_is_confirmed_by_a_second_run_and_wall_time_is_for_devices(tmp_path: Path) -> None:
    settings = Bench(stages=(Stage(2, 6, 0.01),), clock="wall")
    speed, memory = bench(
        CELLS, made_up(tmp_path, "base", 0.1, peak=100), made_up(tmp_path, "new", 0.15, peak=100), settings
    )
    assert speed.outcome == "regression"
    assert "confirmed by a second run" in speed.note
    assert speed.base == pytest.approx(0.3)
    assert speed.change == pytest.approx(0.5)
    assert memory.outcome == "pass"
    assert (tmp_path / "log").read_text().count("new start") == 4


def test_more_rounds_are_made_only_while_undecided(tmp_path: Path) -> None:
    stages = (Stage(1, 6, 0.001), Stage(1, 6, 0.002))
    passes = bench(CELLS, made_up(tmp_path, "base", 0.1), made_up(tmp_path, "new", 0.1), Bench(stages=stages))
    assert [(check.outcome, check.n) for check in passes] == [("pass", 12)], "6 rounds give no 99 % interval; 12 do"
    log = (tmp_path / "log").read_text()
    assert log.count("new start") == 2, "a pass is not confirmed"


def test_more_processes_are_made_while_memory_is_undecided_and_speed_stands(tmp_path: Path) -> None:
    stages = (Stage(3, 4, 0.001), Stage(3, 4, 0.002), Stage(3, 4, 0.002))
    new = made_up(tmp_path, "new", 0.1, peak=[130, 130, 100, 100, 100, 100])
    speed, memory = bench(CELLS, made_up(tmp_path, "base", 0.1, peak=100), new, Bench(stages=stages))
    assert (speed.outcome, speed.n) == ("pass", 12), "decided before, by the rounds of then"
    assert (memory.outcome, memory.n) == ("pass", 6), "three processes: 130, 130, 100"
    assert memory.samples is not None and memory.samples.new == (130, 130, 100, 100, 100, 100)


def test_memory_that_stays_undecided_ends_with_the_last_stage(tmp_path: Path) -> None:
    stages = (Stage(3, 4, 0.001), Stage(3, 4, 0.002))
    new = made_up(tmp_path, "new", 0.1, peak=[130, 130, 100])
    _, memory = bench(CELLS, made_up(tmp_path, "base", 0.1, peak=100), new, Bench(stages=stages))
    assert (memory.outcome, memory.n) == ("inconclusive", 6)


@pytest.mark.parametrize(("job", "says"), [({"error": "ValueError: no"}, "new: ValueError: no"), ({"dies": 1}, "7")])
def test_a_side_that_cannot_be_measured_says_so(tmp_path: Path, job: dict[str, object], says: str) -> None:
    with pytest.raises(SideFailed, match=says):
        measure(made_up(tmp_path, "base", 0.1), made_up(tmp_path, "new", 0.1, **job), Stage(1, 2, 0.01), Bench())


def test_the_real_worker_measures_a_real_cell_and_the_gate_takes_its_verdict(
    report: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmbench.gate.bench.Bench", partial(Bench, stages=(Stage(1, 2, 0.01),)))
    monkeypatch.setattr("fmbench.gate.bench.PASS_SECONDS", 0.001)
    file = tmp_path / "bench.json"
    options = ["--suite", suite, "--models", "tfidf-logreg", "--json", file]
    code, _, _ = command(capsys, "bench", *options)
    assert code == 0
    content = json.loads(file.read_text())
    speed = next(check for check in content["checks"] if check["sort"] == "speed")
    assert (speed["metric"], speed["n"], speed["base"] > 0) == ("cpu_seconds", 2, True)
    assert len(speed["samples"]["again"]) == 2
    code, out, _ = command(capsys, "export", "pytest-benchmark", file)
    exported = json.loads(out)
    assert [one["stats"]["rounds"] for one in exported["benchmarks"]] == [2, 2]
    assert exported["datetime"] == content["started_at"]
    assert exported["machine_info"]["python_version"] == sys.version.split()[0]
    code, out, _ = command(capsys, "gate", report, report, "--bench", file)
    assert code == 0
    assert "cpu_seconds" in out
    assert "speed not compared" not in out


def test_another_python_is_measured_with_its_own_packages(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\nread job\necho "{\\"error\\": \\"packages <$PYTHONPATH>\\"}"\n')
    other.chmod(0o755)
    options = ["--suite", suite, "--models", "majority", "--base-python", other, "--new-python", other]
    code, out, _ = command(capsys, "bench", *options, "--json", "-")
    assert code == 3
    assert json.loads(out)["refused"][0]["why"].endswith("packages <>")
    code, out, _ = command(capsys, "bench", ROOT, ROOT, *options, "--json", "-")
    assert json.loads(out)["refused"][0]["why"].endswith(f"packages <{ROOT}>"), "a checkout that was asked for"


def test_a_gpu_is_timed_by_events_of_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing
            self.name = f"event {len(happened)}"
            happened.append(self.name)

        def record(self) -> None:
            happened.append(f"record {self.name}")

        def synchronize(self) -> None:
            happened.append(f"wait for {self.name}")

        def elapsed_time(self, after: Event) -> float:
            happened.append(f"{self.name} to {after.name}")
            return 1500.0

    monkeypatch.setattr("torch.cuda.Event", Event)
    clock = DeviceClock()
    for _ in range(2):
        found = timed(lambda: happened.append("call"), 2, clock)
        assert set(found) == {"device", "cpu", "wall"}
        assert found["device"] == 1.5
    once = ["record event 0", "call", "call", "record event 1", "wait for event 1", "event 0 to event 1"]
    assert happened == ["event 0", "event 1", *once, *once]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (
            ["bench", "absent", "absent"],
            2,
            "absent: neither a folder with suites/nlp-core.yaml in it, nor a checkout of fmbench, nor a Python",
        ),
        (["bench", "--new-python", "absent"], 2, "--new-python absent: not an executable file"),
        (["bench", "--suite", "absent.yaml"], 2, "absent.yaml: no such file"),
        (["bench", "--suite", "words.yaml", "--models", "majorty"], 2, "did you mean 'majority'?"),
        (["bench", "--suite", "words.yaml", "--new-set", "nonsense"], 2, "--set 'nonsense': expected key=value"),
        (["bench", "--suite", "words.yaml", "--models", ""], 3, "no cells selected"),
        (["bench", "--suite", "words.yaml", "--device", "gpu"], 2, "gpu"),
        (["bench", "--suite", "words.yaml", "--inconclusive", "foo"], 2, "foo: neither warn nor fail"),
    ],
)
def test_bad_arguments_are_one_line_before_anything_is_measured(
    suite: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], code: int, line: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(suite.parent)
    found, out, err = command(capsys, *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert line in err
