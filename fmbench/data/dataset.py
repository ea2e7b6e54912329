"""Task -> Dataset: read, made to conform, split, fingerprinted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.data.checks import SplitChecks, leaks, shared_groups, similar_labels, strange_labels
from fmbench.data.fingerprints import Columns, fingerprint_of
from fmbench.data.mapped import VERSION, Batch, MappedRows, kept, numbered_ids, record_batch
from fmbench.data.rows import SPLITS, Asked, Findings, RawData, Rows, Stream, within_limit
from fmbench.data.splits import grouped, stratified
from fmbench.errors import InputError, Problem, nearest
from fmbench.registry import KINDS, SOURCES
from fmbench.suite.schema import Task, TaskFile

RESERVED = (
    *("id", "example_id", "perturbation", "severity", "gold", "prediction", "scores"),
    *("input_length", "distribution", "gold_seen", "prediction_seen", "toxicity_score"),
)
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
        fingerprint: sha256 of the rows of all splits (fields of the kind, then the optional ones that all have).
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
    splits, notes = _conform(task, kind, raw)
    beside = {name: dict(table) for name, table in raw.side.items()}
    columns, assembled = kind.assemble(splits, beside, task.options, task.spec.split)
    given = tuple(columns)
    if not kind.trains:
        columns = _all_test(columns)
    notes += tuple(assembled) + tuple(_cut_missing(columns, kind, task.spec))
    fields = present_fields(kind, set.intersection(*(set(columns[split]) for split in SPLITS)))
    whole = _expected_rows(task, raw, columns, fields) if raw.expected_sha256 is not None else None
    if limit is not None:
        columns = {split: {name: values[:limit] for name, values in rows.items()} for split, rows in columns.items()}
        notes += (f"limited to the first {limit} rows of each split",)
    labels = tuple(task.spec.labels) if task.spec.labels else kind.labels(columns["train"])
    problems = _check(task, kind, columns, labels, given)
    if problems:
        raise InputError(problems)
    observed = kind.score_range(columns["train"])
    if observed is not None and task.spec.score_range is None:
        notes += (f"scores from {observed[0]:g} to {observed[1]:g}, as in train",)
    score_range = (task.spec.score_range[0], task.spec.score_range[1]) if task.spec.score_range else observed
    notes += tuple(_warnings(task, kind, columns, labels, given))
    tables = {split: _table(columns[split], split, present_fields(kind, columns[split])) for split in SPLITS}
    side = {name: pa.table(table) for name, table in beside.items()}
    print_ = whole if whole is not None and limit is None else fingerprint_of(columns, fields, side)
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


def _warnings(
    task: Task, kind: Any, columns: Mapping[str, Columns], labels: Sequence[str], given: Sequence[str]
) -> Iterator[str]:
    """What a reader of the result must know: rows or groups on both sides of a split, labels that cannot be learned."""
    if kind.raw_fields is None:
        yield from leaks(columns, kind.input_fields)
    key = task.spec.cluster_key
    if key is not None and all(key in columns[split] for split in SPLITS):
        yield from shared_groups({split: columns[split] for split in SPLITS if split in given}, key)
    if task.spec.labels is None and labels and kind.target in ("class", "classes"):
        yield from strange_labels(kind, columns["test"], labels)
        yield from similar_labels(labels)


def present_fields(kind: Any, columns: Iterable[str]) -> list[str]:
    """The fields of the kind, and those of its optional fields that are among `columns`."""
    return [*kind.fields, *(name for name in kind.optional_fields if name in columns)]


def _asked(task: Task, kind: Any) -> Asked:
    key = [task.spec.cluster_key] if task.spec.cluster_key else []
    fields = kind.raw_fields or kind.fields
    optional = dict.fromkeys(["id", *kind.optional_fields, *key, *task.spec.slices, *task.spec.keep])
    return Asked(fields, tuple(name for name in optional if name not in fields), kind.gather, kind.side)


def _expected_rows(task: Task, raw: RawData, columns: Mapping[str, Columns], fields: list[str]) -> str:
    """The fingerprint of the rows. Raises InputError if it is not the pinned one."""
    found = fingerprint_of(columns, fields, {})
    if found != raw.expected_sha256:
        what = f"the rows from {raw.source} have sha256 {found}, not the pinned {raw.expected_sha256}"
        raise InputError(Problem(f"task {task.name!r}: {what}", task.place))
    return found


class _Unreadable(InputError):
    """A file of a stream that cannot be read: its rows need no judgement."""


def _conform(task: Task, kind: Any, raw: RawData) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Split -> conformed columns, and what was noted. Raises InputError with the problems of all files.

    Rows that stay on disk are those of kinds that take rows as they come; others need them all at once.
    """
    streamed = kind.raw_fields is None and kind.gather is None and not kind.side
    found: dict[str, Any] = {}
    unreadable: list[Problem] = []
    problems: list[Problem] = []
    notes = list(raw.notes)
    for split, pieces in raw.splits.items():
        checks = SplitChecks(kind, task.spec.labels)
        try:
            if streamed and pieces and all(isinstance(piece, Stream) for piece in pieces):
                found[split] = _on_disk(kind, pieces, checks, task.spec.labels)
            else:
                whole = [piece.whole() if isinstance(piece, Stream) else piece for piece in pieces]
                found[split] = _concatenate(kind, whole, checks)
        except _Unreadable as error:
            unreadable += error.problems
        except InputError as error:
            problems += error.problems
        notes += checks.notes
    if unreadable:
        raise InputError(unreadable)
    if "train" not in raw.splits and "train" not in kind.may_lack and kind.trains:
        problems.append(Problem(f"task {task.name!r} has no train split", task.place))
    if problems:
        raise InputError(problems)
    return found, tuple(dict.fromkeys(notes))


