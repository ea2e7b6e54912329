"""Common corruptions of images, II: weather. Families and severities as in `images`; textures are drawn, no files."""

from __future__ import annotations

import numpy as np

from fmbench.perturb.images import along, of_pixels, scale
from fmbench.perturb.perturbation import perturbation


def plasma(rng: np.random.Generator, height: int, width: int, decay: float) -> np.ndarray:
    """Clouds in 0 to 1, [height, width]: random grids of 2, 4, 8 ... points a side, each 1 / `decay` of the last."""
    total = np.zeros((height, width))
    strength, points = 1.0, 2
    while points <= 2 * max(height, width):
        grid = rng.uniform(0, 1, (points + 1, points + 1))
        rows = _between(height, points)
        columns = _between(width, points)
        total += strength * (rows @ grid @ columns.T)
        strength, points = strength / decay, points * 2
    low, high = total.min(), total.max()
    return (total - low) / (high - low) if high > low else np.full_like(total, 0.5)


def _between(n: int, points: int) -> np.ndarray:
    """[n, points + 1]: weights of linear interpolation from a grid onto n pixels."""
    at = (np.arange(n) + 0.5) / n * points
    return np.clip(1 - np.abs(at[:, None] - np.arange(points + 1)[None, :]), 0, 1)


@perturbation("image")
@of_pixels
def fog(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Bright clouds over the image, and less contrast."""
    amount, decay = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))[severity - 1]
    top = x.max()
    if not top:
        return x + 0.5 * amount * plasma(rng, x.shape[0], x.shape[1], decay)[:, :, None]
    return (x + amount * plasma(rng, x.shape[0], x.shape[1], decay)[:, :, None]) * top / (top + amount)


@perturbation("image")
@of_pixels
def snow(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Flakes that fall at a slant, and a whiter scene."""
    above, sigma, white = ((1.6, 1.0, 0.05), (1.4, 1.2, 0.1), (1.2, 1.4, 0.15), (1.0, 1.6, 0.2), (0.8, 1.8, 0.25))[
        severity - 1
    ]
    angle = rng.uniform(np.pi / 4, 3 * np.pi / 4)
    flakes = np.clip(rng.standard_normal(x.shape[:2]) - above, 0, 1)
    fallen = along(flakes, sigma * max(1.0, scale(x)), angle)[:, :, None]
    grey = x.mean(axis=2, keepdims=True)
    return (1 - white) * x + white * np.maximum(x, grey * 1.5 + 0.5) + 2 * fallen


@perturbation("image")
@of_pixels
def frost(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Ice on the pane: bright ridges, drawn as the folds of clouds."""
    keep, amount = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.45), (0.75, 0.55))[severity - 1]
    clouds = plasma(rng, x.shape[0], x.shape[1], 1.6)
    ridges = (1 - np.abs(2 * clouds - 1)) ** 3
    tint = np.array([0.9, 0.95, 1.0]) if x.shape[2] == 3 else np.ones(x.shape[2])
    return keep * x + amount * ridges[:, :, None] * tint
