"""Cells are whole or absent, whatever happens while they are written; the index follows them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from fmbench.errors import InputError
from fmbench.files import write_atomic
from fmbench.run import schemas, store
from fmbench.run.result import Result
from fmbench.run.store import Store, open_report

CELL = "tiny-task/majority/fit/seed-0"


class Crash(BaseException):
    """The machine goes down here."""


def crash(*arguments: Any, **named: Any) -> Any:
    raise Crash


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_crash_leaves_the_old_file_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, old: bytes | None
) -> None:
    path = tmp_path / "folder" / "file"
    if old is not None:
        write_atomic(path, old)
    monkeypatch.setattr(*((os, "fsync") if where == "fsync" else (Path, "replace")), crash)
    with pytest.raises(Crash):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert (path.read_bytes() if path.exists() else None) == old
    assert [p.name for p in path.parent.iterdir()] == ([] if old is None else ["file"]), "no temporary file is left"
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["predictions.parquet", "result.json"])
def test_a_crash_while_saving_never_joins_a_result_with_other_predictions(
    bench: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bench.run()

    def crash_at(path: Path, data: bytes) -> None:
        if path.name == name:
            raise Crash
        write_atomic(path, data)

    monkeypatch.setattr(store, "write_atomic", crash_at)
    with pytest.raises(Crash):
        bench.run(fresh=True)
    monkeypatch.undo()
    assert bench.store.result(CELL) is None, "the result that is not there any more cannot be taken for finished"
    assert bench.run().computed == 1


def test_no_temporary_files_are_left(bench: Any) -> None:
    bench.run()
    names = {path.name for path in bench.store.folder.rglob("*") if path.is_file()}
    assert names == {"plan.json", "index.parquet", "result.json", "predictions.parquet"}


def test_the_index_is_derived_and_made_anew_when_missing_or_stale(bench: Any) -> None:
    bench.run()
    path = bench.store.folder / "index.parquet"
    index = bench.store.index()
    assert index.num_rows == sum(max(1, len(result.measurements)) for result in bench.results().values())
    assert index == pq.read_table(path)
    path.unlink()
    assert bench.store.index() == index
    path.write_bytes(b"PAR1 but not really")
    assert bench.store.index() == index
    result = bench.store.result(CELL)
    bench.store.replace_result(CELL, result.model_copy(update={"measurements": []}))
    stale = bench.store.index()
    assert stale.num_rows == index.num_rows - len(result.measurements) + 1
    (bench.store.folder / CELL / "result.json").unlink()
    assert bench.store.index().num_rows == stale.num_rows - 1


def test_the_index_follows_the_plan(bench: Any) -> None:
    bench.run()
    bench.store.index()
    plan = bench.store.plan()
    plan["cells"] = [cell | {"task_version": 2} if cell["folder"] == CELL else cell for cell in plan["cells"]]
    bench.store.write_plan(plan)
    assert CELL not in bench.store.index()["folder"].to_pylist()


def test_the_index_says_what_failed(bench: Any, break_loader: Any) -> None:
    def refuse(model: Any) -> Any:
        raise ValueError("no such luck")

    break_loader("majority", load=refuse)
    bench.run(seeds=[0])
    (row,) = [row for row in bench.store.index().to_pylist() if row["model"] == "majority"]
    assert (row["status"], row["error"], row["metric"], row["value"]) == (
        "failed",
        "ValueError: no such luck",
        None,
        None,
    )


def test_a_folder_that_is_no_report_is_refused(bench: Any, tmp_path: Path) -> None:
    bench.run(seeds=[0])
    with pytest.raises(InputError, match=r"no such report folder; did you mean '.*tiny'"):
        open_report(tmp_path / "reports" / "tinny")
    with pytest.raises(InputError, match=r"no readable plan\.json; reports in it: tiny"):
        open_report(tmp_path / "reports")
    (bench.store.folder / CELL / "result.json").write_text("{")
    with pytest.raises(InputError, match=rf"{CELL}/result.json: not valid JSON"):
        open_report(bench.store.folder)
    (bench.store.folder / CELL / "result.json").write_text('{"schema": "fmbench.result/9"}')
    with pytest.raises(InputError, match=r"schema 'fmbench\.result/9', where this version reads 'fmbench\.result/1'"):
        open_report(bench.store.folder)
    (bench.store.folder / CELL / "result.json").write_text('{"schema": "fmbench.result/1", "status": "good"}')
    with pytest.raises(InputError, match="not a result: status"):
        open_report(bench.store.folder)


def test_predictions_that_cannot_be_read_count_as_absent(bench: Any) -> None:
    bench.run(seeds=[0])
    (bench.store.folder / CELL / "predictions.parquet").write_bytes(b"nonsense")
    assert bench.store.predictions(CELL) is None
    assert Store(bench.store.folder / "elsewhere").predictions(CELL) is None


def test_both_committed_schemas_are_up_to_date() -> None:
    assert schemas.SUITE_SCHEMA.read_text() == schemas.text(schemas.suite_schema())
    assert schemas.RESULT_SCHEMA.read_text() == schemas.text(schemas.result_schema())


def test_result_json_is_what_its_schema_says(bench: Any) -> None:
    bench.run(seeds=[0])
    content = json.loads((bench.store.folder / CELL / "result.json").read_bytes())
    schema = json.loads(schemas.RESULT_SCHEMA.read_bytes())
    assert set(content) == set(schema["properties"]) == {"schema", *schema["required"]}
    assert all(set(row) == set(schema["$defs"]["Measurement"]["properties"]) for row in content["measurements"])
    assert Result.model_validate(content).to_json() == (bench.store.folder / CELL / "result.json").read_bytes()
    for wrong in (content | {"more": 1}, content | {"seed": "x"}, {k: v for k, v in content.items() if k != "status"}):
        with pytest.raises(ValidationError):
            Result.model_validate(wrong)


def test_the_columns_of_predictions(bench: Any) -> None:
    bench.run(seeds=[0])
    table = bench.store.predictions("tiny-task/tfidf-logreg/fit/seed-0")
    assert table.column_names == ["example_id", "perturbation", "severity", "gold", "prediction", "scores"]
    assert set(table["perturbation"].to_pylist()) == {""}
    assert table.schema.metadata == {b"labels": b"bad\ngood", b"kind": b"text-classification"}
    assert all(sum(row) == pytest.approx(1, abs=1e-6) for row in table["scores"].to_pylist())
