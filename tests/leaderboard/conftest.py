"""Entries made by hand: what a cell measured, without a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fmbench.leaderboard.board import Entry
from fmbench.measure.measurement import Measurement
from fmbench.registry import METRICS
from fmbench.run.result import DataInfo, Error, ModelInfo, Result

LABELS = ["bad", "good"]


def make_entry(
    model: str = "model", right: float = 0.8, seed: int = 0, n: int = 50, error: str | None = None, **changes: Any
) -> Entry:
    """One cell: a share `right` of `n` test examples is right; `changes` go to the result, or to its data."""
    of_data = {key: changes.pop(key) for key in list(changes) if key in DataInfo.model_fields}
    labels = of_data.get("labels", LABELS)
    counts = np.zeros((n, len(labels), 3), dtype=np.int32)
    gold = np.arange(n) % len(labels)
    guess = np.where(np.arange(n) < round(right * n), gold, (gold + 1) % len(labels))
    counts[np.arange(n), guess, 1] += 1
    counts[np.arange(n), gold, 2] += 1
    counts[..., 0] = counts[..., 1] & counts[..., 2]
    value = float(METRICS["accuracy"].value(counts.sum(axis=0)))
    rows = [("accuracy", value, None), ("examples_per_s", 123.4, None), *(("f1", value, label) for label in labels)]
    measurements = [
        Measurement(metric=m, value=v, low=None, high=None, n=n, interval="bootstrap", slice=s) for m, v, s in rows
    ]
    data = {
        "source": "files", "revision": None, "license": "CC0", "fingerprint": "f" * 64,
        "rows": {"train": 100, "validation": 10, "test": n}, "labels": list(labels),
    }  # fmt: skip
    fields = {
        "status": "failed" if error else "ok", "error": Error(type="ValueError", message=error) if error else None,
        "suite": "s", "suite_version": 1, "task": "task", "task_version": 1, "domain": "general",
        "kind": "text-classification", "model": model, "adaptation": "fit", "seed": seed, "cell_hash": "0",
        "main_metric": "accuracy", "measurements": [] if error else measurements, "curves": {},
        "data": DataInfo(**(data | of_data)),
        "model_info": ModelInfo(
            source="x", revision=None, weights_sha256=None, parameters=22_700_000, trainable_parameters=770
        ),
        "settings": {}, "environment": {"cpu": "A CPU", "device": "cpu", "threads": 2},
        "started_at": "", "seconds": 1.0,
    }  # fmt: skip
    return Entry(Result(**(fields | changes)), None if error else counts)


@pytest.fixture
def entry() -> Callable[..., Entry]:
    return make_entry


HOSTILE = {
    "markup": "<b>bold</b><img src=x onerror=alert(1)>&amp;",
    "script": "</style></title><script>alert(1);document.title='owned'</script>",
    "attribute": '"><svg onload=alert(1)> \' onmouseover=alert(1) "',
    "formula": '=HYPERLINK("http://evil.example",A1)',
    "plus": "+1+1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(A1)",
    "hidden formula": " \t\r\n=1+1",
    "carriage return": "a\r=1+1",
    "line feed": "a\n=1+1",
    "right-to-left": "abc\u202edcba\u2066x",
    "escape": "a\x1b[2J\x1b]0;owned\x07b\x00c",
    "rich": "[red]x[/red] [link=http://evil.example]y[/link] \\",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "long": "x" * 10_000,
    "separators": "a,b;c\td|e\"f'g\u2028h",
}


@pytest.fixture
def hostile_entries() -> list[Entry]:
    """A board where every text that others can choose is hostile."""
    bad = HOSTILE["script"] + HOSTILE["right-to-left"]
    entries = [
        make_entry(name, right=i / 40, source=bad, license=bad, labels=[HOSTILE["markup"], HOSTILE["long"]])
        for i, name in enumerate(HOSTILE.values())
    ]
    entries.append(make_entry(bad, adaptation=bad, domain=bad, kind=bad, task=bad, environment={"cpu": bad}))
    entries += [make_entry(f"failed {name}", error=text) for name, text in HOSTILE.items()]
    return entries
