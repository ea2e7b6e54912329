"""`python -m benchmarks.gate`: false alarms and power of the gate, measured here and now.

Simulated reports, real training runs, recorded rounds and whole jobs: an hour. Prints tables for docs/gate.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gate_quality import Rate, false_alarms, power, real_reruns
from benchmarks.gate_speed import alarms, arm_of, arm_of_a_cell, record, spread, whole_jobs
from fmbench.run.environment import cpu_model
from fmbench.stats.intervals import wilson

PARTS = ("alarms", "power", "reruns", "recorded", "jobs", "cells")
SLOWDOWNS = (0.0, 0.1, 0.15, 0.2)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cpu_model()}, {os.cpu_count()} cores, load {_load()}\n")
    if "alarms" in options.parts:
        _say(_rates(false_alarms(options.reports)))
    if "power" in options.parts:
        _say(_rates(power(options.trials)))
    if "reruns" in options.parts:
        with TemporaryDirectory(prefix="fmbench-gate-") as folder:
            _say(_rates(real_reruns(Path(folder), options.reruns)))
    if "recorded" in options.parts:
        found = record(options.processes, 30, _tell)
        noise = ", ".join(f"{clock} {100 * share:.0f} %" for clock, share in spread(found).items())
        _say(f"recorded {options.processes} x 30 rounds, variation within a process: {noise}, load {_load()}")
        _say(_shares(alarms(found, options.trials, SLOWDOWNS)))
    base, slowed, cell = arm_of(1.0), arm_of(1.15), arm_of_a_cell()
    if "jobs" in options.parts:
        _say(_rates([whole_jobs(options.jobs, base, base, "whole jobs, nothing changed", _tell)]))
        _say(_rates([whole_jobs(options.slowed, base, slowed, "whole jobs, 15 % more work on the new side", _tell)]))
    if "cells" in options.parts:
        _say(_rates([whole_jobs(options.cells, cell, cell, "whole jobs of a real cell, nothing changed", _tell)]))
    _say(f"load {_load()} at the end")
    return 0


def _rates(rates: Sequence[Rate]) -> str:
    rows = ["| what | trials | regressions called | the best test | passed |", "| --- | ---: | --- | ---: | ---: |"]
    for rate in rates:
        ends = wilson(rate.regressions, rate.trials)
        share = f"{100 * rate.regressions / rate.trials:.1f} % [{100 * ends.low:.1f}, {100 * ends.high:.1f}]"
        limit = "" if rate.limit is None else f"{100 * rate.limit:.1f} %"
        passed = f"{100 * rate.passes / rate.trials:.1f} %"
        rows.append(f"| {rate.what} | {rate.trials:,} | {share} | {limit} | {passed} |")
    return "\n".join(rows)


def _shares(table: dict[str, list[float]]) -> str:
    rows = [
        "| rule | false alarms | " + " | ".join(f"+{100 * slow:.0f} %" for slow in SLOWDOWNS[1:]) + " |",
        "| --- | ---: |" + " ---: |" * (len(SLOWDOWNS) - 1),
    ]
    for name, shares in table.items():
        rows.append(f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")
    return "\n".join(rows)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.gate", description="False alarms and power of the gate.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--reports", type=int, default=1000, help="simulated reports of which nothing changed")
    parser.add_argument("--trials", type=int, default=500, help="simulated losses, and draws from the record")
    parser.add_argument("--reruns", type=int, default=50, help="real training runs")
    parser.add_argument("--processes", type=int, default=36, help="recorded processes of each arm")
    parser.add_argument("--jobs", type=int, default=20, help="whole jobs of fmbench bench, nothing changed")
    parser.add_argument("--cells", type=int, default=20, help="whole jobs of a real cell, nothing changed")
    parser.add_argument("--slowed", type=int, default=20, help="whole jobs of fmbench bench, 15 %% more work")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
