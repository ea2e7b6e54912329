"""Tables: typed columns, missing cells, splits by time, and rows that are a mapping and a text at once."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pyarrow as pa
import pytest

from fmbench.data.rows import Rows
from fmbench.errors import InputError
from fmbench.registry import KINDS
from fmbench.suite.schema import Split
from fmbench.tasks.tables import Row, TableOptions

KIND = KINDS["tabular-classification"]
CELLS: list[dict[str, Any]] = [
    {"age": "39", "job": " clerk", "zip": "010", "when": "2020-01-06 05:00:00"},
    {"age": "4.5", "job": "cook", "zip": "7", "when": "2020-01-04 06:00"},
    {"age": 50, "job": "cook", "zip": 8, "when": "2020-01-05"},
    {"age": "1e2", "job": "12", "zip": "9", "when": "2020-02-01"},
]


def assembled(cells: list[dict[str, Any]], **options: Any) -> tuple[dict[str, dict[str, list[Any]]], list[str]]:
    labels = [str(i % 2) for i in range(len(cells))]
    rows = Rows({"features": copy.deepcopy(cells), "label": labels}, "t.csv", lines=range(2, len(cells) + 2))
    columns, problems = KIND.conform(rows)
    assert not problems
    return KIND.assemble({"train": columns}, {}, TableOptions(**options), Split(test=0.25, validation=0.34))


def test_columns_are_numbers_where_all_cells_are() -> None:
    found, notes = assembled(CELLS)
    assert found["train"]["features"][0] == {"age": 39.0, "job": "clerk", "zip": 10.0, "when": CELLS[0]["when"]}
    assert found["train"]["features"][3]["job"] == "12"
    assert notes == []
    table = pa.table({"features": found["train"]["features"]})
    assert KIND.inputs(table)[3].features["age"] == 100.0


def test_a_column_of_numbers_may_be_called_categories() -> None:
    found, _ = assembled(CELLS, categorical=["zip"], rename={"zip": "zip"})
    assert [row["zip"] for row in found["train"]["features"]] == ["010", "7", "8", "9"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numeric": ["job"]}, r"t.csv:2: column 'job' is not a number: 'clerk'"),
        ({"categorical": ["ag"]}, r"options.categorical: no column 'ag' .*did you mean 'age'"),
        ({"rename": {"jobs": "x"}}, r"options.rename: no column 'jobs'"),
        ({"time": "job"}, r"t.csv:2: column 'job' is not a time"),
        ({"duplicates": "time"}, r"needs a column `time`"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        assembled(CELLS, **options)


@pytest.mark.parametrize("missing", ["", " NA ", None, float("nan"), "?"])
def test_missing_cells_are_refused_by_row_and_column_unless_allowed(missing: Any) -> None:
    cells = copy.deepcopy(CELLS)
    cells[1]["age"] = missing
    with pytest.raises(InputError, match=r"t.csv:3: column 'age' has no value here"):
        assembled(cells)
    found, _ = assembled(cells, missing="allow")
    assert [row["age"] for row in found["train"]["features"]] == [39.0, None, 50.0, 100.0]


def test_cells_that_no_table_can_hold_are_named() -> None:
    rows = Rows(
        {"features": [{"a": [1]}, {"a": float("inf")}, 7], "label": ["x", "y", "x"]}, "t.jsonl", lines=[1, 2, 3]
    )
    _, problems = KIND.conform(rows)
    assert [str(problem) for problem in problems] == [
        "t.jsonl:1: column 'a' is neither a number nor a text: '[1]'",
        "t.jsonl:2: column 'a' is infinite: 'inf'",
        "t.jsonl:3: features is not a mapping of columns: '7'",
    ]


def test_splits_by_time_put_the_last_rows_into_the_test_and_dates_become_features() -> None:
    found, notes = assembled(CELLS, time="when")
    assert {split: [row["age"] for row in rows["features"]] for split, rows in found.items()} == {
        "train": [4.5],
        "validation": [50.0, 39.0],
        "test": [100.0],
    }
    first = found["train"]["features"][0]
    assert (first["hour"], first["weekday"], first["month"]) == ("06:00", "Sat", "Jan")
    assert "when" not in first
    assert any(note.startswith("test cut from train: the last 25%") for note in notes)


def test_rows_at_the_time_of_another_are_left_out() -> None:
    cells = [*CELLS, {**CELLS[0], "age": 1}, CELLS[1]]
    assert sum(len(rows["label"]) for rows in assembled(cells, time="when", duplicates="time")[0].values()) == 4
    found, notes = assembled(cells, duplicates="drop")
    assert len(found["train"]["label"]) == 5
    assert notes == ["1 rows that equal an earlier one were left out"]


def test_a_row_is_a_mapping_for_tables_and_a_text_for_encoders() -> None:
    row = Row.of({"age": 39.0, "rate": 0.25, "job": "clerk", "none": None})
    assert row == "age: 39; rate: 0.25; job: clerk"
    assert isinstance(row, str)
    again = pickle.loads(pickle.dumps(row))  # noqa: S301 - our own
    assert again == row and again.features == row.features
    assert Row.of({"a": None}) == "no values"
