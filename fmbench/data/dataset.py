"""Task -> Dataset: read, made to conform, split, fingerprinted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.data.rows import SPLITS, Asked, RawData, Rows
from fmbench.errors import InputError, Problem
from fmbench.registry import KINDS, SOURCES
from fmbench.suite.schema import Task, TaskFile

RESERVED = ("id", "example_id", "perturbation", "gold", "prediction", "scores")
"""Names of the columns of predictions, which no other column may take."""


@dataclass(frozen=True)
class Dataset:
    """The rows of a task, as one Arrow table a split.

    Args:
        splits: "train", "validation" and "test"; columns are `id`, the kind's fields and, where there are any,
            cluster and slice columns.
        labels: the label space, in the order of the model's outputs.
        source: where the rows came from, in words.
        revision: of the hub repository, or None.
        license: as declared by the task.
        fingerprint: sha256 of the rows of all splits (fields of the kind, in order).
        notes: what was done to the rows (splits cut, rows limited).
        score_range: lowest and highest score, declared or as seen in train; None where targets are classes.
        side: tables beside the rows, such as the items of a recommendation task.
        ceiling: metric -> the best score that anything can reach, where the source knows it.
    """

    splits: dict[str, pa.Table]
    labels: tuple[str, ...]
    source: str
    revision: str | None
    license: str | None
    fingerprint: str
    notes: tuple[str, ...] = ()
    score_range: tuple[float, float] | None = None
    side: Mapping[str, pa.Table] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)

    @property
    def train(self) -> pa.Table:
        return self.splits["train"]

    @property
    def validation(self) -> pa.Table:
        return self.splits["validation"]

    @property
    def test(self) -> pa.Table:
        return self.splits["test"]

    @property
    def rows(self) -> dict[str, int]:
        return {split: len(self.splits[split]) for split in SPLITS}


def at_hand(task: Task) -> bool:
    """Whether the rows can be read without network."""
    return bool(SOURCES[task.source].at_hand(task.source_spec, task.base))


def load_dataset(task: Task, limit: int | None = None) -> Dataset:
    """Read the rows of `task`; `limit` keeps only the first rows of each split.

    Raises:
        InputError: files missing or unreadable, columns missing, rows that do not fit the kind, empty splits, fewer
            than two classes; all problems together.
    """
    kind = KINDS[task.spec.kind]
    raw: RawData = SOURCES[task.source].read(task.source_spec, task.base, _asked(task, kind))
    splits = {split: _concatenate(kind, pieces) for split, pieces in raw.splits.items()}
    problems = [problem for _, found in splits.values() for problem in found]
    if "train" not in splits and kind.trains:
        problems.append(Problem(f"task {task.name!r} has no train split", task.place))
    if problems:
        raise InputError(problems)
    columns, assembled = kind.assemble(
        {split: rows for split, (rows, _) in splits.items()}, raw.side, task.options, task.spec.split
    )
    if not kind.trains:
        columns = _all_test(columns)
    notes = raw.notes + tuple(assembled) + tuple(_cut_missing(columns, kind, task.spec))
    whole = _expected_rows(task, raw, columns, list(kind.fields)) if raw.expected_sha256 is not None else None
    if limit is not None:
        columns = {split: {name: values[:limit] for name, values in rows.items()} for split, rows in columns.items()}
        notes += (f"limited to the first {limit} rows of each split",)
    labels = tuple(task.spec.labels) if task.spec.labels else kind.labels(columns["train"])
    problems = _check(task, kind, columns, labels)
    if problems:
        raise InputError(problems)
    observed = kind.score_range(columns["train"])
    if observed is not None and task.spec.score_range is None:
        notes += (f"scores from {observed[0]:g} to {observed[1]:g}, as in train",)
    score_range = (task.spec.score_range[0], task.spec.score_range[1]) if task.spec.score_range else observed
    tables = {split: _table(columns[split], split, present_fields(kind, columns[split])) for split in SPLITS}
    side = {name: pa.table(dict(table)) for name, table in raw.side.items()}
    print_ = whole if whole is not None and limit is None else fingerprint(tables, list(kind.fields), side)
    return Dataset(
        tables,
        labels,
        raw.source,
        raw.revision,
        task.spec.license,
        print_,
        notes,
        score_range,
        side,
        raw.ceiling,
    )


def present_fields(kind: Any, columns: Iterable[str]) -> list[str]:
    """The fields of the kind, and those of its optional fields that are among `columns`."""
    return [*kind.fields, *(name for name in kind.optional_fields if name in columns)]


def _asked(task: Task, kind: Any) -> Asked:
    key = [task.spec.cluster_key] if task.spec.cluster_key else []
    fields = kind.raw_fields or kind.fields
    optional = dict.fromkeys(["id", *kind.optional_fields, *key, *task.spec.slices])
    return Asked(fields, tuple(name for name in optional if name not in fields), kind.gather, kind.side)


def fingerprint(splits: dict[str, pa.Table], fields: list[str], side: Mapping[str, pa.Table] | None = None) -> str:
    """sha256 over the rows: one JSON line `[split, field values ...]` each, splits in the order of `SPLITS`.

    Bytes stand as their own sha256. Tables beside the rows come after them, by name, as `[name, column values ...]`.
    """
    digest = hashlib.sha256()
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_bytes_sha256).encode
    tables = [(split, splits[split].select(fields)) for split in SPLITS]
    for name, table in [*tables, *sorted((side or {}).items())]:
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            digest.update(encode([name, *values]).encode() + b"\n")
    return digest.hexdigest()


def _bytes_sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _expected_rows(task: Task, raw: RawData, columns: dict[str, dict[str, list[Any]]], fields: list[str]) -> str:
    """The fingerprint of the rows. Raises InputError if it is not the pinned one."""
    tables = {split: _table(columns[split], split, fields) for split in SPLITS}
    found = fingerprint(tables, fields)
    if found != raw.expected_sha256:
        what = f"the rows from {raw.source} have sha256 {found}, not the pinned {raw.expected_sha256}"
        raise InputError(Problem(f"task {task.name!r}: {what}", task.place))
    return found


def _concatenate(kind: Any, pieces: list[Rows]) -> tuple[dict[str, list[Any]], list[Problem]]:
    problems: list[Problem] = []
    columns: dict[str, list[Any]] = {}
    for piece in pieces:
        conformed, found = kind.conform(piece)
        problems += found
        if columns and set(columns) != set(conformed):
            problems.append(Problem("other columns than the files before it", piece.place(0)))
            continue
        for name, values in conformed.items():
            columns.setdefault(name, []).extend(values)
    return columns, problems


def _cut_missing(columns: dict[str, dict[str, list[Any]]], kind: Any, spec: TaskFile) -> list[str]:
    """Cut the splits that are missing out of train, in place, and say so; rows of one cluster stay together."""
    notes = []
    split, key = spec.split, spec.cluster_key
    for name, share in (("test", split.test), ("validation", split.validation)):
        if name in columns:
            continue
        rows = columns["train"]
        if key is not None and key in rows:
            how, chosen = f"whole {key}s", grouped(rows[key], share, split.seed)
        else:
            how, chosen = "stratified", stratified(kind.strata(rows), share, split.seed)
        columns[name] = _take(rows, np.flatnonzero(chosen))
        columns["train"] = _take(rows, np.flatnonzero(~chosen))
        notes.append(f"{name} cut from train: {share:.0%} of the rows, {how}, seed {split.seed}")
    return notes


def grouped(groups: Sequence[Any], share: float, seed: int) -> np.ndarray:
    """A boolean mask [n] that picks whole groups at random until `share` of the rows is reached, never all of them."""
    index = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)[1]
    sizes = np.bincount(index)
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    picked = order[(before < share * len(groups)) & (np.arange(len(order)) < len(order) - 1)]
    return np.isin(index, picked)


def stratified(strata: list[str], share: float, seed: int) -> np.ndarray:
    """A boolean mask [n] that picks `share` of the rows of every stratum, rounded fairly and at random by `seed`."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(strata), dtype=bool)
    values = np.array(strata, dtype=object)
    carry = 0.0
    for stratum in sorted(set(strata)):
        members = rng.permutation(np.flatnonzero(values == stratum))
        exact = share * len(members) + carry
        count = min(int(exact + 0.5), len(members))
        carry = exact - count
        chosen[members[:count]] = True
    return chosen


