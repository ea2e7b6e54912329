"""A task and its rows on the spot: the task file is written and loaded as a user's would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.suite.loader import load_task
from fmbench.suite.schema import Task


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., Task]:
    """(data, kind, other keys of a task file) -> Task, with paths relative to tmp_path."""

    def make(data: dict[str, Any], kind: str = "text-classification", **more: Any) -> Task:
        path = tmp_path / "task.yaml"
        content = {"name": "mine", "kind": kind, "data": data, **more}
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return load_task(path)

    return make


@pytest.fixture
def load(make_task: Callable[..., Task]) -> Callable[..., Dataset]:
    """The same, read."""
    return lambda data, limit=None, **more: load_dataset(make_task(data, **more), limit)
