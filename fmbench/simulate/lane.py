"""A lane with bends and a leading car, and a kinematic bicycle that drives in it; [n] scenarios at once.

Along the lane the car is at `s` (m), `offset` (m, to the left of the centre line), `heading` (rad, from the lane's) and
`speed` (m/s). With steering angle d, wheelbase L and curvature k of the lane (Rajamani 2012, sections 2.2 and 2.5):

    ds = v cos(h) / (1 - k o) dt,  do = v sin(h) dt,  dh = (v tan(d) / L - k v cos(h) / (1 - k o)) dt,  dv = a dt
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEP = 0.1
"""Seconds between two actions."""
WHEELBASE = 2.7
CAR_LENGTH, CAR_WIDTH, LANE_WIDTH = 4.5, 1.8, 3.5
MOST_STEERING = 0.5
ACCELERATIONS = (-6.0, 3.0)
SIGHT = 100.0
"""Metres up to which the leading car is seen."""
BENDS = 3

STATE = (
    "offset",
    "heading",
    "speed",
    "desired_speed",
    "curvature",
    "curvature_ahead_1",
    "curvature_ahead_2",
    "gap",
    "closing_speed",
)
"""What a driver sees; curvature now, and where the car will be in 1 and 2 seconds; gap to the leading car's rear."""
ACTION = ("steering", "acceleration")
WORLD = (
    *(f"{what}_{i + 1}" for i in range(BENDS) for what in ("bend", "bend_length", "bend_phase")),
    "desired_speed",
    "lead_gap",
    "lead_speed",
    "lead_brakes_at",
    "lead_braking",
    "start_offset",
    "start_heading",
    "start_speed",
)
"""What a scenario is made of: sines of curvature (1/m, m, rad), the leading car (m, m/s, s, m/s^2), and the start.

The leading car brakes down to three tenths of its speed; a gap beyond 1000 m means that there is none.
"""
Driver = Callable[[np.ndarray], np.ndarray]
"""States [n, 9] -> actions [n, 2]."""


@dataclass(frozen=True)
class Drive:
    """What happened, [steps, n] or [n].

    Args:
        states: float64 [steps, n, 9], before each action.
        actions: float64 [steps, n, 2], as the driver gave them.
        moving: bool [steps, n]: neither crashed nor off the road, at the end of the step.
        in_lane: bool [steps, n]: moving, and the whole car inside the lane.
        collided: bool [n].
        distance: float64 [n], metres along the lane.
        jerk: float64 [n], root mean square of the change of acceleration, forward and sideways together, m/s^3.
    """

    states: np.ndarray
    actions: np.ndarray
    moving: np.ndarray
    in_lane: np.ndarray
    collided: np.ndarray
    distance: np.ndarray
    jerk: np.ndarray


def column(worlds: np.ndarray, name: str) -> np.ndarray:
    """[n] of worlds [n, len(WORLD)]."""
    return worlds[:, WORLD.index(name)]


def curvature(worlds: np.ndarray, s: np.ndarray) -> np.ndarray:
    """1/m at `s` [n]; positive bends to the left."""
    bends = worlds[:, : 3 * BENDS].reshape(len(worlds), BENDS, 3)
    return np.asarray((bends[..., 0] * np.sin(2 * np.pi * s[:, None] / bends[..., 1] + bends[..., 2])).sum(axis=1))


