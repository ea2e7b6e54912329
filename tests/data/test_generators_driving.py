"""Generated driving: each stated ceiling holds against other policies and learners, and knobs move what they say."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench import catalog
from fmbench.data.dataset import load_dataset
from fmbench.data.generator import Generated
from fmbench.data.lane_keeping import LaneKeeping, demonstrations, random_worlds
from fmbench.models.classical.mlp import Mlp
from fmbench.models.classical.ridge import RidgeRegression
from fmbench.registry import GENERATORS, KINDS, METRICS
from fmbench.simulate import lane
from fmbench.suite.loader import load_task
from fmbench.suite.schema import Split
from fmbench.tasks.examples import Examples

NAMES = ("lane-keeping", "car-following")
KIND = KINDS["imitation-control"]
SMALL = {"train": 8, "validation": 4, "test": 30, "seconds": 12.0}
LUCK = 0.01
"""By what share of the noise an answer near the expert's may have less error on the rows as drawn."""


@cache
def make(name: str, **settings: Any) -> Generated:
    owner = GENERATORS[name]
    made: Generated = owner.generate(owner.Settings.model_validate({**SMALL, **settings}))
    return made


def tables(made: Generated) -> dict[str, pa.Table]:
    found, _ = KIND.assemble(made.splits, made.side, None, Split())
    ids = {split: [str(i) for i in range(len(rows["state"]))] for split, rows in found.items()}
    return {split: pa.table({"id": ids[split], **rows}) for split, rows in found.items()}


def scores(made: Generated, predict: Any) -> dict[str, float]:
    """Every metric of the kind, of a function of the states [n, 9] -> [n, 2] that drives the test scenarios."""
    test = tables(made)["test"]
    driven = KIND.predictions(predict, KIND.inputs(test), test, lane.ACTION, None)
    sums = {name: METRICS[name].items(driven, lane.ACTION).sum(axis=0) for name in KIND.metrics}
    return {name: float(found[0] / found[1]) for name, found in sums.items()}


@cache
def learned(name: str, model: str, **settings: Any) -> dict[str, float]:
    """What a small ridge or mlp reaches that was fitted on the demonstrations."""
    made = make(name, **settings)
    rows = tables(made)
    fresh = (
        RidgeRegression(RidgeRegression.Settings()) if model == "ridge" else Mlp(Mlp.Settings(hidden=[32], epochs=15))
    )
    fitted = fresh.fit(Examples(KIND, lane.ACTION, rows["train"], rows["validation"]), 0)
    return scores(made, fitted.predict)


def blind(states: np.ndarray) -> np.ndarray:
    """The expert, who does not see the leading car."""
    alone = states.copy()
    alone[:, lane.STATE.index("gap")] = lane.SIGHT
    alone[:, lane.STATE.index("closing_speed")] = 0.0
    return lane.expert(alone)


POLICIES = {
    "nothing": lambda states: np.zeros((len(states), 2)),
    "half acceleration": lambda states: lane.expert(states) * (1.0, 0.5),
    "nearly the expert": lambda states: lane.expert(states) * 0.98,
    "more to the left": lambda states: lane.expert(states) + np.array([0.001, 0.02]),
    "full speed": lambda states: np.column_stack([lane.expert(states)[:, 0], np.full(len(states), 3.0)]),
    "blind": blind,
}


def no_better(found: dict[str, float], ceiling: dict[str, float]) -> None:
    for metric, best in ceiling.items():
        if metric.endswith("_mae"):
            assert found[metric] >= best * (1 - LUCK), metric
        elif METRICS[metric].higher_is_better:
            assert found[metric] <= best, metric
        else:
            assert found[metric] >= best, metric


