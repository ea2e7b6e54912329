"""Where a cell comes from: the command that makes it again, and the texts it was tested on where they may be shown."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pyarrow as pa

from fmbench.catalog import files
from fmbench.data.dataset import at_hand, load_dataset
from fmbench.errors import FmbenchError
from fmbench.leaderboard.sources import Stored
from fmbench.registry import KINDS
from fmbench.run.result import Result
from fmbench.suite.loader import load_task

_OPEN = re.compile(
    r"(cc0|cc-by(-sa)?-\d|cc-by(-sa)?$|mit$|apache-2|bsd|pddl|odc-by|odbl|public[ -]domain)", re.IGNORECASE
)
_LIMITED = re.compile(r"limited to the first (\d+) rows of each split")


def command(one: Stored) -> str:
    """The command that computes a cell again, from a folder that has the suite file."""
    result = one.result
    name = str((one.store.plan() or {}).get("file", f"{result.suite}.yaml"))
    chosen = ["--models", result.model, "--tasks", result.task, "--adaptations", result.adaptation]
    notes = result.data.notes if result.data else []
    limits = [found[1] for note in notes if (found := _LIMITED.fullmatch(note))]
    limit = ["--limit", limits[0]] if limits else []
    return shlex.join(["fmbench", "run", name, *chosen, "--seeds", str(result.seed), *limit])


def may_show(license_name: str | None) -> bool:
    """Whether a license lets a page repeat the rows; what is not known to allow it does not."""
    return license_name is not None and _OPEN.match(license_name.strip()) is not None


def texts_of(result: Result, predictions: pa.Table) -> dict[str, Any]:
    """example id -> what the model read (a text, tokens, a list of texts), for tasks that ship or lie at hand.

    Empty where the license does not allow it, where the rows are not there, or are not those of the predictions.
    """
    path = files("tasks").get(result.task)
    if path is None or result.data is None or not may_show(result.data.license):
        return {}
    try:
        task = load_task(path)
        if task.spec.version != result.task_version or task.spec.kind != result.kind or not at_hand(task):
            return {}
        kind = KINDS[result.kind]
        if kind.readout == "none":
            return {}
        test = load_dataset(task).test
    except FmbenchError:
        return {}
    inputs = dict(
        zip(
            test["id"].to_pylist(), zip(kind.inputs(test), test[kind.label_field].to_pylist(), strict=True), strict=True
        )
    )
    texts = {}
    for name, gold in zip(predictions["example_id"].to_pylist(), predictions["gold"].to_pylist(), strict=True):
        if name not in inputs or inputs[name][1] != gold:
            return {}
        texts[name] = inputs[name][0]
    return texts
