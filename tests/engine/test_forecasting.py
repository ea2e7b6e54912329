"""The forecasting network learns what no linear model can, and the same each time; test rows never reach it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.engine.context import FitContext
from fmbench.engine.devices import CPU
from fmbench.engine.forecasting import ForecastError, forecasts
from fmbench.errors import InputError
from fmbench.models.classical.ridge import RidgeRegression
from fmbench.models.tide import Tide
from fmbench.models.windows import WindowReader
from fmbench.registry import ADAPTATIONS, KINDS
from fmbench.run.fitted import fitted_call
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan
from fmbench.tasks.examples import Examples
from fmbench.tasks.time_series_forecasting import Window

SMALL = {
    "epochs": 20,
    "hidden_size": 16,
    "members": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "hide": 0.0,
}


def table(past: Any, future: Any, known: Any = None, series: Any = None) -> pa.Table:
    n = len(past)
    columns = {"past": np.asarray(past).tolist(), "known": known or [{}] * n, "future": np.asarray(future).tolist()}
    return pa.table(
        {"id": [*map(str, range(n))], **columns, "window_of": series or [""] * n, "window_start": ["0"] * n}
    )


def examples(train: pa.Table, validation: pa.Table) -> Examples:
    horizon = len(train["future"][0])
    return Examples(KINDS["time-series-forecasting"], tuple(f"step {i + 1}" for i in range(horizon)), train, validation)


def fit(data: Examples, seed: int = 0, validate: Any = None, **settings: Any) -> Any:
    wanted = data.targets(data.validation)
    own = FitContext(seed, "cpu", validate or (lambda found: float(np.abs(found - wanted).mean())), False)
    return ADAPTATIONS["fit"].fit(Tide(Tide.Settings(**SMALL | settings)), data, None, own)


def missed(predictor: Any, data: Examples, held: pa.Table) -> float:
    return float(np.abs(predictor.predict(data.inputs(held)) - data.targets(held)).mean())


def folded(seed: int, n: int = 256) -> pa.Table:
    """The next value is how far the last one is from 0, the one after it that with the sign turned."""
    past = np.random.default_rng(seed).normal(size=(n, 4))
    return table(past, np.stack([np.abs(past[:, -1]), -np.abs(past[:, -1])], axis=1))


def test_it_learns_what_is_not_linear_in_the_past() -> None:
    data, held = examples(folded(0), folded(1, 64)), folded(2)
    linear = missed(RidgeRegression(RidgeRegression.Settings()).fit(data, 0), data, held)
    assert linear > 0.4
    assert missed(fit(data).predictor, data, held) < linear / 4


def at_two_places(seed: int, n: int = 240) -> pa.Table:
    """By day it is full in town and empty at home, at night the other way round; the past says nothing."""
    rng = np.random.default_rng(seed)
    day, town = rng.random((n, 2)) < 0.5, rng.random(n) < 0.5
    known = [{"light": ["day" if one else "night" for one in row]} for row in day]
    series = ["town" if one else "home" for one in town]
    return table(rng.normal(size=(n, 3)), np.where(day == town[:, None], 5.0, -5.0), known, series)


def test_it_learns_how_series_and_what_is_known_of_a_step_work_together() -> None:
    data, held = examples(at_two_places(0), at_two_places(1, 60)), at_two_places(2)
    assert missed(RidgeRegression(RidgeRegression.Settings()).fit(data, 0), data, held) > 4
    assert missed(fit(data).predictor, data, held) < 0.5


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    data = examples(at_two_places(0, 60), at_two_places(1, 20))
    inputs = data.inputs(data.validation)

    def run(seed: int) -> np.ndarray:
        return np.asarray(fit(data, seed, epochs=2, dropout=0.1, hide=0.2).predictor.predict(inputs))

    np.testing.assert_array_equal(run(3), run(3))
    assert not np.array_equal(run(3), run(4))


def test_training_stops_when_the_validation_windows_no_longer_gain() -> None:
    ahead = iter([0.9, 0.1, 0.5, 0.5, 0.5])
    fitted = fit(examples(folded(0), folded(1, 64)), validate=lambda found: next(ahead), epochs=20, patience=2)
    assert fitted.curves["validation"] == [0.9, 0.1, 0.5, 0.5]
    assert fitted.notes["best_epoch"] == 2


@pytest.mark.parametrize("normalise", ["series", "window"])
def test_constant_series_and_a_context_of_one_step_are_forecast(normalise: str) -> None:
    level = np.array([3.0, 1e6] * 20)
    data = examples(table(level[:, None], level[:, None]), table(level[:4, None], level[:4, None]))
    found = fit(data, normalise=normalise, epochs=30).predictor.predict(data.inputs(data.train))
    assert found.shape == (40, 1)
    assert np.abs(found[:, 0] - level).max() < 2e5
    still = examples(table([[7.0] * 3] * 8, [[7.0] * 2] * 8), table([[7.0] * 3] * 2, [[7.0] * 2] * 2))
    assert fit(still, normalise=normalise, epochs=60).predictor.predict(still.inputs(still.train)) == pytest.approx(
        np.full((8, 2), 7.0), abs=0.5
    )


def test_covariates_that_are_missing_or_new_and_new_series_are_no_error() -> None:
    rng = np.random.default_rng(0)
    known = [{"rain": [float(i % 3), None], "light": ["day", None], "empty": [None, None]} for i in range(40)]
    windows = table(rng.normal(size=(40, 3)), rng.normal(size=(40, 2)), known, ["a", "b"] * 20)
    data = examples(windows, windows.slice(0, 10))
    predictor = fit(data, epochs=2, hide=0.2).predictor
    nothing = {"rain": [None, None], "light": [None, None], "empty": [None, None]}
    strange = {"rain": [9.0, 9.0], "light": ["dusk", "dusk"], "empty": [None, None]}
    past = np.array([0.5, 0.1, -0.3])
    found = predictor.predict([Window(past, one, series, "0") for one in (nothing, strange) for series in ("a", "new")])
    assert np.isfinite(found).all()
    without = predictor.predict(
        [Window(past, nothing, "new", "0"), Window(past, strange | {"rain": [None] * 2}, "z", "0")]
    )
    np.testing.assert_allclose(without[0], without[1], rtol=1e-5)


def test_windows_are_normalised_and_come_back() -> None:
    past, future = np.array([[1.0, 3.0], [10.0, 30.0], [1.0, 3.0]]), np.array([[2.0], [20.0], [5.0]])
    rows = examples(table(past, future, None, ["a", "b", "a"]), table(past[:1], future[:1], None, ["a"]))
    train, held = rows.inputs(rows.train), rows.inputs(rows.validation)
    own = WindowReader(train, held, "series")(train)
    assert own.past[:2] == pytest.approx(np.array([[-1, 1], [-1, 1]]))
    assert own.series.tolist() == [1, 2, 1]
    alone = WindowReader(train, held, "window")(train)
    assert alone.past[1] == pytest.approx([-1, 1], abs=0.01)
    for windows in (own, alone):
        assert windows.restored(windows.normalised(future)) == pytest.approx(future, rel=1e-6)
    new = WindowReader(train, held, "series")([Window(past[0], {}, "c", "0")])
    assert (new.series[0], new.centre[0, 0]) == (0, pytest.approx(past.mean()))


def test_series_and_categories_that_validation_does_not_know_are_not_learned() -> None:
    past, future = np.ones((4, 2)), np.ones((4, 1))
    known = [{"month": [month], "hour": ["1"]} for month in ("May", "May", "June", "July")]
    rows = table(past, future, known, ["a", "b", "c", "c"])
    data = examples(rows.slice(0, 2), rows.slice(2))
    reader = WindowReader(data.inputs(data.train), data.inputs(data.validation), "series")
    assert reader.series == {}
    assert list(reader.columns) == ["hour"]
    assert reader(data.inputs(data.train)).known.shape == (2, 1, 1)


def test_the_loss_is_the_error_in_the_unit_of_the_series() -> None:
    data = examples(at_two_places(0, 40), at_two_places(1, 20))
    train = data.inputs(data.train)
    untrained = Tide(Tide.Settings(**SMALL | {"members": 1})).build_for(data)
    windows, targets = untrained.reader(train), data.targets(data.train)
    untrained.network.eval()
    objective, index = ForecastError(windows, targets, untrained.reader.column_of, 0.5), np.arange(40)
    loss = float(objective.loss(untrained.network, index, CPU).detach()) / objective.weight(index)
    found = forecasts(untrained.network, windows, CPU)
    assert loss == pytest.approx(np.abs(found - targets).mean() / targets.std(), rel=1e-5)


SUITE = """\
suite: mine
version: 1
models: [{name: net, loader: tide, settings: {SETTINGS}}]
tasks:
  - name: counts
    kind: time-series-forecasting
    domain: city
    data: {files: {train: counts.csv}, columns: {time: time, value: value}}
    options: {context: 6, horizon: 2}
