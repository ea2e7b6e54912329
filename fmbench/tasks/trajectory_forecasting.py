"""trajectory-forecasting: where an agent will be, from where it has been."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.cells import as_number
from fmbench.tasks.defaults import Columns
from fmbench.tasks.vectors import Vectors


class TrajectoryOptions(Spec):
    """How windows are cut; the defaults are those of the ETH and UCY benchmarks (Alahi et al. 2016)."""

    observed: int = Field(default=8, ge=2, description="known positions")
    predicted: int = Field(default=12, ge=1, description="positions to predict")
    stride: int = Field(default=1, ge=1, description="frames between windows")
    agents: int = Field(default=1, ge=1, description="leave out windows with fewer agents that are there throughout")


class TrajectoryForecasting(Vectors):
    """Fields `frame`, `agent`, `x` and `y` (metres); each file is a scene, in which agents have their own numbers.

    A model reads positions float64 [observed, 2] and answers [predicted * 2], x and y in turn.
    """

    name: ClassVar[str] = "trajectory-forecasting"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("observed", "future")
    input_fields: ClassVar[tuple[str, ...]] = ("observed",)
    raw_fields: ClassVar[tuple[str, ...] | None] = ("frame", "agent", "x", "y")
    modality: ClassVar[str | None] = "path"
    label_field: ClassVar[str] = "future"
    metrics: ClassVar[tuple[str, ...]] = ("ade", "fde")
    Options: ClassVar[type[Spec]] = TrajectoryOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        columns: dict[str, list[Any]] = {"scene": [rows.file] * len(rows)}
        problems = []
        for name in ("frame", "x", "y"):
            columns[name] = [as_number(value) for value in rows.columns[name]]
            problems += [
                Problem(f"{name} is not a number: {rows.columns[name][i]!r}", rows.place(i))
                for i, value in enumerate(columns[name])
                if value is None
            ]
        columns["agent"] = [str(agent) for agent in rows.columns["agent"]]
        seen: set[tuple[Any, str]] = set()
        for i, key in enumerate(zip(columns["frame"], columns["agent"], strict=True)):
            if key in seen:
                problems.append(Problem(f"agent {key[1]} is twice in frame {key[0]:g}", rows.place(i)))
            elif key[0] is not None:
                seen.add(key)
        return columns, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: Mapping[str, Mapping[str, list[Any]]], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        """Windows of every split; missing splits are cut from the end of every scene of train."""
        notes = []
        cut = dict(splits)
        for part, share in (("test", split.test), ("validation", split.validation)):
            if part not in cut:
                cut["train"], cut[part] = _later(cut["train"], share)
                notes.append(f"{part} cut from train: the last {share:.0%} of the frames of each scene")
        found = {part: _windows(rows, options, part) for part, rows in cut.items()}
        notes += [f"{part}: {len(rows['id'])} windows" for part, rows in found.items()]
        return found, notes

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(f"{axis} {i + 1}" for i in range(len(train["future"][0]) // 2) for axis in "xy")

    @classmethod
    def inputs(cls, table: pa.Table) -> Sequence[np.ndarray]:
        flat = table["observed"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return list(np.asarray(flat, dtype=np.float64).reshape(len(table), -1, 2))


def _later(rows: Columns, share: float) -> tuple[Columns, Columns]:
    """Rows before and after the frame at which the last `share` of the frames of their scene begin."""
    frames: dict[str, set[float]] = {}
    for scene, frame in zip(rows["scene"], rows["frame"], strict=True):
        frames.setdefault(scene, set()).add(frame)
    edge = {scene: sorted(some)[int(len(some) * (1 - share))] for scene, some in frames.items()}
    late = [frame >= edge[scene] for scene, frame in zip(rows["scene"], rows["frame"], strict=True)]

    def part(wanted: bool) -> Columns:
        return {
            name: [value for value, is_late in zip(values, late, strict=True) if is_late == wanted]
            for name, values in rows.items()
        }

    return part(False), part(True)


def _windows(rows: Columns, options: TrajectoryOptions, part: str) -> Columns:
    """Every run of `observed + predicted` frames in a row in which an agent is there throughout."""
    found: Columns = {name: [] for name in ("id", "observed", "future", "scene", "window_start")}
    for scene in dict.fromkeys(rows["scene"]):
        mine = [i for i, name in enumerate(rows["scene"]) if name == scene]
        _cut_scene(scene, {name: [values[i] for i in mine] for name, values in rows.items()}, options, found)
    if not found["id"]:
        what = f"no agent is there for {options.observed} + {options.predicted} frames in a row"
        raise InputError(Problem(f"the {part} split has no windows: {what}"))
    return found


def _cut_scene(scene: str, rows: Columns, options: TrajectoryOptions, found: Columns) -> None:
    length = options.observed + options.predicted
    frames = sorted(set(rows["frame"]))
    if len(frames) < length:
        return
    step = Counter(b - a for a, b in itertools.pairwise(frames)).most_common(1)[0][0]
    at = {frame: i for i, frame in enumerate(frames)}
    breaks = np.concatenate([[0], np.cumsum(np.diff(frames) != step)])
    agents = list(dict.fromkeys(rows["agent"]))
    number = {agent: i for i, agent in enumerate(agents)}
    where = np.full((len(agents), len(frames), 2), np.nan)
    for frame, agent, x, y in zip(rows["frame"], rows["agent"], rows["x"], rows["y"], strict=True):
        where[number[agent], at[frame]] = x, y
    there = np.cumsum(np.isfinite(where[..., 0]), axis=1)
    there = np.concatenate([np.zeros((len(agents), 1), dtype=there.dtype), there], axis=1)
    name = scene.rsplit("/", 1)[-1].split(".")[0]
    for start in range(0, len(frames) - length + 1, options.stride):
        if breaks[start + length - 1] != breaks[start]:
            continue
        whole = np.flatnonzero(there[:, start + length] - there[:, start] == length)
        if len(whole) < options.agents:
            continue
        first = frames[start + options.observed]
        for agent in whole:
            path = where[agent, start : start + length]
            found["id"].append(f"{name}@{first:g}/{agents[agent]}")
            found["observed"].append(path[: options.observed].ravel().tolist())
            found["future"].append(path[options.observed :].ravel().tolist())
            found["scene"].append(name)
            found["window_start"].append(f"{name}@{first:g}")
