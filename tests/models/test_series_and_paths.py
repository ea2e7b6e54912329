"""Classical models where their answer is known: naive forecasts, straight paths, means by groups, stopped boosting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.errors import CellFailed
from fmbench.models.classical.group_mean import GroupMean
from fmbench.models.classical.mlp import Mlp
from fmbench.models.classical.paths import ConstantVelocity, LinearPath
from fmbench.models.classical.ridge import RidgeRegression
from fmbench.models.classical.series import Naive, SeasonalNaive
from fmbench.models.classical.tables import TableLogreg, TableNumbers
from fmbench.models.classical.views import _path_ahead, _turned_ahead, _turned_back
from fmbench.registry import KINDS
from fmbench.tasks.examples import Examples
from fmbench.tasks.tables import Row


def forecast(past: list[float]) -> Examples:
    columns: dict[str, Any] = {"past": [past] * 2, "known": [{"hour": ["1", "2", "1"]}] * 2}
    columns |= {"future": [[1.0, 2.0, 5.0], [3.0, 4.0, 7.0]], "window_of": ["a", "a"], "window_start": ["0", "1"]}
    table = pa.table({"id": ["0", "1"], **columns})
    return Examples(KINDS["time-series-forecasting"], ("step 1", "step 2", "step 3"), table, table)


def test_naive_forecasts_repeat_the_last_value_or_season() -> None:
    data = forecast([1.0, 2.0, 3.0])
    inputs = data.inputs(data.train)
    assert Naive(None).fit(data, 0).predict(inputs).tolist() == [[3.0, 3.0, 3.0]] * 2
    seasonal = SeasonalNaive(SeasonalNaive.Settings(season=2)).fit(data, 0)
    assert seasonal.predict(inputs).tolist() == [[2.0, 3.0, 2.0]] * 2
    with pytest.raises(CellFailed, match="a season of 9 steps is longer than the context of 3"):
        SeasonalNaive(SeasonalNaive.Settings(season=9)).fit(data, 0)


def test_group_means_are_means_of_the_steps_alike() -> None:
    data = forecast([0.0])
    found = GroupMean(GroupMean.Settings(by=["hour"])).fit(data, 0).predict(data.inputs(data.train))
    assert found.tolist() == [[4.0, 3.0, 4.0]] * 2
    with pytest.raises(CellFailed, match=r"no column 'hours' .*did you mean 'hour'"):
        GroupMean(GroupMean.Settings(by=["hours"])).fit(data, 0)


def test_straight_paths_go_on_straight() -> None:
    path = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    table = pa.table({"id": ["0"], "observed": [path.ravel().tolist()], "future": [[0.0] * 4]})
    data = Examples(KINDS["trajectory-forecasting"], ("x 1", "y 1", "x 2", "y 2"), table, table)
    for model in (ConstantVelocity(None), LinearPath(None)):
        assert model.fit(data, 0).predict([path]) == pytest.approx(np.array([[3.0, 6.0, 4.0, 8.0]]))
    bent = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert ConstantVelocity(None).fit(data, 0).predict([bent])[0, 0] == 1.0
    line = np.polyfit(range(3), bent[:, 0], 1)
    assert LinearPath(None).fit(data, 0).predict([bent])[0, [0, 2]] == pytest.approx(np.polyval(line, [3, 4]))


def test_turned_paths_look_ahead_and_turn_back() -> None:
    rng = np.random.default_rng(0)
    paths, targets = list(rng.normal(size=(5, 4, 2))), rng.normal(size=(5, 6))
    np.testing.assert_allclose(_turned_back(paths, _turned_ahead(paths, targets)), targets, atol=1e-12)
    ahead = _path_ahead(paths).reshape(5, 3, 2)[:, 0]
    np.testing.assert_allclose(ahead[:, 1], 0, atol=1e-12)
    assert (ahead[:, 0] < 0).all(), "where it came from lies behind"
    still = [np.zeros((4, 2))]
    assert _turned_back(still, np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("model", [RidgeRegression, Mlp])
def test_who_sees_paths_with_the_heading_ahead_does_not_mind_them_turned_round(model: Any) -> None:
    """Found by path-rotation: the rounding error of a coordinate that is 0 was standardised and learned from."""
    paths = np.cumsum(np.random.default_rng(0).normal(4, 1, (60, 6, 2)), axis=1) + 50
    observed, future = paths[:, :4].reshape(60, -1), paths[:, 4:].reshape(60, -1)
    table = pa.table({"id": [str(i) for i in range(60)], "observed": observed.tolist(), "future": future.tolist()})
    data = Examples(KINDS["trajectory-forecasting"], ("x 1", "y 1", "x 2", "y 2"), table, table)
    fitted = model(model.Settings()).fit(data, 0)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    inputs = data.inputs(table)
    straight, turned = fitted.predict(inputs), fitted.predict([path @ turn for path in inputs])
    assert turned.reshape(60, 2, 2) == pytest.approx(straight.reshape(60, 2, 2) @ turn, abs=1e-6)


def test_numbers_of_a_table_know_missing_and_new_values() -> None:
    rows = [Row.of({"a": a, "b": b}) for a, b in [(1.0, "x"), (3.0, "y"), (None, None)]]
    one_hot = TableNumbers(rows, one_hot=True)
    assert one_hot(rows).tolist() == [[-1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]]
    assert one_hot([Row.of({"a": 2.0, "b": "z"})]).tolist() == [[0, 0, 0, 0]]
    codes = TableNumbers(rows, one_hot=False)
    assert codes.categorical == [False, True]
    np.testing.assert_array_equal(codes(rows), [[1, 0], [3, 1], [np.nan, np.nan]])


def test_labels_outside_of_the_label_space_are_not_learned_from() -> None:
    rows = [{"a": float(i % 3)} for i in range(30)]
    table = pa.table({"id": [str(i) for i in range(30)], "features": rows, "label": ["x", "y", "other"] * 10})
    data = Examples(KINDS["tabular-classification"], ("x", "y", "unseen"), table, table)
    scores = TableLogreg(TableLogreg.Settings()).fit(data, 0).predict(data.inputs(table)[:2])
    assert scores.argmax(axis=1).tolist() == [0, 1]
    assert (scores[:, 2] == 0).all()