def _concatenate(kind: Any, pieces: Sequence[Rows], checks: SplitChecks) -> dict[str, list[Any]]:
    problems: list[Problem] = []
    columns: dict[str, list[Any]] = {}
    for piece in pieces:
        conformed, found = kind.conform(piece)
        problems += within_limit(found)
        if columns and set(columns) != set(conformed):
            problems.append(_other_columns(piece))
            continue
        if not found:
            checks.look(piece, conformed)
        for name, values in conformed.items():
            columns.setdefault(name, []).extend(values)
    problems = problems or checks.problems()
    if problems:
        raise InputError(problems)
    return columns


def _other_columns(piece: Rows) -> Problem:
    return Problem("other columns than the files before it", piece.place(0))


def _on_disk(kind: Any, pieces: Sequence[Any], checks: SplitChecks, labels: Sequence[str] | None) -> MappedRows:
    """The rows of streams, conformed chunk by chunk, as an Arrow file."""
    what = (VERSION, kind.name, kind.version, labels, [piece.key for piece in pieces])
    key = hashlib.sha256(repr(what).encode()).hexdigest()
    rows = kept(key, lambda: _conformed(kind, pieces, checks))
    checks.notes += rows.notes
    return rows


def _conformed(kind: Any, pieces: Sequence[Stream], checks: SplitChecks) -> Iterator[Batch]:
    """Record batches of all rows, with notes on them. Raises InputError after the last, for all that is wrong."""
    schema: pa.Schema | None = None
    names: set[str] = set()
    unreadable: list[Problem] = []
    problems: list[Problem] = []
    for piece in pieces:
        found = Findings()
        strange: Problem | None = None
        try:
            for rows in piece.chunks():
                columns, wrong = kind.conform(rows)
                found.add(*wrong)
                if names and names != set(columns):
                    strange = strange or _other_columns(rows)
                    continue
                names = set(columns)
                if not wrong:
                    checks.look(rows, columns)
                if not found and not unreadable and not problems:
                    others = {name: _names(values) for name, values in columns.items() if name not in kind.fields}
                    batch = record_batch({**columns, **others}, schema)
                    schema = batch.schema
                    yield batch, rows.notes
        except InputError as error:
            unreadable += error.problems
        problems += found.problems + ([strange] if strange else [])
    problems = problems or checks.problems()
    if unreadable:
        raise _Unreadable(unreadable)
    if problems:
        raise InputError(problems)


def _names(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]


def _cut_missing(columns: dict[str, Any], kind: Any, spec: TaskFile) -> list[str]:
    """Cut the splits that are missing out of train, in place, and say so; rows of one cluster stay together."""
    notes = []
    split, key = spec.split, spec.cluster_key
    for name, share in (("test", split.test), ("validation", split.validation)):
        if name in columns:
            continue
        rows = columns["train"]
        strata = kind.strata(rows)
        if key is not None and key in rows:
            how, chosen = f"whole {key}s, stratified", grouped(rows[key], share, split.seed, strata)
        else:
            how, chosen = "stratified", stratified(strata, share, split.seed)
        columns[name] = _take(rows, chosen)
        columns["train"] = _take(rows, ~chosen)
        notes.append(f"{name} cut from train: {share:.0%} of the rows, {how}, seed {split.seed}")
    return notes


