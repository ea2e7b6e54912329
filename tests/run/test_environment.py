"""The machine from made-up /proc and /sys trees, and from this one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fmbench.run import environment as module
from fmbench.run.environment import Moment, cpu_model, cpu_quota, environment, moment, steal_percent, timing_doubts

STAT = """\
cpu  100 5 50 800 20 1 4 20 7 0
cpu0 60 3 20 400 10 1 2 12 7 0
cpu1 40 2 30 400 10 0 2 8 0 0
intr 4711 0 0
ctxt 99
procs_running 3
procs_blocked 0
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_moment_reads_load_runnable_cores_and_ticks(tmp_path: Path) -> None:
    write(tmp_path, {"proc/stat": STAT, "proc/loadavg": "1.25 0.80 0.40 3/104 8480\n"})
    assert moment(tmp_path) == Moment(load_average=1.25, runnable=3, cores=2, ticks=(20, 1000))


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert moment(tmp_path) == Moment()
    found = environment("cpu", Moment(), tmp_path)
    unknown = ("cpu_governor", "cpu_quota", "load_average", "load_average_before", "runnable", "steal_percent")
    assert [found[name] for name in unknown] == [None] * len(unknown)
    assert found["timing_doubts"] == []
    assert found["cpu"]


def test_an_old_kernel_without_steal_tells_none(tmp_path: Path) -> None:
    write(tmp_path, {"proc/stat": "cpu  1 2 3 4\ncpu0 1 2 3 4\n"})
    assert moment(tmp_path) == Moment(cores=1)


def test_steal_is_a_share_of_what_passed_between() -> None:
    assert steal_percent(Moment(ticks=(20, 1000)), Moment(ticks=(50, 1400))) == 7.5
    assert steal_percent(Moment(ticks=(20, 1000)), Moment(ticks=(20, 1000))) is None
    assert steal_percent(Moment(), Moment(ticks=(20, 1000))) is None


def test_nothing_is_doubted_on_a_quiet_machine() -> None:
    before = Moment(0.5, 1, 2, (0, 1000))
    assert timing_doubts(before, Moment(0.6, 2, 2, (50, 2000)), 2, 2.0) == []


@pytest.mark.parametrize(
    ("before", "after", "threads", "quota", "doubt"),
    [
        (Moment(runnable=3, cores=2), Moment(runnable=2, cores=2), 1, None, "3 runnable threads on 2 cores before"),
        (Moment(runnable=1, cores=2), Moment(runnable=5, cores=2), 1, None, "5 runnable threads on 2 cores after"),
        (Moment(ticks=(0, 1000)), Moment(ticks=(51, 2000)), 1, None, "5.1 % of the processor time stolen"),
        (Moment(), Moment(), 4, 1.5, "4 threads on a quota of 1.5 cores"),
    ],
)
def test_what_makes_timings_doubtful(
    before: Moment, after: Moment, threads: int, quota: float | None, doubt: str
) -> None:
    [found] = timing_doubts(before, after, threads, quota)
    assert found.startswith(doubt)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            },
            2.0,
        ),
        ({"proc/self/cgroup": "0::/of/the/host\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3.0),
        (
            {
                "proc/self/cgroup": "3:cpuset:/\n4:memory:/x:y\n1:cpu,cpuacct:/docker/1\n0::/\n",
                "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        ({"proc/self/cgroup": "0::/\n"}, None),
        ({}, None),
    ],
    ids=["v2", "v2 no limit", "v2 parent is tighter", "v2 without namespace", "v1", "no file", "no cgroups"],
)
def test_the_quota_is_the_tightest_of_all_groups(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cpu_quota(write(tmp_path, files)) == quota


def test_governors_are_those_of_the_allowed_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "allowed_cores", lambda: [1, 2])
    folder = "sys/devices/system/cpu"
    governors = {0: "ondemand", 1: "powersave", 2: "performance"}
    write(tmp_path, {f"{folder}/cpu{n}/cpufreq/scaling_governor": f"{name}\n" for n, name in governors.items()})
    found = environment("cpu", root=tmp_path)
    assert (found["cpu_governor"], found["cores"]) == ("performance, powersave", 2)


def test_the_processors_name(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 3.0GHz\n"})
    assert cpu_model(tmp_path) == "Some CPU @ 3.0GHz"


def test_without_a_beginning_nothing_is_said_of_the_time_between() -> None:
    assert not {"steal_percent", "timing_doubts", "load_average_before"} & set(environment("cpu"))


def test_this_machine_can_be_written_as_json_twice_over() -> None:
    import torch

    before = moment()
    first, second = environment("cpu", before), environment("cpu", before)
    for found in (first, second):
        json.dumps(found)
        assert found["threads"] == torch.get_num_threads()
        assert found["torch_build"]["version"] == torch.__version__
        assert found["cores"] >= 1
        assert isinstance(found["bf16_in_hardware"], bool)
        assert any(line.endswith("threads") for line in found["blas"])
    if os.path.exists("/proc/stat"):
        assert (first["runnable"], first["load_average_before"]) != (None, None)


def test_a_gpu_tells_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from fmbench.measure import nvml

    class Gpu:
        def state(self) -> dict[str, object]:
            return {"sm_clock_mhz": 1755, "throttle_reasons": ["power cap"]}

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    monkeypatch.setattr(nvml, "current_gpu", Gpu)
    found = environment("cuda")
    assert (found["gpu"], found["bf16_in_hardware"]) == ("A card", True)
    assert found["gpu_state"] == {"sm_clock_mhz": 1755, "throttle_reasons": ["power cap"]}
    monkeypatch.setattr(nvml, "current_gpu", lambda: None)
    assert environment("cuda")["gpu_state"] is None


def test_a_cell_records_its_figures_with_the_machine_and_what_is_missing(bench: Any) -> None:
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {efficiency: {latency_samples: 64, latency_seconds: 0}}\n")
    bench.run(models=["tfidf-logreg"], seeds=[0])
    [result] = bench.results().values()
    rows = {row.metric: row for row in result.measurements if row.unit}
    for name in ("examples_per_s", "latency_p50_ms", "latency_p90_ms", "fit_seconds", "load_seconds"):
        assert rows[name].value > 0
    assert rows["latency_p50_ms"].value < 1e3 * result.seconds
    missing = result.environment["missing"]
    for name in ("energy_joules", "peak_memory_bytes"):
        assert (rows[name].value is None) == (name in missing)
    assert {"tokens_per_s", "roofline_share", "latency_p99_ms"} <= set(missing)
    assert isinstance(result.environment["timing_doubts"], list)
    assert json.loads(result.to_json())["environment"] == result.environment
