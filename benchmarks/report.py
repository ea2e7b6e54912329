"""`python -m benchmarks.report`: every bar beside its peer, and the machine it was measured on.

Each bar has a process of its own, in this process group; both sides of a comparison share that process and take turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import tables
from benchmarks.bars import BARS, Bar
from benchmarks.machine import load, machine
from benchmarks.measure import FAILED, NOT_RUN, Row

ROOT = Path(__file__).parent.parent
_SAYS = {"default": "default", "quick": "quick: shows that it runs; the figures mean nothing", "long": "long"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if every bar asked for was measured, met or not; 1 if one failed; 3 if nothing was measured."""
    options = _options(arguments)
    before = load()
    rows = []
    for number, bar in enumerate(options.only, start=1):
        sys.stderr.write(f"[{number}/{len(options.only)}] {bar.work} beside {bar.peer}\n")
        rows.append(measured(bar, options.size, options.rounds))
    threads = next((row.threads for row in rows if row.threads), None)
    facts = {"size": _SAYS[options.size], **machine(threads, before, load())}
    print(tables.text(options.only, rows, facts))
    if options.json:
        options.json.write_text(json.dumps(document(options, rows, facts), indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(tables.markdown(options.only, rows, facts))
    if any(row.verdict == FAILED for row in rows):
        return 1
    return 0 if any(row.ratio for row in rows) else 3


def measured(bar: Bar, size: str, rounds: int) -> Row:
    """The row of a bar; whatever goes wrong with it is said in the row, and the others go on."""
    missing = bar.missing()
    if missing:
        sys.stderr.write(f"  {bar.name}: not run ({missing})\n")
        return Row(bar.name, NOT_RUN, missing)
    with TemporaryDirectory(prefix="fmbench-bench-") as folder:
        file = Path(folder, "row.json")
        command = [sys.executable, "-m", "benchmarks.measure", bar.name, size, str(rounds), str(file)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        if done.returncode or not file.is_file():
            return Row(bar.name, FAILED, f"its process ended with {done.returncode}; the error is above")
        return Row.read(file.read_text())


def document(options: Any, rows: Sequence[Row], facts: dict[str, str]) -> dict[str, Any]:
    """Everything, with the seconds of every round."""
    bars = [
        {"work": bar.work, "peer": bar.peer, "at_least": bar.at_least, "target": bar.target, **row.to_dict()}
        for bar, row in zip(options.only, rows, strict=True)
    ]
    return {"schema": "fmbench.bench/1", "size": options.size, "rounds": options.rounds, "bars": bars, "machine": facts}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.report", description="Speed beside the real peers.")
    parser.add_argument("--only", type=_bars, default=BARS, metavar="NAME,..", help=", ".join(b.name for b in BARS))
    parser.add_argument("--rounds", type=_positive, default=6, help="timed runs of each side (default 6)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also as JSON, with every round")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also as Markdown")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="tiny: does it run at all")
    size.add_argument("--long", dest="size", action="store_const", const="long", help="whole data sets: hours")
    parser.set_defaults(size="default")
    return parser.parse_args(arguments)


def _bars(names: str) -> tuple[Bar, ...]:
    known = {bar.name: bar for bar in BARS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no bar {unknown[0]!r} (known: {', '.join(known)})")
    return tuple(known[name] for name in names.split(","))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
