"""The generator `road-scenes`: small drawn pictures of a road with a car, a truck, a pedestrian ..., or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.suite.schema import Seed, Spec

SIDE = 32
LABELS = ("bicycle", "car", "empty", "pedestrian", "sign", "truck")
Shape = tuple[str, float, float, float, float, int]
SHAPES: dict[str, tuple[Shape, ...]] = {
    "empty": (),
    "car": (
        ("box", 0.0, 0.35, 0.55, 0.2, 0),
        ("box", 0.0, 0.7, 0.3, 0.18, 1),
        ("disc", -0.3, 0.12, 0.13, 0.13, 2),
        ("disc", 0.3, 0.12, 0.13, 0.13, 2),
    ),
    "truck": (
        ("box", -0.12, 0.65, 0.5, 0.45, 0),
        ("box", 0.5, 0.45, 0.14, 0.27, 1),
        ("disc", -0.4, 0.12, 0.13, 0.13, 2),
        ("disc", -0.1, 0.12, 0.13, 0.13, 2),
        ("disc", 0.48, 0.12, 0.13, 0.13, 2),
    ),
    "pedestrian": (
        ("disc", 0.0, 1.25, 0.14, 0.14, 1),
        ("box", 0.0, 0.8, 0.15, 0.32, 0),
        ("box", -0.09, 0.25, 0.06, 0.27, 2),
        ("box", 0.09, 0.25, 0.06, 0.27, 2),
    ),
    "bicycle": (
        ("ring", -0.38, 0.3, 0.3, 0.3, 2),
        ("ring", 0.38, 0.3, 0.3, 0.3, 2),
        ("box", 0.0, 0.5, 0.38, 0.05, 0),
        ("box", 0.28, 0.65, 0.05, 0.2, 0),
        ("disc", 0.0, 1.2, 0.14, 0.14, 1),
        ("box", 0.0, 0.85, 0.12, 0.25, 0),
    ),
    "sign": (
        ("box", 0.0, 0.4, 0.05, 0.45, 2),
        ("disc", 0.0, 1.1, 0.3, 0.3, 0),
        ("disc", 0.0, 1.1, 0.19, 0.19, 1),
    ),
}
"""Boxes, discs and rings: middle across and up, half width, half height in sizes of the object, number of the paint."""


@dataclass(frozen=True)
class Views:
    """What n pictures show apart from the object; arrays of n.

    Args:
        road: [n, SIDE, SIDE, 3], the scene without the object.
        at: [n, 2] column and row of the object's foot, pixels; size: [n] pixels; flip: [n] 1 or -1.
        paints: [n, 3, 3] colours of an object's parts.
        cover: bool [n, SIDE, SIDE] where something stands before it, and hides [n, 3] its colour.
    """

    road: np.ndarray
    at: np.ndarray
    size: np.ndarray
    flip: np.ndarray
    paints: np.ndarray
    cover: np.ndarray
    hides: np.ndarray


class RoadScenes:
    """Pictures of 32 x 32 pixels: sky, ground, road and clutter, an object, something before it, and pixel noise.

    The ceiling is that of a viewer who knows everything but the class: the empty scene, the object's place, size and
    colours, what hides it, and the noise; of the six pictures that it could be, it names the nearest. That is Bayes'
    rule for the noise, and more than any model knows, so it bounds them all: it fails only where what tells two
    classes apart is hidden or drowned in noise. It stays a bound: the price of not knowing the scene has no closed form
    (clutter of any number, overlapping, before any road), and a sum over samples misses the narrow peaks of its
    likelihood, so that it bounds nothing. What can be summed, colours and sides of the object, costs the viewer nothing
    at the noise of the task. (Colours are cut off at 0 and 255, which shifts it by next to nothing.)
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        train: int = Field(default=1500, ge=12)
        validation: int = Field(default=300, ge=6)
        test: int = Field(default=900, ge=6)
        noise: float = Field(default=20.0, ge=0, le=500, description="of a pixel's colours, of 255: difficulty")
        hidden: float = Field(
            default=0.3, ge=0, le=1, description="share of pictures with something before: difficulty"
        )

    @staticmethod
    def generate(settings: RoadScenes.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        splits: dict[str, Columns] = {}
        ceiling: dict[str, float] = {}
        for split in ("train", "validation", "test"):
            n = getattr(settings, split)
            labels = rng.permutation(np.arange(n) % len(LABELS))
            views = draw_views(rng, n, settings.hidden)
            clean = picture(labels, views)
            pixels = np.clip(np.round(clean + rng.normal(size=clean.shape) * settings.noise), 0, 255).astype(np.uint8)
            head = f"P6 {SIDE} {SIDE} 255\n".encode()
            splits[split] = {
                "image": [head + one.tobytes() for one in pixels],
                "label": [LABELS[label] for label in labels],
            }
            if split == "test":
                ceiling = {"accuracy": float((nearest_class(pixels.astype(np.float64), views) == labels).mean())}
        return Generated(splits, ceiling=ceiling)


def draw_views(rng: np.random.Generator, n: int, hidden: float) -> Views:
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    road = np.empty((n, SIDE, SIDE, 3))
    horizon = rng.uniform(9, 15, n)
    sky, ground, tar = (_colours(rng, n, low, high) for low, high in ((140, 220), (70, 170), (60, 120)))
    wide, aim = rng.uniform(0.5, 1.2, n), rng.uniform(10, 22, n)
    for i in range(n):
        below = down - horizon[i]
        road[i] = np.where(below[..., None] < 0, sky[i], ground[i])
        road[i][(below >= 0) & (abs(across - aim[i]) < 3 + wide[i] * below)] = tar[i]
        for _ in range(rng.integers(2, 6)):
            left, top = rng.uniform(0, SIDE, 2)
            width, height = rng.uniform(1, 7, 2)
            block = (abs(across - left) < width / 2) & (abs(down - top) < height / 2)
            road[i][block] = rng.uniform(40, 215, 3)
    at = np.stack([rng.uniform(9, 23, n), rng.uniform(22, 29, n)], axis=1)
    size = rng.uniform(8, 14, n)
    flip = rng.choice([-1.0, 1.0], n)
    paints = rng.uniform(40, 215, (n, 3, 3))
    middle = at + np.stack([rng.normal(size=n) * 4, -size * rng.uniform(0.2, 1.0, n)], axis=1)
    half = rng.uniform(0.25, 0.7, (n, 2)) * size[:, None]
    inside = [abs(grid - middle[:, i, None, None]) < half[:, i, None, None] for i, grid in enumerate((across, down))]
    cover = inside[0] & inside[1] & (rng.random(n) < hidden)[:, None, None]
    return Views(road, at, size, flip, paints, cover, rng.uniform(40, 215, (n, 3)))


def _colours(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """[n, 3] greys with a tint."""
    return np.asarray(rng.uniform(low, high, (n, 1)) + rng.normal(size=(n, 3)) * 12)


def picture(labels: np.ndarray, views: Views) -> np.ndarray:
    """float64 [n, SIDE, SIDE, 3] without noise."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    size = views.size[:, None, None]
    x = (across - views.at[:, 0, None, None]) / size * views.flip[:, None, None]
    y = (views.at[:, 1, None, None] - down) / size
    drawn = views.road.copy()
    for number, label in enumerate(LABELS):
        mine = np.flatnonzero(labels == number)
        for form, right, up, width, height, paint in SHAPES[label]:
            inside = _inside(form, (x[mine] - right) / width, (y[mine] - up) / height)
            drawn[mine] = np.where(inside[..., None], views.paints[mine, paint][:, None, None], drawn[mine])
    return np.where(views.cover[..., None], views.hides[:, None, None], drawn)


def _inside(form: str, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    if form == "box":
        return np.asarray((abs(across) < 1) & (abs(up) < 1))
    radius = across**2 + up**2
    return np.asarray((radius < 1) & (radius > (0.5 if form == "ring" else -1)))


def nearest_class(seen: np.ndarray, views: Views) -> np.ndarray:
    """[n] which class of object makes a picture nearest to `seen` [n, SIDE, SIDE, 3]."""
    n = len(seen)
    distances = [((seen - picture(np.full(n, label), views)) ** 2).sum(axis=(1, 2, 3)) for label in range(len(LABELS))]
    return np.asarray(np.argmin(distances, axis=0))
