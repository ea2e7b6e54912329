"""Robustness: the same examples perturbed, beside themselves; docs/robustness.md defines every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from fmbench.measure.degradation import Pass, judge_passes
from fmbench.measure.scene import Judged, Scene, Stored, fact, with_fact, with_rows
from fmbench.perturb.examples import Example
from fmbench.perturb.perturbation import Perturbation, perturb_rows
from fmbench.registry import KINDS, PERTURBATIONS
from fmbench.suite.schema import Seed, Spec, Task
from fmbench.tasks.kind import of_pass, passed
from fmbench.tasks.perturbed import equipped, examples, label_of, refusal, replaced, restored

IDENTITY = "identity"
PASSES = "robustness"
"""Name of the fact that lists the passes: [perturbation, severity, label] each."""


class Entry(Spec):
    """One perturbation: at which severities."""

    severity: list[int] = Field(default=[1, 3, 5], min_length=1, description="1 to 5; a pass for each")

    @field_validator("severity")
    @classmethod
    def _known(cls, severity: list[int]) -> list[int]:
        if not all(1 <= one <= 5 for one in severity) or len(set(severity)) < len(severity):
            raise ValueError(f"severities are different numbers from 1 to 5, got {severity}")
        return sorted(severity)


class Robustness:
    """Perturbed test inputs beside the clean ones: drop, worst case, flips; against reruns of the identity."""

    version = 1
    names, parts = PERTURBATIONS, "perturbations"
    Entry = Entry

    class Settings(Spec):
        """Perturbations by name, and what goes for all of them."""

        perturbations: dict[str, Entry] = Field(default={}, description="name -> settings")
        control: int = Field(default=1, ge=0, le=20, description="reruns of the clean inputs, in another order")
        seed: Seed = Field(default=0, description="of the perturbations")

    @staticmethod
    def refused(settings: Robustness.Settings, task: Task, kind: Any) -> dict[str, str]:
        """Perturbation -> why it cannot be asked for on this task."""
        found = {name: refusal(PERTURBATIONS[name], kind, task.spec.language) for name in settings.perturbations}
        return {name: reason for name, reason in found.items() if reason}

    @staticmethod
    def depends(settings: Robustness.Settings, task: Task, fingerprints: Mapping[str, str]) -> list[Any]:
        """What decides the numbers beside the settings and the cell."""
        own = KINDS[task.spec.kind].modality
        versions = {name: PERTURBATIONS[name].version for name in settings.perturbations}
        return [task.spec.language, versions, *([own] if own else [])]

    @staticmethod
    def collect(scene: Scene, settings: Robustness.Settings, predictions: pa.Table) -> pa.Table:
        if len(set(scene.test["id"].to_pylist())) < len(scene.test):
            scene.notes["robustness"] = "the test examples' ids are not all different"
            return predictions
        reruns = [_rerun(scene, number) for number in range(1, settings.control + 1)]
        found = [Pass(IDENTITY, number, "kept", table) for number, table in enumerate(reruns, 1)]
        runner = _Runner(scene, settings.seed, predictions.slice(0, 0))
        for name, entry in settings.perturbations.items():
            perturbation = PERTURBATIONS[name]
            why = refusal(perturbation, scene.kind, scene.language)
            if why is None:
                perturbation = equipped(perturbation, scene.kind, scene.train)
                missing = ", ".join(sorted(perturbation.needs - perturbation.options.keys()))
                why = f"the training rows do not tell its {missing}" if missing else None
            if why is not None:
                scene.notes[f"robustness {name}"] = why
                continue
            label = label_of(perturbation, scene.kind)
            tables = runner.run(perturbation, entry.severity)
            found += [Pass(name, *made) for made in zip(entry.severity, [label] * len(tables), tables, strict=True)]
        marked = [passed(one.rows, one.perturbation, one.severity) for one in found]
        facts = [[one.perturbation, one.severity, one.label] for one in found]
        return with_fact(with_rows(predictions, marked), PASSES, facts)

    @staticmethod
    def judge(stored: Stored, settings: Robustness.Settings) -> Judged:
        passes = [
            Pass(name, severity, label, of_pass(stored.predictions, name, severity))
            for name, severity, label in fact(stored.predictions, PASSES) or []
        ]
        return Judged(judge_passes(stored, passes), {})


def _rerun(scene: Scene, number: int) -> pa.Table:
    """Predictions of the clean inputs in another order, and so in other batches, back in their own order."""
    order = np.random.default_rng(number).permutation(len(scene.test))
    table = scene.test.take(order)
    return scene.predictions(scene.read(table), table, scene.predict_anew).take(np.argsort(order))


class _Place(NamedTuple):
    """Where the prediction of a perturbed row stands: in which pass, and there in which row."""

    number: int
    row: int


class _Runner:
    """Passes over the rows that a perturbation changed, and among them only those that no earlier pass had."""

    def __init__(self, scene: Scene, seed: int, nothing: pa.Table) -> None:
        self.scene, self.seed, self.nothing = scene, seed, nothing
        self.ids = scene.test["id"].to_pylist()
        self.rows = examples(scene.kind, scene.inputs, scene.test, scene.options)

    def run(self, perturbation: Perturbation, severities: list[int]) -> list[pa.Table]:
        """Predictions of the changed rows of every severity, in the order of the test rows."""
        tables: list[pa.Table] = []
        places: dict[tuple[int, tuple[Example, ...]], _Place] = {}
        for severity in severities:
            found = perturb_rows(perturbation, self.rows, self.ids, severity, self.seed)
            changed = {
                i: tuple(after)
                for i, (before, after) in enumerate(zip(self.rows, found, strict=True))
                if any(a is not b for a, b in zip(before, after, strict=True))
            }
            fresh = {i: row for i, row in changed.items() if (i, row) not in places}
            places |= {(i, row): _Place(len(tables), at) for at, (i, row) in enumerate(fresh.items())}
            tables.append(self._predictions(fresh))
            if len(fresh) < len(changed):
                tables[-1] = _gathered(tables, [places[one] for one in changed.items()])
                places |= {one: _Place(len(tables) - 1, at) for at, one in enumerate(changed.items())}
        return tables

    def _predictions(self, rows: dict[int, tuple[Example, ...]]) -> pa.Table:
        if not rows:
            return self.nothing
        table = self.scene.test.take(list(rows))
        inputs, table = replaced(self.scene.kind, self.scene.read, table, list(rows.values()))
        return restored(self.scene.predictions(inputs, table), list(rows.values()))


def _gathered(tables: list[pa.Table], places: list[_Place]) -> pa.Table:
    """The rows at `places` of several tables."""
    starts = np.cumsum([0, *(len(table) for table in tables)])
    return with_rows(tables[0], tables[1:]).take([int(starts[place.number]) + place.row for place in places])