def lead(worlds: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Position of the leading car's rear (m) and its speed (m/s) at `time`, each [n]."""
    gap, speed = column(worlds, "lead_gap"), column(worlds, "lead_speed")
    braking = column(worlds, "lead_braking")
    lasts = 0.7 * speed / braking
    since = np.clip(time - column(worlds, "lead_brakes_at"), 0.0, lasts)
    after = np.maximum(time - column(worlds, "lead_brakes_at") - lasts, 0.0)
    before = np.minimum(time, column(worlds, "lead_brakes_at"))
    now = speed - braking * since
    travelled = speed * before + speed * since - braking * since**2 / 2 + 0.3 * speed * after
    return CAR_LENGTH / 2 + gap + travelled, now


def observe(worlds: np.ndarray, car: np.ndarray, time: float) -> np.ndarray:
    """What the drivers see, float64 [n, 9], of cars [n, 4] (s, offset, heading, speed)."""
    s, offset, heading, speed = car.T
    rear, lead_speed = lead(worlds, time)
    gap = rear - s - CAR_LENGTH / 2
    seen = gap < SIGHT
    columns = (
        offset,
        heading,
        speed,
        column(worlds, "desired_speed"),
        curvature(worlds, s),
        curvature(worlds, s + speed),
        curvature(worlds, s + 2 * speed),
        np.where(seen, gap, SIGHT),
        np.where(seen, speed - lead_speed, 0.0),
    )
    return np.stack(columns, axis=1)


def advance(worlds: np.ndarray, car: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Cars [n, 4] one step later; actions [n, 2] are cut to what a car can do, and it does not roll backwards."""
    s, offset, heading, speed = car.T
    steering = np.clip(actions[:, 0], -MOST_STEERING, MOST_STEERING)
    fresh = np.maximum(speed + STEP * np.clip(actions[:, 1], *ACCELERATIONS), 0.0)
    middle = (speed + fresh) / 2
    bend = curvature(worlds, s)
    along = middle * np.cos(heading) / np.maximum(1 - bend * offset, 0.1)
    turned = heading + STEP * (middle * np.tan(steering) / WHEELBASE - bend * along)
    aside = offset + STEP * middle * np.sin((heading + turned) / 2)
    return np.stack([s + STEP * along, aside, turned, fresh], axis=1)


def drive(worlds: np.ndarray, driver: Driver, steps: int, disturb: Callable[[int], np.ndarray] | None = None) -> Drive:
    """Let `driver` drive every scenario; a crashed car and one off the road stand still from then on.

    Args:
        worlds: float64 [n, len(WORLD)].
        disturb: step -> [n, 2], added to the actions on their way to the car.
    """
    n = len(worlds)
    start = [column(worlds, f"start_{name}") for name in ("offset", "heading", "speed")]
    car = np.stack([np.zeros(n), *start], axis=1)
    alive, collided = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    states, actions = np.zeros((steps, n, len(STATE))), np.zeros((steps, n, 2))
    moving, in_lane = np.zeros((steps, n), dtype=bool), np.zeros((steps, n), dtype=bool)
    felt = np.zeros((steps, n, 2))
    for i in range(steps):
        states[i] = observe(worlds, car, i * STEP)
        actions[i] = driver(states[i])
        done = actions[i] if disturb is None else actions[i] + disturb(i)
        fresh = advance(worlds, car, done)
        rear, _ = lead(worlds, (i + 1) * STEP)
        hit = (fresh[:, 0] + CAR_LENGTH / 2 >= rear) & (abs(fresh[:, 1]) < CAR_WIDTH)
        off = abs(fresh[:, 1]) > LANE_WIDTH
        collided |= alive & hit
        felt[i, :, 0] = (fresh[:, 3] - car[:, 3]) / STEP
        felt[i, :, 1] = fresh[:, 3] ** 2 * np.tan(np.clip(done[:, 0], -MOST_STEERING, MOST_STEERING)) / WHEELBASE
        alive = alive & ~hit & ~off
        car = np.where(alive[:, None], fresh, car)
        moving[i] = alive
        in_lane[i] = alive & (abs(car[:, 1]) <= (LANE_WIDTH - CAR_WIDTH) / 2)
    return Drive(states, actions, moving, in_lane, collided, car[:, 0], _jerk(felt, moving))


def _jerk(felt: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """[n] root mean square of the change of acceleration [steps, n, 2] while moving; 0 where a car hardly moved."""
    change = ((np.diff(felt, axis=0) / STEP) ** 2).sum(axis=2)
    both = moving[1:] & moving[:-1]
    return np.asarray(np.sqrt((change * both).sum(axis=0) / np.maximum(both.sum(axis=0), 1)))


def expert(states: np.ndarray) -> np.ndarray:
    """Actions [n, 2] of a driver who keeps the lane and the distance.

    Steering follows the bend and damps offset and heading critically within some 10 m; speed by the intelligent driver
    model (Treiber, Hennecke and Helbing 2000, Phys. Rev. E 62), no faster than 2.5 m/s^2 sideways in the bend ahead.
    """
    offset, heading, speed, desired, bend, bend_1, bend_2, gap, closing = states.T
    wanted = bend - 0.01 * offset - 0.2 * np.sin(heading)
    steering = np.arctan(WHEELBASE * wanted)
    sharpest = np.max(np.abs([bend, bend_1, bend_2]), axis=0)
    target = np.minimum(desired, np.sqrt(2.5 / np.maximum(sharpest, 1e-6)))
    strong, comfortable = 1.5, 2.0
    room = 2.0 + np.maximum(0.0, 1.2 * speed + speed * closing / (2 * np.sqrt(strong * comfortable)))
    near = np.where(gap < SIGHT, (room / np.maximum(gap, 0.5)) ** 2, 0.0)
    acceleration = strong * (1 - (speed / np.maximum(target, 1.0)) ** 4 - near)
    return np.stack([steering, np.clip(acceleration, -5.0, 2.0)], axis=1)
