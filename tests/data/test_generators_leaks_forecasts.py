"""Generated series and paths leak nothing: strong learners stay behind the oracle, whose errors nobody can learn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.neighbors import NearestNeighbors

from fmbench.data.generator import Generated
from fmbench.data.generators import intersection_paths, regime_forecast, traffic_flow
from fmbench.data.rows import SPLITS, Rows
from fmbench.registry import GENERATORS, KINDS
from fmbench.suite.schema import Split

SIZES: dict[str, dict[str, Any]] = {
    "regime-forecast": {"series": 12, "train": 800, "validation": 60, "test": 800, "futures": 200},
    "traffic-flow": {"counters": 8, "train": 126, "validation": 4, "test": 70},
    "intersection-paths": {"train": 6000, "validation": 10, "test": 1500},
}
KIND_OF = {
    "regime-forecast": ("time-series-forecasting", {"context": 24, "horizon": 6, "stride": 6, "train_stride": 2}),
    "traffic-flow": (
        "time-series-forecasting",
        {"context": 24, "horizon": 12, "stride": 12, "train_stride": 6, "known": ["rain"]},
    ),
    "intersection-paths": ("trajectory-forecasting", {}),
}
NEAR = {"regime-forecast": 0.06, "traffic-flow": 0.1, "intersection-paths": 0.15}
"""By what share of the oracle's error the best learner here is behind it, at most."""


@dataclass(frozen=True)
class Seen:
    """Windows or cars of a split.

    Args:
        told: what a model is told beside the values: row, series and time as numbers [n, clues].
        past: values that a model sees, [n, steps], those of known columns among them.
        future: what comes, [n, k].
        scale: [n, k] what the future is divided by, that all rows be of one size.
        raw: what the oracle reads, arrays of n.
    """

    told: np.ndarray
    past: np.ndarray
    future: np.ndarray
    scale: np.ndarray
    raw: tuple[np.ndarray, ...]


@cache
def made(name: str, **settings: Any) -> Generated:
    owner = GENERATORS[name]
    found: Generated = owner.generate(owner.Settings.model_validate({**SIZES[name], **settings}))
    return found


def cut(name: str, **other: Any) -> dict[str, Any]:
    """The windows of each split, as the task's kind cuts them, with other rows for some splits."""
    kind, options = KIND_OF[name]
    owner = KINDS[kind]
    splits = {**made(name).splits, **other}
    read = {split: owner.conform(Rows(columns, split))[0] for split, columns in splits.items()}
    found: dict[str, Any] = owner.assemble(read, {}, owner.Options.model_validate(options), Split())[0]
    return found


as_cut = cache(cut)


@cache
def seen(name: str, split: str) -> Seen:
    read = {"regime-forecast": _market, "traffic-flow": _street, "intersection-paths": _crossing}[name]
    return read(as_cut(name)[split], settings_of(name))


def settings_of(name: str) -> Any:
    return GENERATORS[name].Settings.model_validate(SIZES[name])


