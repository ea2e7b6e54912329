"""The lane: the bicycle moves as its equations say, the expert stays in lane, the careless do not."""

from __future__ import annotations

import numpy as np
import pytest

from fmbench.data.lane_keeping import LaneKeeping, random_worlds
from fmbench.errors import InputError
from fmbench.registry import KINDS
from fmbench.simulate import lane
from fmbench.suite.schema import Split

KIND = KINDS["imitation-control"]
SMALL = LaneKeeping.Settings(train=4, validation=2, test=3, seconds=4.0)


def straight(**values: float) -> np.ndarray:
    world = dict.fromkeys(lane.WORLD, 0.0) | {f"bend_length_{i + 1}": 100.0 for i in range(lane.BENDS)}
    world |= {"desired_speed": 10.0, "lead_gap": 5000.0, "lead_braking": 1.0, "start_speed": 10.0} | values
    return np.array([[world[name] for name in lane.WORLD]])


def test_on_a_straight_lane_steering_drives_a_circle() -> None:
    steering = 0.02
    done = lane.drive(straight(), lambda states: np.tile([steering, 0.0], (len(states), 1)), 12)
    radius = lane.WHEELBASE / np.tan(steering)
    angle = 10.0 * 12 * lane.STEP / radius
    assert done.distance[0] == pytest.approx(radius * np.sin(angle), rel=1e-3)
    last = lane.advance(straight(), np.array([[0.0, *done.states[-1, 0, :3]]]), np.array([[steering, 0.0]]))
    assert last[0, 1] == pytest.approx(radius * (1 - np.cos(angle)), rel=1e-2)
    assert last[0, 2] == pytest.approx(angle, rel=1e-6)


def test_acceleration_is_felt_in_distance_and_a_car_does_not_roll_backwards() -> None:
    done = lane.drive(straight(), lambda states: np.tile([0.0, -2.0], (len(states), 1)), 100)
    assert done.distance[0] == pytest.approx(25.0, rel=1e-6)
    assert done.states[-1, 0, 2] == 0
    assert done.jerk[0] < 0.5 * 20


def test_who_does_not_brake_hits_the_leading_car_and_stands_still() -> None:
    world = straight(lead_gap=20.0, lead_speed=5.0, lead_brakes_at=1.0)
    done = lane.drive(world, lambda states: np.zeros((len(states), 2)), 100)
    assert done.collided[0] and not done.moving[-1, 0]
    assert done.in_lane[:, 0].sum() == done.moving[:, 0].sum() < 100
    assert not lane.drive(world, lane.expert, 100).collided[0]


def test_the_expert_stays_in_lane_in_random_worlds_and_doing_nothing_does_not() -> None:
    worlds = random_worlds(np.random.default_rng(3), 50)
    good = lane.drive(worlds, lane.expert, 150)
    assert good.in_lane.mean() > 0.99 and not good.collided.any()
    idle = lane.drive(worlds, lambda states: np.zeros((len(states), 2)), 150)
    assert idle.in_lane.mean() < 0.6
    assert idle.collided.any()


def test_scenarios_do_not_know_of_each_other() -> None:
    worlds = random_worlds(np.random.default_rng(1), 4)
    together, alone = lane.drive(worlds, lane.expert, 30), lane.drive(worlds[2:3], lane.expert, 30)
    np.testing.assert_allclose(together.states[:, 2], alone.states[:, 0], atol=1e-12)


def test_the_same_seed_makes_the_same_rows_and_the_ceiling_is_the_experts() -> None:
    made, again = LaneKeeping.generate(SMALL), LaneKeeping.generate(SMALL)
    assert made.splits == again.splits and made.side == again.side and made.ceiling == again.ceiling
    assert len(made.splits["train"]["steering"]) == 4 * 40
    assert made.ceiling["time_in_lane"] > 0.95
    assert made.ceiling["progress"] == 1.0
    other = LaneKeeping.generate(SMALL.model_copy(update={"seed": 1}))
    assert other.splits["train"]["offset"] != made.splits["train"]["offset"]


def assembled() -> dict[str, dict[str, list[float]]]:
    made = LaneKeeping.generate(SMALL)
    found, _ = KIND.assemble(made.splits, made.side, None, Split())
    return found


def test_the_expert_as_a_model_reaches_the_ceiling() -> None:
    import pyarrow as pa

    test = assembled()["test"]
    table = pa.table({"id": [str(i) for i in range(len(test["state"]))], **test})
    found = KIND.predictions(
        lambda inputs: lane.expert(np.stack(inputs)), KIND.inputs(table), table, KIND.labels(test), None
    )
    assert found["example_id"].to_pylist() == ["test-0", "test-1", "test-2"]
    assert found["progress"].to_pylist() == [1.0] * 3
    assert np.mean(found["in_lane"].to_pylist()) == pytest.approx(LaneKeeping.generate(SMALL).ceiling["time_in_lane"])
    assert len(found["gold"][0]) == 2 * 40


def test_scenarios_must_be_known_and_on_one_side_only() -> None:
    made = LaneKeeping.generate(SMALL)
    with pytest.raises(InputError, match="no table 'scenarios'"):
        KIND.assemble(made.splits, {}, None, Split())
    short = {name: values[1:] for name, values in made.side["scenarios"].items()}
    with pytest.raises(InputError, match="without a row in the table 'scenarios': train-0"):
        KIND.assemble(made.splits, {"scenarios": short}, None, Split())
    both = {"train": made.splits["train"], "test": made.splits["train"]}
    with pytest.raises(InputError, match="is in train and in "):
        KIND.assemble(both, made.side, None, Split())
    cut, notes = KIND.assemble({"train": made.splits["train"]}, made.side, None, Split(test=0.25, validation=0.34))
    scenarios = [set(rows["scenario"]) for rows in cut.values()]
    assert sum(map(len, scenarios)) == len(set.union(*scenarios)) == 4
    assert len(notes) == 2
