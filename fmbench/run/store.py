"""Results on disk: one folder a cell, whole or absent, and an index derived from them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from fmbench.errors import InputError, Place, Problem, nearest
from fmbench.files import write_atomic
from fmbench.run.result import SCHEMA, Result

INDEX_COLUMNS = (
    "suite",
    "suite_version",
    "task",
    "task_version",
    "domain",
    "kind",
    "model",
    "adaptation",
    "seed",
    "cell_hash",
    "status",
    "main_metric",
)


BESIDE = ("fit", "measured")
"""Settings of a result that are no part of the plan's: what the fit noted, and how it was judged."""


class Store:
    """The report folder of one suite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def result(self, cell_folder: str) -> Result | None:
        """The stored result of a cell; None if there is none or it is not whole."""
        return read_result(self.folder / cell_folder / "result.json")

    def predictions(self, cell_folder: str) -> pa.Table | None:
        """The stored predictions of a cell."""
        try:
            return pq.read_table(self.folder / cell_folder / "predictions.parquet")
        except (OSError, pa.ArrowInvalid):
            return None

    def tables(self, cell_folder: str) -> dict[str, pa.Table]:
        """What measures stored beside the predictions of a cell, by name; what cannot be read is left out."""
        found = {}
        for path in sorted((self.folder / cell_folder).glob("*.parquet")):
            if path.stem == "predictions":
                continue
            try:
                found[path.stem] = pq.read_table(path)
            except (OSError, pa.ArrowInvalid):
                continue
        return found

    def save(self, cell_folder: str, result: Result, predictions: pa.Table | None) -> None:
        """Tables first: a result that is there has its predictions, and no others. A failed cell has none."""
        target = self.folder / cell_folder
        (target / "result.json").unlink(missing_ok=True)
        tables = dict(result.tables) | ({} if predictions is None else {"predictions": predictions})
        for path in target.glob("*.parquet"):
            if path.stem not in tables:
                path.unlink()
        for name, table in tables.items():
            stream = io.BytesIO()
            pq.write_table(table, stream, compression="zstd")
            write_atomic(target / f"{name}.parquet", stream.getvalue())
        write_atomic(target / "result.json", result.to_json())

    def replace_result(self, cell_folder: str, result: Result) -> None:
        """Another result of the same predictions."""
        write_atomic(self.folder / cell_folder / "result.json", result.to_json())

    def is_whole(self, cell_folder: str) -> bool:
        """Whether the predictions of a result are there too."""
        return (self.folder / cell_folder / "predictions.parquet").is_file()

    def write_plan(self, plan: dict[str, Any]) -> None:
        write_atomic(self.folder / "plan.json", (json.dumps(plan, indent=1, ensure_ascii=False) + "\n").encode())

    def plan(self) -> dict[str, Any] | None:
        try:
            content = json.loads((self.folder / "plan.json").read_bytes())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write_index(self, results: Iterable[tuple[str, Result]]) -> None:
        """`index.parquet`: the long table of all measurements, with the mark that tells when it is stale."""
        table = index_table(results).replace_schema_metadata({"stamp": self._stamp()})
        stream = io.BytesIO()
        pq.write_table(table, stream, compression="zstd")
        write_atomic(self.folder / "index.parquet", stream.getvalue())

    def index(self) -> pa.Table:
        """The index, made anew if it is missing or older than a cell."""
        path = self.folder / "index.parquet"
        try:
            table = pq.read_table(path)
            if (table.schema.metadata or {}).get(b"stamp", b"").decode() == self._stamp():
                return table
        except (OSError, pa.ArrowInvalid):
            pass
        self.write_index(self.all())
        return pq.read_table(path)

    def all(self) -> list[tuple[str, Result]]:
        """(cell folder, result) of every planned cell that has a result made with the planned settings, in order."""
        plan = self.plan() or {}
        found = []
        for cell in plan.get("cells", []):
            result = self.result(cell["folder"])
            if result is not None and _as_planned(result, cell):
                found.append((cell["folder"], result))
        return found

    def _stamp(self) -> str:
        plan = self.plan() or {}
        marks = []
        for cell in plan.get("cells", []):
            try:
                status = (self.folder / cell["folder"] / "result.json").stat()
            except OSError:
                continue
            marks.append([cell, status.st_mtime_ns, status.st_size])
        return json.dumps(marks)


def _as_planned(result: Result, cell: dict[str, Any]) -> bool:
    """Whether a stored result belongs to the plan as it is now; left-overs of older settings do not count."""
    settings = {name: value for name, value in result.settings.items() if name not in BESIDE}
    return settings == cell["settings"] and result.task_version == cell["task_version"]


def read_result(path: Path) -> Result | None:
    try:
        return Result.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def index_table(results: Iterable[tuple[str, Result]]) -> pa.Table:
    """One row a measurement, with the dimensions of its cell; a failed cell is one row without a metric."""
    rows: list[dict[str, Any]] = []
    for folder, result in results:
        cell = {name: getattr(result, name) for name in INDEX_COLUMNS} | {"folder": folder}
        cell["error"] = result.error.message if result.error else None
        cell["fingerprint"] = result.data.fingerprint if result.data else None
        cell["parameters"] = result.model_info.parameters if result.model_info else None
        cell["trainable_parameters"] = result.model_info.trainable_parameters if result.model_info else None
        rows += [cell | row.model_dump() for row in result.measurements] or [cell | {"metric": None}]
    return pa.Table.from_pylist(rows, schema=_INDEX_SCHEMA)


_INDEX_SCHEMA = pa.schema(
    [(name, pa.int64() if name in ("suite_version", "task_version", "seed") else pa.string()) for name in INDEX_COLUMNS]
    + [
        ("folder", pa.string()),
        ("error", pa.string()),
        ("fingerprint", pa.string()),
        ("parameters", pa.int64()),
        ("trainable_parameters", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
        ("interval", pa.string()),
        ("unit", pa.string()),
        ("higher_is_better", pa.bool_()),
        ("slice", pa.string()),
        ("perturbation", pa.string()),
        ("severity", pa.int64()),
    ]
)


def open_report(folder: Path) -> Store:
    """The store of an existing report. Raises InputError if `folder` is not one."""
    if not folder.is_dir():
        siblings = [str(p) for p in folder.parent.iterdir() if p.is_dir()] if folder.parent.is_dir() else []
        raise InputError(Problem("no such report folder", Place(str(folder)), nearest(str(folder), siblings)))
    store = Store(folder)
    if store.plan() is None:
        inside = sorted(p.parent.name for p in folder.glob("*/plan.json"))
        hint = f"; reports in it: {', '.join(inside)}" if inside else ""
        raise InputError(Problem(f"not a report: it has no readable plan.json{hint}", Place(str(folder))))
    for path in sorted(folder.glob("*/*/*/*/result.json")):
        _refuse_other_schema(path)
    return store


def _refuse_other_schema(path: Path) -> None:
    """A result that cannot be read is reported, not skipped."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(Problem(f"not valid JSON: {error}", Place(str(path)))) from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        what = content.get("schema") if isinstance(content, dict) else None
        raise InputError(Problem(f"schema {what!r}, where this version reads {SCHEMA!r}", Place(str(path))))
    try:
        Result.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(Problem(f"not a result: {where}: {first['msg']}", Place(str(path)))) from None