@cache
def oracle(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Its means and its medians of what comes in the test, [n, k] each."""
    settings, (past, *more) = settings_of(name), seen(name, "test").raw
    if name == "regime-forecast":
        return regime_forecast.forecasts(past, settings, np.random.default_rng(1))
    if name == "traffic-flow":
        return traffic_flow.forecasts(past, more[0], settings)
    every, chances = intersection_paths.ways(settings.notice)
    beliefs = intersection_paths.believed(past, every, chances, settings.noise)
    mean = np.einsum("nw,wtc->ntc", beliefs, every[:, intersection_paths.OBSERVED :])
    return mean.reshape(len(past), -1), intersection_paths.forecasts(past, settings).reshape(len(past), -1)


def _market(windows: Any, settings: Any) -> Seen:
    past, future = np.array(windows["past"]), np.array(windows["future"])
    series = [int(one.rsplit("-", 1)[1]) for one in windows["window_of"]]
    told = np.column_stack([np.arange(len(past)), series, np.array(windows["window_start"], dtype=float)])
    return Seen(told, past, future, np.ones_like(future), (past,))


def _street(windows: Any, settings: Any) -> Seen:
    """What is expected of each hour is told to the learners: they could find it by averaging over days."""
    past, future = np.array(windows["past"]), np.array(windows["future"])
    series = np.array([int(one.rsplit("-", 1)[1]) for one in windows["window_of"]])
    starts = [datetime.fromisoformat(one) for one in windows["window_start"]]
    hours = np.array([round((start - traffic_flow.BEGIN).total_seconds() / 3600) for start in starts])
    told = np.column_stack([np.arange(len(past)), series, hours, hours % 24, hours // 24, hours // 24 % 7])
    days = settings.train + settings.validation + settings.test
    patterns = traffic_flow._patterns(np.random.default_rng(settings.seed), settings.counters, 24 * days)
    rain = np.concatenate([[other["rain"] for other in made("traffic-flow").splits[s]["others"]] for s in SPLITS])
    counts = [24 * getattr(settings, split) for split in SPLITS]
    ends = np.cumsum([0, *(settings.counters * count for count in counts)])
    rain = np.concatenate([rain[end : end + count] for end, count in zip(ends, counts, strict=False)])
    at = hours[:, None] + np.arange(-settings.context, settings.horizon)
    usual = patterns[series[:, None], at] * (1 - traffic_flow.RAIN * rain[at])
    known = np.array([row["rain"] for row in windows["known"]])
    values = np.column_stack([past[:, -8:] / usual[:, settings.context - 8 : settings.context], rain[at], known])
    return Seen(told, values, future, usual[:, settings.context :], (past, usual))


def _crossing(windows: Any, settings: Any) -> Seen:
    """All turned so that they come from the south; what they see is a parabola along their way, with less noise."""
    observed, future = (np.array(windows[part]).reshape(len(windows["id"]), -1, 2) for part in ("observed", "future"))
    side = intersection_paths._side(observed)
    observed, future = (intersection_paths.turned(paths, -side % 4) for paths in (observed, future))
    parabola = np.linalg.qr(np.vander(np.linspace(-1, 1, intersection_paths.OBSERVED), 3, increasing=True))[0]
    past = np.column_stack([observed[..., 1] @ parabola, observed.reshape(len(side), -1)])
    told = np.column_stack([np.arange(len(side)), side])
    flat = future.reshape(len(side), -1)
    return Seen(told, past, flat, np.ones_like(flat), (observed,))


def trees(leaf: int, n: int = 25) -> ExtraTreesRegressor:
    return ExtraTreesRegressor(n, min_samples_leaf=leaf, max_features=0.6, random_state=0)


def learned(name: str) -> np.ndarray:
    """[n, k] forecasts of the test by one who learned from all that a model may see of train."""
    train, test = seen(name, "train"), seen(name, "test")
    if name == "intersection-paths":
        near = NearestNeighbors(n_neighbors=40).fit(train.past[:, :3])
        return np.median(train.future[near.kneighbors(test.past[:, :3], return_distance=False)], axis=1)
    clues = {"train": train, "test": test}
    read = {split: np.column_stack([rows.told[:, 1:], rows.past]) for split, rows in clues.items()}
    fitted = trees(10).fit(read["train"], train.future / train.scale)
    return np.asarray(fitted.predict(read["test"])) * test.scale


def errors(name: str, found: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """[n] of forecasts [n, k]: the mean distance of paths, the mean absolute error of series."""
    wrong = found - gold
    if name == "intersection-paths":
        return np.linalg.norm(wrong.reshape(len(wrong), -1, 2), axis=2).mean(axis=1)
    return np.asarray(abs(wrong).mean(axis=1))


def left_over(clues: np.ndarray, wrong: np.ndarray) -> float:
    """Of errors [n, k], squared: what is left on one half when trees have learned them on the other, as a share.

    Of the k the one of which least is left: a leak may tell of the next step alone.
    """
    order = np.random.default_rng(0).permutation(len(clues))
    known, asked = np.array_split(order, 2)
    said = trees(20).fit(clues[known], wrong[known]).predict(clues[asked]).reshape(len(asked), -1)
    return float((((wrong[asked] - said) ** 2).mean(axis=0) / (wrong[asked] ** 2).mean(axis=0)).min())


@pytest.mark.parametrize("name", SIZES)
class TestForecasts:
    def test_the_strongest_learner_comes_near_the_oracle_and_not_past_it(self, name: str) -> None:
        future, (_, median) = seen(name, "test").future, oracle(name)
        behind = errors(name, learned(name), future) - errors(name, median, future)
        best = errors(name, median, future).mean()
        spread = behind.std() / np.sqrt(len(behind))
        assert behind.mean() > -3 * spread
        assert behind.mean() < NEAR[name] * best, "else it is no strong learner"
        stated = made(name).ceiling["ade" if name == "intersection-paths" else "mae"]
        assert best == pytest.approx(stated, rel=0.01), "and this oracle is the one of the ceiling"

    def test_what_the_oracle_gets_wrong_is_in_nothing_that_a_model_sees(self, name: str) -> None:
        """Nor in the order of the rows, numbers of series or cars, or times."""
        test, (mean, _) = seen(name, "test"), oracle(name)
        clues, wrong = np.column_stack([test.told, test.past, mean]), (test.future - mean) / test.scale
        assert left_over(clues, wrong) > 0.97
        rng = np.random.default_rng(2)
        total = wrong.sum(axis=1)
        glimpse = total + total.std() * rng.normal(size=len(total))
        assert left_over(np.column_stack([clues, glimpse]), wrong) < 0.95, "of a leak this would tell"

    def test_row_number_series_and_time_alone_are_worth_nothing(self, name: str) -> None:
        train, test = seen(name, "train"), seen(name, "test")
        middle = (train.future / train.scale).mean(axis=0)
        ahead = {"train": train.future / train.scale - middle, "test": test.future / test.scale - middle}
        said = trees(40).fit(train.told, ahead["train"]).predict(test.told)
        assert ((said - ahead["test"]) ** 2).mean() > 0.98 * (ahead["test"] ** 2).mean()

    def test_no_value_to_come_is_in_the_inputs(self, name: str) -> None:
        kind = KINDS[KIND_OF[name][0]]
        rows = made(name).splits["test"]
        when = np.array(rows["frame" if name == "intersection-paths" else "time"])
        edge = 8 if name == "intersection-paths" else np.unique(when)[240]
        changed = dict(rows)
        for column in {"value", "x", "y"} & set(rows):
            later = np.random.default_rng(0).normal(size=len(when))
            changed[column] = np.where(when >= edge, later, np.array(rows[column])).tolist()
        before, after = as_cut(name)["test"], cut(name, train=rows, test=changed)["test"]
        early = [i for i, start in enumerate(before["window_start"]) if _moment(name, start) <= _moment(name, edge)]
        assert len(early) >= 20
        for field in kind.input_fields:
            assert [before[field][i] for i in early] == [after[field][i] for i in early]
        assert [before["future"][i] for i in early] != [after["future"][i] for i in early]

    def test_train_and_test_are_drawn_apart(self, name: str) -> None:
        """What is by chance in a row of the test has no double in train, wherever both begin."""
        drawn = {split: _chance_part(name, split) for split in ("train", "test")}
        assert _most_alike(drawn["test"], drawn["train"]) < 0.95
        assert _most_alike(drawn["test"][:5], np.concatenate([drawn["train"], drawn["test"][2:3]])) > 0.999


def _moment(name: str, text: Any) -> Any:
    if name == "traffic-flow":
        return datetime.fromisoformat(str(text))
    return float(text) if name == "regime-forecast" else 0.0


def _chance_part(name: str, split: str) -> np.ndarray:
    """[n, steps] what distinguishes weeks, series and cars: changes, or distances from the likeliest way."""
    columns = made(name).splits[split]
    if name == "intersection-paths":
        paths = np.column_stack([columns["x"], columns["y"]]).reshape(-1, 20, 2)[:1500]
        paths = intersection_paths.turned(paths, -intersection_paths._side(paths) % 4)
        every, _ = intersection_paths.ways(1.2)
        way = ((paths[:, None] - every[None]) ** 2).sum(axis=(2, 3)).argmin(axis=1)
        return (paths - every[way]).reshape(len(paths), -1)
    values = np.array(columns["value"]).reshape(len(set(columns["series"])), -1)
    if name == "regime-forecast":
        return np.diff(values, axis=1)[:, :200]
    weeks = values[:, : values.shape[1] // 168 * 168].reshape(len(values), -1, 168)
    return (weeks / np.median(weeks, axis=1, keepdims=True)).reshape(-1, 168) - 1


def _most_alike(some: np.ndarray, others: np.ndarray) -> float:
    """The highest correlation of one row [n, steps] with one of the others [m, steps]."""

    def normal(rows: np.ndarray) -> np.ndarray:
        centred = rows - rows.mean(axis=1, keepdims=True)
        return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))

    return float((normal(some) @ normal(others).T).max())


def test_rain_is_known_ahead_and_knows_nothing_of_incidents_and_noise() -> None:
    usual, wild = (made("traffic-flow", **knobs) for knobs in ({}, {"incidents": 0.3, "lasting": 0.9, "noise": 0.5}))
    for split in SPLITS:
        assert usual.splits[split]["others"] == wild.splits[split]["others"]
        assert {name for other in usual.splits[split]["others"] for name in other} == {"rain"}
        assert usual.splits[split]["value"] != wild.splits[split]["value"]


def test_days_of_traffic_come_one_after_the_other() -> None:
    times = [sorted(set(made("traffic-flow").splits[split]["time"])) for split in SPLITS]
    assert times[0][-1] < times[1][0]
    assert times[1][-1] < times[2][0]
