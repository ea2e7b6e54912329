"""Where a measurement of two sides comes from: the machine, the interpreter, and the revisions of both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from fmbench.gate.bench_side import BenchSide
from fmbench.run.environment import environment


def provenance(device: str, threads: int, base: BenchSide, new: BenchSide) -> dict[str, Any]:
    """The environment of a result, as of now, with `commits` of both sides.

    Python and packages are this interpreter's, and None where a side has another.
    """
    found = environment(device) | {"threads": threads, "commits": {"base": commit(base), "new": commit(new)}}
    if any(side.python != Path(sys.executable) for side in (base, new)):
        found |= {"python": None, "packages": None}
    return found


def commit(side: BenchSide) -> dict[str, Any] | None:
    """{"id", "time", "branch", "dirty"} of the side's folder; None where git knows nothing of it.

    An installed fmbench lies in the environment of a project whose revision says nothing of it.
    """
    if side.folder is None or not (side.own or (side.folder / ".git").exists()):
        return None
    said = _git(side.folder, "log", "-1", "--format=%H %cI")
    if said is None:
        return None
    identity, time = said.split()
    changed = _git(side.folder, "status", "--porcelain", "--untracked-files=no")
    branch = _git(side.folder, "rev-parse", "--abbrev-ref", "HEAD")
    return {"id": identity, "time": time, "branch": branch, "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
