"""What rows must keep beyond their kind: labels inside the label space, ids that differ, nothing on both sides."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fmbench.data.rows import Findings, Rows
from fmbench.errors import Place, Problem, nearest

Columns = Mapping[str, Sequence[Any]]
NOT_A_LABEL = frozenset({"nan", "NaN"})
"""What an empty label becomes on its way through a table of numbers."""


class SplitChecks:
    """Looks at the rows of one split as they come, and says in the end what is wrong with them, if all of them conform.

    Where the task declares its labels, no row of any split may have another: it could not be predicted, and would lower
    every score in silence. Labels that are read from train may be exceeded; `strange_labels` says so.
    """

    def __init__(self, kind: Any, labels: Sequence[str] | None) -> None:
        self.kind = kind
        self.labels = tuple(labels) if labels and kind.target in ("class", "classes") else None
        self.notes: list[str] = []
        self._undeclared: dict[tuple[str, str], list[Any]] = {}
        self._nan: list[Problem] = []
        self._ids, self._lines, self._files = array("q"), array("q"), list[tuple[int, str]]()

    def look(self, rows: Rows, columns: Columns) -> None:
        """Take in `rows` of one file, which became `columns`."""
        self.notes += [note for note in rows.notes if note not in self.notes]
        if self.labels is not None and self.kind.label_field in columns:
            self._look_at_labels(rows, columns)
        elif self.kind.target == "class":
            self._look_for_nan(rows, columns.get(self.kind.label_field, ()))
        if "id" in columns and self.kind.raw_fields is None:
            if not self._files or self._files[-1][1] != rows.file:
                self._files.append((len(self._ids), rows.file))
            self._ids.extend(hash(str(value)) for value in columns["id"])
            self._lines.extend(rows.lines if rows.lines is not None else [0] * len(rows))

    def _look_at_labels(self, rows: Rows, columns: Columns) -> None:
        declared = set(self.labels or ())
        if declared.issuperset(self.kind.labels(columns)):
            return
        for i in range(len(rows)):
            one = {name: [values[i]] for name, values in columns.items()}
            for label in set(self.kind.labels(one)) - declared:
                self._undeclared.setdefault((rows.file, label), [rows.place(i), 0])[1] += 1

    def _look_for_nan(self, rows: Rows, labels: Sequence[Any]) -> None:
        if labels and isinstance(labels[0], str) and not NOT_A_LABEL.isdisjoint(labels):
            what = "the label is {!r}: give the row one, leave it out, or declare it in `labels` if it is one"
            places = ((label, rows.place(i)) for i, label in enumerate(labels) if label in NOT_A_LABEL)
            self._nan += [Problem(what.format(label), place) for label, place in places]

    def problems(self) -> list[Problem]:
        """What was found, undeclared labels first."""
        found = Findings()
        found.add(*self._nan)
        for (_, label), (place, n) in self._undeclared.items():
            of_rows = "" if n == 1 else f" ({n:,} rows of this file, this is the first)"
            what = f"the label {label!r} is not declared{of_rows}: `labels` has {_listed(self.labels or ())}"
            found.add(Problem(what, place, nearest(label, self.labels or ())))
        ids = np.frombuffer(self._ids, dtype=np.int64) if self._ids else np.empty(0, dtype=np.int64)
        if len(np.unique(ids)) < len(ids):
            _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
            for row in np.flatnonzero(first[inverse] != np.arange(len(ids))):
                before = self._place(int(first[inverse[row]]))
                where = f"row {before}" if before.line is not None else "another row"
                found.add(Problem(f"its id is that of {where}: ids must differ within a split", self._place(int(row))))
        return found.problems

    def _place(self, row: int) -> Place:
        file = next(name for start, name in reversed(self._files) if start <= row)
        return Place(file, self._lines[row] or None)


def leaks(columns: Mapping[str, Columns], fields: Sequence[str]) -> Iterator[str]:
    """A warning for each of test and validation some of whose rows also stand in train with the same inputs."""
    train = row_hashes(columns["train"], fields)
    train.sort()
    for split in ("test", "validation") if len(train) else ():
        found = row_hashes(columns[split], fields)
        n = int((train[np.minimum(np.searchsorted(train, found), len(train) - 1)] == found).sum())
        if n:
            total = len(columns[split][fields[0]])
            yield f"warning: {n:,} of {total:,} {split} rows also stand in train (the same {' and '.join(fields)})"


def shared_groups(columns: Mapping[str, Columns], key: str) -> Iterator[str]:
    """A warning for each of test and validation that shares values of the column `key` with train."""
    if "train" not in columns:
        return
    train = set(map(str, columns["train"][key]))
    for split in ("test", "validation"):
        groups = set(map(str, columns[split][key])) if split in columns else set()
        if groups & train:
            yield f"warning: {len(groups & train):,} of {len(groups):,} values of {key} in {split} also stand in train"


def strange_labels(kind: Any, test: Columns, labels: Sequence[str]) -> Iterator[str]:
    """A warning if test rows have labels that train does not show, so that no model can give them."""
    strange = set(kind.labels(test)) - set(labels)
    if strange:
        yield f"warning: labels of test that train does not show, so that none can be right: {_listed(sorted(strange))}"


def similar_labels(labels: Sequence[str]) -> Iterator[str]:
    """A warning if labels differ in case or blanks only, as those of one class with a slip do."""
    alike: dict[str, list[str]] = {}
    for label in labels:
        alike.setdefault("".join(label.casefold().split()), []).append(label)
    twins = [repr(label) for found in alike.values() if len(found) > 1 for label in found]
    if twins:
        yield f"warning: labels that differ in case or blanks only: {_listed(twins)}"


def row_hashes(columns: Columns, fields: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of the values of `fields` in each row, int64 [n]; blanks count as one."""
    parts = [np.fromiter(map(_hash, columns[name]), dtype=np.int64, count=len(columns[name])) for name in fields]
    if len(parts) == 1:
        return parts[0]
    return np.fromiter(map(hash, zip(*(part.tolist() for part in parts), strict=True)), np.int64, len(parts[0]))


def _hash(value: Any) -> int:
    if isinstance(value, str):
        return hash(" ".join(value.split()))
    try:
        return hash(value)
    except TypeError:
        return hash(_frozen(value))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(((str(key), _frozen(one)) for key, one in value.items()), key=lambda pair: pair[0]))
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    return value


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
