"""Windows of series and of trajectories: nothing of the future is known, and gaps and edges are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.data.rows import Rows
from fmbench.errors import InputError
from fmbench.registry import KINDS
from fmbench.suite.schema import Split
from fmbench.tasks.time_series_forecasting import SeriesOptions
from fmbench.tasks.trajectory_forecasting import TrajectoryOptions

SERIES, PATHS = KINDS["time-series-forecasting"], KINDS["trajectory-forecasting"]
Columns = dict[str, list[Any]]


def series(columns: Columns, split: Split | None = None, **options: Any) -> tuple[dict[str, Columns], list[str]]:
    n = len(next(iter(columns.values())))
    rows = Rows({"others": [{} for _ in range(n)], **columns}, "s.csv", lines=range(2, n + 2))
    conformed, problems = SERIES.conform(rows)
    assert not problems
    return SERIES.assemble({"train": conformed}, {}, SeriesOptions(**options), split or Split())


@given(
    n=st.integers(60, 150),
    context=st.integers(1, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 5),
    share=st.sampled_from([0.2, 0.3]),
)
def test_targets_of_a_split_are_its_own_and_later_than_those_before(
    n: int, context: int, horizon: int, stride: int, share: float
) -> None:
    split = Split(test=share, validation=share)
    found, _ = series({"value": list(range(n))}, split, context=context, horizon=horizon, stride=stride)
    targets = {part: {value for row in rows["future"] for value in row} for part, rows in found.items()}
    assert max(targets["train"]) < min(targets["validation"])
    assert max(targets["validation"]) < min(targets["test"]) == int(n * (1 - share))
    for rows in found.values():
        for past, future in zip(rows["past"], rows["future"], strict=True):
            assert past + future == list(range(int(past[0]), int(past[0]) + context + horizon))


def test_windows_never_reach_over_a_gap() -> None:
    time = [*range(40), *range(50, 90)]
    found, _ = series({"value": [float(t) for t in time], "time": time}, context=3, horizon=2, stride=1)
    windows = [past + future for rows in found.values() for past, future in zip(rows["past"], rows["future"])]  # noqa: B905
    assert windows and all(np.ptp(window) == 4 for window in windows)


def test_wide_tables_are_many_series_and_dates_bring_their_calendar() -> None:
    time = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00:00" for i in range(240)]
    cells = [{"a": i, "b": -i, "open": "yes"} for i in range(240)]
    found, notes = series({"others": cells, "time": time}, context=2, horizon=3, known=["open"])
    assert set(found["test"]["window_of"]) == {"a", "b"}
    first = found["test"]["known"][0]
    assert set(first) == {"hour", "weekday", "month", "open"}
    assert first["hour"] == ["00:00", "01:00", "02:00"]
    assert found["test"]["window_start"][0] == "2024-01-09 00:00:00"
    assert notes[0].startswith("split by time: test from 2024-01-09 00:00:00 on")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": [1.0, "", *[2.0] * 40]}, r"s.csv:3: column 'value' has no number here"),
        ({"value": [1.0] * 40, "time": [0, 0, *range(38)]}, r"s.csv:3: a second row at the same time"),
        ({"value": [1.0] * 40, "time": ["soon", *range(39)]}, r"s.csv:2: column 'time' is not a time"),
        ({"time": list(range(40))}, "no series: no column `value`"),
        ({"value": [1.0] * 20}, "has no windows of 24 known and 12 further steps"),
    ],
)
def test_rows_that_make_no_series_are_named(columns: Columns, message: str) -> None:
    with pytest.raises(InputError, match=message):
        series(columns)


def test_gaps_may_be_filled_with_the_value_before_and_doubles_left_out() -> None:
    values = [float(i) for i in range(60)]
    values[30] = float("nan")
    time = [*range(60)]
    found, notes = series(
        {"value": [*values, 99.0], "time": [*time, 5]}, context=2, horizon=2, missing="last", duplicates="first"
    )
    assert 30.0 not in {value for rows in found.values() for row in rows["future"] for value in row}
    assert "1 rows at a time that has one already were left out" in notes


def paths(rows: list[tuple[Any, ...]], **options: Any) -> dict[str, Columns]:
    names = ("frame", "agent", "x", "y")
    columns = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    conformed, problems = PATHS.conform(Rows(columns, "hall.txt", lines=range(1, len(rows) + 1)))
    assert not problems
    both = {"train": conformed, "validation": conformed, "test": conformed}
    found, _ = PATHS.assemble(both, {}, TrajectoryOptions(observed=2, predicted=2, **options), Split())
    return found


def test_trajectories_are_of_agents_that_are_there_throughout() -> None:
    rows = [(10 * t, "a", t, 0) for t in range(6)] + [(10 * t, "b", 0, t) for t in range(3)]
    rows += [(200 + 10 * t, "a", t, 1) for t in range(4)]
    found = paths(rows)["test"]
    assert found["observed"][0] == [0, 0, 1, 0]
    assert found["future"] == [[2, 0, 3, 0], [3, 0, 4, 0], [4, 0, 5, 0], [2, 1, 3, 1]]
    assert found["window_start"] == ["hall@20", "hall@30", "hall@40", "hall@220"]
    with pytest.raises(InputError, match="has no windows"):
        paths(rows, agents=2)


def test_wrong_rows_of_trajectories_are_named() -> None:
    columns = {"frame": [1, 1, "x"], "agent": ["a", "a", "b"], "x": [0, 0, 0], "y": [0, 0, float("nan")]}
    _, problems = PATHS.conform(Rows(columns, "hall.txt", lines=[1, 2, 3]))
    assert [str(problem) for problem in problems] == [
        "hall.txt:3: frame is not a number: 'x'",
        "hall.txt:3: y is not a number: nan",
        "hall.txt:2: agent a is twice in frame 1",
    ]
