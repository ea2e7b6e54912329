"""Tracks that go wrong: positions with noise, lost ones, and whole paths turned round."""

from __future__ import annotations

import numpy as np

from fmbench.perturb.draws import Stream, arrays, count, pick, picks
from fmbench.perturb.examples import Frame, Path
from fmbench.perturb.perturbation import perturbation
from fmbench.perturb.series import held

_NOISE = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
_LOST = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_DEGREES = (0, 15, 30, 60, 90, 180)


@perturbation("path")
def path_noise(example: Path, rng: Stream, severity: int) -> Path:
    """Positions off by normal noise, 5 to 80 % of the mean step in each direction; who stands still is left alone."""
    if len(example.positions) < 2:
        return example
    step = float(np.linalg.norm(np.diff(example.positions, axis=0), axis=1).mean())
    noise = arrays(rng).standard_normal(example.positions.shape)
    return Path(example.positions + _NOISE[severity] * step * noise)


@perturbation("path")
def path_missing(example: Path, rng: Stream, severity: int) -> Path:
    """10 to 50 % of the observed positions lost; a tracker holds the last one that it has."""
    n = len(example.positions)
    if n < 2:
        return example
    lost = np.zeros(example.positions.shape, bool)
    lost[[place for place, _ in picks(rng, n, min(n - 1, count(n, _LOST[severity])))]] = True
    return Path(held(example.positions, lost))


@perturbation("path", label="may-change")
def path_rotation(example: Path, rng: Stream, severity: int) -> Path:
    """The whole path turned by 15 to 180 degrees about its last position; predicted paths are turned back."""
    if not len(example.positions):
        return example
    angle = np.deg2rad(_DEGREES[severity]) * pick((1, -1), rng.random())
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = example.positions[-1]
    turned = (example.positions - centre) @ matrix + centre
    return Path(turned, Frame(matrix, centre - centre @ matrix))
