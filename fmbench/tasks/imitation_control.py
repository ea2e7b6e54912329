"""imitation-control: drive as an expert did; scored by letting the model drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.simulate.lane import ACTION, STATE, WORLD, drive, expert
from fmbench.suite.schema import Split
from fmbench.tasks.cells import as_number
from fmbench.tasks.defaults import Columns
from fmbench.tasks.vectors import Vectors, finite

SCENARIOS = "scenarios"


class ImitationControl(Vectors):
    """Fields `scenario`, the state that a driver sees, and the expert's `steering` (rad) and `acceleration` (m/s^2).

    The table `scenarios` beside the rows says what each scenario is made of, see simulate.lane. A model reads the
    state, float64 [9], and answers [2]. The predictions are one row a test scenario: the model's answers to the states
    that the expert met, and what came of it when the model drove by itself for as long.
    """

    name: ClassVar[str] = "imitation-control"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("state", "world", "action")
    input_fields: ClassVar[tuple[str, ...]] = ("state", "world")
    raw_fields: ClassVar[tuple[str, ...] | None] = ("scenario", *STATE, *ACTION)
    label_field: ClassVar[str] = "action"
    side: ClassVar[Mapping[str, tuple[str, ...]]] = {SCENARIOS: ("scenario", *WORLD)}
    metrics: ClassVar[tuple[str, ...]] = (
        "time_in_lane",
        "collision_rate",
        "progress",
        "jerk",
        "steering_mae",
        "acceleration_mae",
    )

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        columns: dict[str, list[Any]] = {"scenario": [str(name) for name in rows.columns["scenario"]]}
        problems = []
        for name in (*STATE, *ACTION):
            columns[name] = [as_number(value) for value in rows.columns[name]]
            problems += [
                Problem(f"{name} is not a number: {rows.columns[name][i]!r}", rows.place(i))
                for i, value in enumerate(columns[name])
                if value is None
            ]
        return columns, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: Mapping[str, Mapping[str, list[Any]]], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        """States and actions as lists, with what their scenario is made of; splits keep scenarios whole."""
        worlds = _worlds(side)
        missing = sorted({name for rows in splits.values() for name in rows["scenario"]} - set(worlds))
        if missing:
            shown = ", ".join(missing[:5])
            raise InputError(Problem(f"scenarios without a row in the table {SCENARIOS!r}: {shown}"))
        cut, notes = dict(splits), []
        for part, share in (("test", split.test), ("validation", split.validation)):
            if part not in cut:
                cut["train"], cut[part] = _whole_scenarios(cut["train"], share, split.seed)
                notes.append(f"{part} cut from train: {share:.0%} of the scenarios, seed {split.seed}")
        seen: dict[str, str] = {}
        for part, rows in cut.items():
            for name in dict.fromkeys(rows["scenario"]):
                if seen.setdefault(name, part) != part:
                    raise InputError(Problem(f"scenario {name!r} is in {seen[name]} and in {part}"))
        return {part: _listed(rows, worlds) for part, rows in cut.items()}, notes

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return ACTION

    @classmethod
    def inputs(cls, table: pa.Table) -> Sequence[np.ndarray]:
        flat = table["state"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return list(np.asarray(flat, dtype=np.float64).reshape(len(table), len(STATE)))

    @classmethod
    def predictions(
        cls,
        predict: Callable[[Sequence[Any]], np.ndarray],
        inputs: Sequence[Any],
        table: pa.Table,
        labels: Sequence[str],
        options: Any,
    ) -> pa.Table:
        """One row a scenario: gold and predicted actions, [steps * 2], and what came of the model's own driving."""
        names = table["scenario"].to_pylist()
        rows_of: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            rows_of.setdefault(name, []).append(i)
        gold, answered = cls.targets(table, labels), finite(predict(inputs))
        first = [rows[0] for rows in rows_of.values()]
        worlds = np.asarray(table["world"].take(first).to_pylist(), dtype=np.float64)
        steps = max(len(rows) for rows in rows_of.values())
        driven = drive(worlds, lambda states: finite(predict(list(states))), steps)
        by_expert = drive(worlds, expert, steps)
        return pa.table(
            {
                "example_id": list(rows_of),
                "perturbation": [""] * len(rows_of),
                "gold": [gold[rows].ravel().tolist() for rows in rows_of.values()],
                "prediction": [answered[rows].ravel().tolist() for rows in rows_of.values()],
                "scores": pa.nulls(len(rows_of), pa.list_(pa.float32())),
                "scenario": list(rows_of),
                "in_lane": driven.in_lane.mean(axis=0),
                "collided": driven.collided.astype(np.float64),
                "progress": np.minimum(driven.distance / np.maximum(by_expert.distance, 1.0), 1.0),
                "jerk": driven.jerk,
            }
        )


def _worlds(side: Mapping[str, Mapping[str, list[Any]]]) -> dict[str, list[float]]:
    if SCENARIOS not in side:
        what = f"no table {SCENARIOS!r} beside the rows (side: {{{SCENARIOS}: {{file: ...}}}}), with one row a scenario"
        raise InputError(Problem(what))
    table = side[SCENARIOS]
    numbers = [[as_number(value) for value in table[name]] for name in WORLD]
    bad = [name for name, values in zip(WORLD, numbers, strict=True) if None in values]
    if bad:
        raise InputError([Problem(f"table {SCENARIOS!r}: {name} is not a number in every row") for name in bad])
    worlds = [[float(value) for value in world if value is not None] for world in zip(*numbers, strict=True)]
    lasting = WORLD.index("lead_braking")
    lengths = [i for i, name in enumerate(WORLD) if name.startswith("bend_length")]
    if any(world[i] <= 0 for world in worlds for i in (lasting, *lengths)):
        raise InputError(Problem(f"table {SCENARIOS!r}: lead_braking and the lengths of bends must be above 0"))
    return dict(zip([str(name) for name in table["scenario"]], worlds, strict=True))


def _whole_scenarios(rows: Columns, share: float, seed: int) -> tuple[Columns, Columns]:
    names = sorted(set(rows["scenario"]))
    if len(names) < 2:
        raise InputError(Problem("the train split has only one scenario, so no other split can be cut from it"))
    n = min(max(1, round(share * len(names))), len(names) - 1)
    chosen = set(np.random.default_rng(seed).permutation(names)[:n].tolist())
    away = [name in chosen for name in rows["scenario"]]

    def part(wanted: bool) -> Columns:
        return {
            name: [value for value, out in zip(values, away, strict=True) if out == wanted]
            for name, values in rows.items()
        }

    return part(False), part(True)


def _listed(rows: Columns, worlds: Mapping[str, list[float]]) -> Columns:
    return {
        "state": [list(state) for state in zip(*(rows[name] for name in STATE), strict=True)],
        "world": [worlds[name] for name in rows["scenario"]],
        "action": [list(action) for action in zip(*(rows[name] for name in ACTION), strict=True)],
        "scenario": rows["scenario"],
    }