@pytest.mark.parametrize("name", NAMES)
class TestCeiling:
    def test_the_task_states_one_of_each_metric_but_jerk(self, name: str) -> None:
        task = load_task(catalog.files("tasks")[name])
        assert task.spec.metrics is not None
        assert set(load_dataset(task).ceiling) == set(task.spec.metrics) - {"jerk"}

    def test_the_expert_reaches_it(self, name: str) -> None:
        made = make(name)
        found = scores(made, lambda inputs: lane.expert(np.stack(inputs)))
        assert {metric: found[metric] for metric in made.ceiling} == pytest.approx(dict(made.ceiling), abs=2e-5)

    @pytest.mark.parametrize("policy", POLICIES)
    def test_no_other_policy_does_better(self, name: str, policy: str) -> None:
        no_better(scores(make(name), lambda inputs: POLICIES[policy](np.stack(inputs))), make(name).ceiling)

    def test_the_experts_jerk_is_beaten_by_worse_drivers(self, name: str) -> None:
        expert, idle, half = (
            scores(make(name), lambda inputs, drive=drive: drive(np.stack(inputs)))["jerk"]
            for drive in (lane.expert, POLICIES["nothing"], POLICIES["half acceleration"])
        )
        assert idle < half < expert

    @pytest.mark.parametrize("model", ["ridge", "mlp"])
    def test_learners_do_no_better_and_are_better_than_doing_nothing(self, name: str, model: str) -> None:
        made, found = make(name), learned(name, model)
        no_better(found, made.ceiling)
        idle = scores(made, lambda inputs: POLICIES["nothing"](np.stack(inputs)))
        assert made.ceiling["acceleration_mae"] + 0.02 < found["acceleration_mae"] < idle["acceleration_mae"]
        assert found["time_in_lane"] > idle["time_in_lane"] + 0.1


@pytest.mark.parametrize("name", NAMES)
class TestKnobs:
    @pytest.mark.parametrize("model", ["ridge", "mlp"])
    def test_disturbance_moves_the_errors_of_learners_and_not_the_ceiling(self, name: str, model: str) -> None:
        calm, wild = ({"disturbance": d} for d in (0.0, 3.0))
        assert make(name, **wild).ceiling == make(name, **calm).ceiling
        errors = [learned(name, model, **knob)["acceleration_mae"] for knob in (calm, wild)]
        assert errors[1] > 1.2 * errors[0]

    def test_noise_of_the_record_moves_the_ceiling_of_the_errors_and_not_that_of_driving(self, name: str) -> None:
        usual, loud = make(name).ceiling, make(name, label_noise=2.0).ceiling
        for metric, best in usual.items():
            assert loud[metric] == pytest.approx(best * 2 if metric.endswith("_mae") else best)

    def test_longer_scenarios_cost_the_inattentive_time_in_lane_and_not_the_expert(self, name: str) -> None:
        short, long = (make(name, seconds=s) for s in (5.0, 20.0))
        found = [scores(made, lambda inputs: blind(np.stack(inputs)))["time_in_lane"] for made in (short, long)]
        assert found[1] < found[0] - 0.1
        assert long.ceiling["time_in_lane"] == short.ceiling["time_in_lane"] == 1.0


def test_time_in_lane_has_no_ceiling_where_the_expert_does_not_reach_it() -> None:
    def aside(rng: np.random.Generator, n: int) -> np.ndarray:
        worlds = random_worlds(rng, n)
        worlds[:, lane.WORLD.index("start_offset")] = 2.0
        return worlds

    ceiling = demonstrations(LaneKeeping.Settings(train=2, validation=1, test=3, seconds=4.0), aside).ceiling
    assert "time_in_lane" not in ceiling
    assert ceiling["collision_rate"] == 0.0


class TestCarFollowing:
    def test_there_always_is_a_car_and_the_lane_is_straight(self) -> None:
        side = make("car-following").side["scenarios"]
        assert max(side["lead_gap"]) < 60
        assert {value for name in side if name in ("bend_1", "bend_2", "bend_3") for value in side[name]} == {0.0}

    def test_harder_braking_makes_a_rougher_ride_and_an_earlier_crash_and_not_another_ceiling(self) -> None:
        calm, hard = (make("car-following", braking=b) for b in (0.3, 1.5))
        assert calm.ceiling == hard.ceiling
        rides = [scores(made, lambda inputs: lane.expert(np.stack(inputs)))["jerk"] for made in (calm, hard)]
        assert rides[1] > 1.3 * rides[0]
        crashes = [scores(made, lambda inputs: blind(np.stack(inputs))) for made in (calm, hard)]
        assert crashes[1]["collision_rate"] > 0.5
        assert crashes[1]["time_in_lane"] < crashes[0]["time_in_lane"] - 0.02
