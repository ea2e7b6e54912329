"""A report made small enough to commit: its scores, what each example contributes to them, and what it was made of.

One JSON file. Arrays (statistics of the gated metrics, [n, ...]) are packed: the smallest type that holds them, column
by column, zlib, base64, named by their sha256, so that equal ones are there once. Texts are not in it, and predictions
only where a metric of another library needs them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fmbench.errors import InputError, Place, Problem
from fmbench.measure.measurement import Measurement
from fmbench.suite.schema import Gate

BASELINE_FILE = "baseline.json"
SCHEMA = "fmbench.baseline/1"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Packed(_Part):
    """An array; `array_of` unpacks it."""

    dtype: str
    shape: list[int]
    data: str


class CellOfBaseline(_Part):
    """What the gate needs of one cell."""

    task: str
    task_version: int
    kind: str
    model: str
    adaptation: str
    seed: int
    cell_hash: str
    main_metric: str
    fingerprint: str
    measurements: list[Measurement] = Field(description="overall scores; slices are left out")
    statistics: dict[str, str] = Field(description="metric -> name in `arrays`")
    examples: str = Field(description="name in `examples` of the example ids")
    clusters: str | None = None
    values: dict[str, str] = Field(
        default={}, description="metric of another library -> name in `examples` of the texts that its array counts in"
    )


class Baseline(_Part):
    """The content of a baseline file."""

    schema_: Literal["fmbench.baseline/1"] = Field(default="fmbench.baseline/1", alias="schema")
    suite: str
    suite_version: int
    gate: Gate
    machine: dict[str, Any]
    cells: list[CellOfBaseline]
    examples: dict[str, list[str | None]]
    arrays: dict[str, Packed]


def packed(array: np.ndarray) -> tuple[str, Packed]:
    """(name, packed array): integers in the smallest type that holds them, other numbers as float64."""
    if array.dtype.kind in "biu" and array.size:
        array = array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
    elif array.dtype.kind in "biu":
        array = array.astype(np.uint8)
    else:
        array = array.astype("<f8")
    content = np.ascontiguousarray(np.moveaxis(array, 0, -1)).astype(array.dtype.newbyteorder("<"))
    raw = content.tobytes()
    name = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + raw).hexdigest()[:16]
    data = base64.b64encode(zlib.compress(raw, 9)).decode()
    return name, Packed(dtype=content.dtype.str, shape=list(array.shape), data=data)


def array_of(one: Packed) -> np.ndarray:
    """The array that was packed. Raises ValueError if it is damaged."""
    try:
        raw = zlib.decompress(base64.b64decode(one.data, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from error
    turned = np.frombuffer(raw, dtype=np.dtype(one.dtype)).reshape([*one.shape[1:], one.shape[0]])
    found: np.ndarray = np.moveaxis(turned, -1, 0)
    return found.astype(np.float64) if found.dtype.kind == "f" else found.astype(np.int32)


def named_list(values: Sequence[object]) -> tuple[str, list[str | None]]:
    """(name, values as text): lists that several cells share are stored once."""
    texts = [None if value is None else str(value) for value in values]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16], texts


def collect(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Names -> values, sorted, so that the same report gives the same file."""
    return dict(sorted(dict(pairs).items()))


def to_bytes(baseline: Baseline) -> bytes:
    """As JSON with a line for each cell, list and array, so that a diff shows what changed."""
    content = baseline.model_dump(mode="json", by_alias=True)
    head = {name: content[name] for name in ("schema", "suite", "suite_version", "gate", "machine")}
    lines = [f" {json.dumps(name)}: {_compact(value)}" for name, value in head.items()]
    cells = ",\n".join(f"  {_compact(cell)}" for cell in content["cells"])
    lines.append(f' "cells": [\n{cells}\n ]')
    for name in ("examples", "arrays"):
        rows = ",\n".join(f"  {json.dumps(key)}: {_compact(value)}" for key, value in content[name].items())
        lines.append(f' "{name}": {{\n{rows}\n }}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def read_baseline(path: Path) -> Baseline:
    """Raises InputError where the file is no baseline, or is half-written or damaged."""
    place = Place(str(path))
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(Problem(f"not valid JSON: {error}", place)) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(Problem(f"schema {schema!r}, where this version reads {SCHEMA!r}", place))
    try:
        found = Baseline.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(Problem(f"not a baseline: {where}: {first['msg']}", place)) from None
    _refuse_damaged(found, place)
    return found


def _refuse_damaged(baseline: Baseline, place: Place) -> None:
    problems = []
    for name, one in baseline.arrays.items():
        try:
            array = array_of(one)
            if packed(array)[0] != name:
                raise ValueError("its content is not what its name says")
        except (ValueError, TypeError) as error:
            problems.append(Problem(f"damaged: array {name}: {error}", place))
    for name, texts in baseline.examples.items():
        if named_list(texts)[0] != name:
            problems.append(Problem(f"damaged: list {name}: its content is not what its name says", place))
    for cell in baseline.cells:
        wanted = [*cell.statistics.values()]
        lists = [cell.examples, *([cell.clusters] if cell.clusters else []), *cell.values.values()]
        if not {*wanted} <= baseline.arrays.keys() or not {*lists} <= baseline.examples.keys():
            problems.append(Problem(f"damaged: {cell.task}/{cell.model} names what is not there", place))
    if problems:
        raise InputError(problems)