adaptations: {fit: {}}
seeds: [0]
"""


def written(folder: Path, settings: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(SUITE.replace("SETTINGS", settings))
    return path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("hidden_size: 0", "hidden_size"),
        ("dropout: 1.0", "dropout"),
        ("members: none", "members"),
        ("normalise: weekly", "normalise"),
        ("hiden_size: 8", "did you mean 'hidden_size'"),
    ],
)
def test_wrong_settings_are_one_line_with_their_place(settings: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_suite(written(tmp_path, settings))
    (line,) = str(caught.value).splitlines()
    assert "suite.yaml:3:" in line
    assert said in line


def test_test_rows_never_reach_fit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(10, 1, 200)
    suite = written(tmp_path, "epochs: 2, hidden_size: 8")
    answers = []
    for later in (1.0, 1000.0):
        rows = [
            f"{(datetime(2024, 1, 1) + timedelta(hours=i)).isoformat()},{value * (later if i >= 160 else 1.0)}"
            for i, value in enumerate(values.tolist())
        ]
        (tmp_path / "counts.csv").write_text("\n".join(["time,value", *rows]))
        loaded = load_suite(suite)
        predict, inputs = fitted_call(loaded, plan(loaded)[0], "cpu", None)
        assert len(inputs) == 20
        known = {name: list(column) for name, column in inputs[0].known.items()}
        answers.append(predict([Window(np.arange(6.0), known, inputs[0].series, "0")]))
    np.testing.assert_array_equal(*answers)