def _take(rows: dict[str, list[Any]], index: np.ndarray) -> dict[str, list[Any]]:
    return {name: [values[i] for i in index] for name, values in rows.items()}


def _all_test(columns: dict[str, dict[str, list[Any]]]) -> dict[str, dict[str, list[Any]]]:
    """All rows as test rows, for kinds that train nothing."""
    pieces = [columns[split] for split in SPLITS if split in columns]
    test = {name: [value for piece in pieces for value in piece[name]] for name in pieces[0]}
    nothing: dict[str, list[Any]] = {name: [] for name in test}
    return {"train": nothing, "validation": dict(nothing), "test": test}


def _check(task: Task, kind: Any, columns: dict[str, dict[str, list[Any]]], labels: tuple[str, ...]) -> list[Problem]:
    problems = []
    for split in SPLITS:
        rows = columns[split]
        if not next(iter(rows.values()), []) and (kind.trains or split == "test"):
            problems.append(Problem(f"task {task.name!r}: the {split} split has no rows", task.place))
    if not problems:
        found = [kind.degenerate(columns["train"], labels), _outside_range(task.spec, kind, columns)]
        problems += [Problem(f"task {task.name!r}: {what}", task.place) for what in found if what]
        key = task.spec.cluster_key
        if key and (key in kind.fields or key in RESERVED):
            problems.append(
                Problem(f"task {task.name!r}: {key!r} cannot be the cluster_key: rename the column", task.place)
            )
        elif key and key not in columns["test"]:
            problems.append(Problem(f"task {task.name!r}: no column {key!r} (cluster_key)", task.place))
    return problems


def _outside_range(spec: TaskFile, kind: Any, columns: dict[str, dict[str, list[Any]]]) -> str | None:
    if spec.score_range is None:
        return None
    low, high = spec.score_range
    for split in SPLITS:
        bad = [score for score in columns[split][kind.label_field] if not low <= score <= high]
        if bad:
            return f"the {split} split has scores outside of score_range [{low:g}, {high:g}]: {bad[0]:g}"
    return None


def _table(rows: dict[str, list[Any]], split: str, fields: Sequence[str]) -> pa.Table:
    """The fields as they are; ids, clusters and slices are names, so they become strings."""
    ids = rows.get("id", [f"{split}-{i}" for i in range(_length(rows))])
    named = {name: [str(value) for value in values] for name, values in rows.items() if name not in fields}
    return pa.table({"id": [str(value) for value in ids]} | {name: rows[name] for name in fields} | named)


def _length(rows: dict[str, list[Any]]) -> int:
    return len(next(iter(rows.values())))