def _take(rows: Columns, chosen: np.ndarray) -> Columns:
    """The rows where `chosen` [n] is true."""
    if isinstance(rows, MappedRows):
        return rows.subset(chosen)
    index = np.flatnonzero(chosen).tolist()
    return {name: [values[i] for i in index] for name, values in rows.items()}


def _all_test(columns: Mapping[str, Columns]) -> dict[str, Any]:
    """All rows as test rows, for kinds that train nothing."""
    pieces = [columns[split] for split in SPLITS if split in columns]
    test = {name: [value for piece in pieces for value in piece[name]] for name in pieces[0]}
    nothing: dict[str, list[Any]] = {name: [] for name in test}
    return {"train": nothing, "validation": dict(nothing), "test": test}


def _check(
    task: Task, kind: Any, columns: Mapping[str, Columns], labels: tuple[str, ...], given: Sequence[str]
) -> list[Problem]:
    problems = [
        Problem(f"task {task.name!r}: the {split} split has no rows{_too_few(task, columns, split, given)}", task.place)
        for split in SPLITS
        if not _length(columns[split]) and split not in kind.may_lack and (kind.trains or split == "test")
    ]
    if not problems:
        found = [kind.degenerate(columns["train"], labels), _outside_range(task.spec, kind, columns)]
        problems += [Problem(f"task {task.name!r}: {what}", task.place) for what in found if what]
        keys = [("cluster_key", task.spec.cluster_key)] if task.spec.cluster_key else []
        kept = [
            (what, name) for what, names in (("slices", task.spec.slices), ("keep", task.spec.keep)) for name in names
        ]
        for what, key in [*keys, *kept]:
            have = [name for name in columns["test"] if name not in kind.fields]
            lists = f" (besides its fields it has {', '.join(have)})" if have else ""
            if key in RESERVED or (what == "cluster_key" and key in kind.fields):
                said = f"{key!r} cannot be the {what}: rename the column"
            elif key not in columns["test"]:
                said = f"no column {key!r} ({what}){lists}"
            else:
                continue
            problems.append(Problem(f"task {task.name!r}: {said}", task.place, nearest(str(key), have)))
    return problems


def _too_few(task: Task, columns: Mapping[str, Columns], split: str, given: Sequence[str]) -> str:
    """Why a split that is cut from train came out empty; nothing where it was not cut."""
    if split == "train" or split in given:
        return ""
    key = task.spec.cluster_key
    cut = [columns[name] for name in SPLITS if name == "train" or name not in given]
    rows = sum(map(_length, cut))
    what = "1 row is" if rows == 1 else f"{rows} rows are"
    if key is not None and key in columns["train"]:
        groups = len({str(value) for one in cut for value in one[key]})
        what = f"{rows} rows of {groups} values of {key} are"
    return f": {what} too few to cut it from train; name a file for it, or bring more rows"


def _outside_range(spec: TaskFile, kind: Any, columns: Mapping[str, Columns]) -> str | None:
    if spec.score_range is None:
        return None
    low, high = spec.score_range
    for split in SPLITS:
        bad = [score for score in columns[split][kind.label_field] if not low <= score <= high]
        if bad:
            return f"the {split} split has scores outside of score_range [{low:g}, {high:g}]: {bad[0]:g}"
    return None


def _table(rows: Columns, split: str, fields: Sequence[str]) -> pa.Table:
    """The fields as they are; ids, clusters and slices are names, so they become strings."""
    n = _length(rows)
    if isinstance(rows, MappedRows):
        others = [name for name in rows.table.column_names if name not in fields]
        ids = rows.table["id"] if "id" in others else numbered_ids(split, n).table["id"]
        chosen = {name: rows.table[name] for name in [*fields, *(name for name in others if name != "id")]}
        return pa.table({"id": ids, **chosen})
    ids = rows.get("id", [f"{split}-{i}" for i in range(n)])
    named = {name: _names(values) for name, values in rows.items() if name not in fields}
    return pa.table({"id": _names(ids)} | {name: rows[name] for name in fields} | named)


def _length(rows: Columns) -> int:
    return len(next(iter(rows.values()), []))
