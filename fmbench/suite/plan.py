"""Suite -> cells: pure, in an order that lets neighbours share data, weights and features."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fmbench.errors import InputError
from fmbench.registry import ADAPTATIONS, LOADERS
from fmbench.suite.loader import unknown_names
from fmbench.suite.schema import Model, Suite, Task


@dataclass(frozen=True)
class Cell:
    """One task x model x adaptation x seed: the unit of work, of caching and of failure."""

    task: Task
    model: Model
    adaptation: str
    settings: Any
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task.name} · {self.model.name} · {self.adaptation} · seed {self.seed}"

    @property
    def folder(self) -> str:
        """Relative to the suite's report folder; every part is safe as a file name."""
        parts = (self.task.name, self.model.name, self.adaptation, f"seed-{self.seed}")
        return "/".join(slug(part) for part in parts)


@dataclass(frozen=True)
class Selection:
    """Which part of a suite to run; None means all."""

    models: Sequence[str] | None = None
    tasks: Sequence[str] | None = None
    adaptations: Sequence[str] | None = None
    seeds: Sequence[int] | None = None


def plan(suite: Suite, selection: Selection | None = None) -> tuple[Cell, ...]:
    """All cells of `suite` that make sense, task by task and model by model.

    A cell makes sense if the adaptation works on what the model's loader provides, and both know the task's kind.

    Raises:
        InputError: the selection names something that the suite does not have, or a model fits no adaptation.
    """
    chosen = _select(suite, selection or Selection())
    return tuple(
        Cell(task, model, name, settings, seed)
        for task in chosen.tasks
        for model in chosen.models
        for name, settings in chosen.adaptations.items()
        if fits(task, model, name)
        for seed in chosen.seeds
    )


def fits(task: Task, model: Model, adaptation: str) -> bool:
    """Whether the adaptation can put this model to this task."""
    loader, owner = LOADERS[model.spec.loader], ADAPTATIONS[adaptation]
    known = loader.kinds if owner.kinds is None else loader.kinds & owner.kinds
    return loader.provides in owner.needs and task.spec.kind in known


def idle_models(suite: Suite) -> list[Model]:
    """Models of the suite that meet none of its adaptations on any of its tasks."""
    return [
        model
        for model in suite.models
        if not any(fits(task, model, name) for task in suite.tasks for name in suite.adaptations)
    ]


def _select(suite: Suite, selection: Selection) -> Suite:
    problems = [
        *unknown_names(selection.models or (), [model.name for model in suite.models], "model"),
        *unknown_names(selection.tasks or (), [task.name for task in suite.tasks], "task"),
        *unknown_names(selection.adaptations or (), list(suite.adaptations), "adaptation"),
    ]
    if problems:
        raise InputError(problems)
    return replace(
        suite,
        models=tuple(m for m in suite.models if selection.models is None or m.name in selection.models),
        tasks=tuple(t for t in suite.tasks if selection.tasks is None or t.name in selection.tasks),
        adaptations={
            name: settings
            for name, settings in suite.adaptations.items()
            if selection.adaptations is None or name in selection.adaptations
        },
        seeds=suite.seeds if selection.seeds is None else tuple(selection.seeds),
    )


def slug(name: str) -> str:
    """`name` as one safe path component; different names stay different (`~` is in no name that is safe as it is)."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("._-")[:80]
    if safe == name:
        return safe
    return f"{safe or 'x'}~{hashlib.sha256(name.encode()).hexdigest()[:12]}"
