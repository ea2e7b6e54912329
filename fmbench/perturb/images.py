"""Common corruptions of images, I: noise, blur and what cameras and files do.

The families are those of ImageNet-C (Hendrycks and Dietterich 2019, Benchmarking neural network robustness to common
corruptions). Severities are for images of 32 pixels, near those of CIFAR-10-C; lengths grow with the shorter side.
Values are computed in 0 to 1 and rounded back to uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from fmbench.perturb.draws import Stream, arrays
from fmbench.perturb.examples import Image
from fmbench.perturb.perturbation import Edit, perturbation

Corruption = Callable[[np.ndarray, np.random.Generator, int], np.ndarray]
"""(float [h, w, c] in 0 to 1, numbers, severity) -> the same shape, clipped by the caller."""


def of_pixels(corrupt: Corruption) -> Edit:
    """A corruption of float pixels as one of an Image."""

    @wraps(corrupt)
    def whole(example: Image, rng: Stream, severity: int) -> Image:
        if not example.array.size:
            return example
        found = corrupt(example.array / 255.0, arrays(rng), severity)
        return Image(np.rint(np.clip(found, 0, 1) * 255).astype(np.uint8))

    return whole


def scale(x: np.ndarray) -> float:
    """Pixels that stand for one pixel of an image of 32."""
    return min(x.shape[:2]) / 32


def along(x: np.ndarray, sigma: float, angle: float) -> np.ndarray:
    """Motion blur: a half-Gaussian of `sigma` pixels in the direction `angle` (radians), [h, w, c] or [h, w]."""
    from scipy.ndimage import shift

    steps = np.arange(int(np.ceil(3 * sigma)) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    rest = (0.0,) * (x.ndim - 2)
    total = np.zeros_like(x)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        by = (step * np.sin(angle), step * np.cos(angle), *rest)
        total += weight * (shift(x, by, order=1, mode="nearest") if step else x)
    return total


@perturbation("image")
@of_pixels
def gaussian_noise(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Normal noise on every pixel and channel."""
    return x + rng.standard_normal(x.shape) * (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]


@perturbation("image")
@of_pixels
def shot_noise(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Poisson noise, as from little light."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    return rng.poisson(x * photons) / photons


@perturbation("image")
@of_pixels
def impulse_noise(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Salt and pepper: values that are 0 or 1."""
    struck = rng.random(x.shape) < (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    return np.where(struck, rng.integers(0, 2, x.shape), x)


@perturbation("image")
@of_pixels
def defocus_blur(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A lens out of focus: each point is a disk."""
    from scipy.ndimage import convolve

    radius = (0.7, 0.85, 1.0, 1.25, 1.5)[severity - 1] * max(1.0, scale(x))
    return np.asarray(convolve(x, disk(radius)[:, :, None], mode="nearest"))


def disk(radius: float) -> np.ndarray:
    """A disk as a kernel [k, k] of sum 1; pixels on its border by their covered area (9 x 9 samples each)."""
    half = int(np.ceil(radius))
    samples = (np.arange((2 * half + 1) * 9) + 0.5) / 9 - half - 0.5
    inside = (samples[:, None] ** 2 + samples[None, :] ** 2 <= radius**2).astype(float)
    kernel = inside.reshape(2 * half + 1, 9, 2 * half + 1, 9).sum((1, 3))
    return np.asarray(kernel / kernel.sum())


@perturbation("image")
@of_pixels
def motion_blur(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A camera that moves, by at most 45 degrees from level."""
    sigma = (1.0, 1.35, 1.7, 2.0, 2.5)[severity - 1] * max(1.0, scale(x))
    return along(x, sigma, rng.uniform(-np.pi / 4, np.pi / 4))


@perturbation("image")
@of_pixels
def zoom_blur(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A camera that moves closer: the mean of the image and its enlargements."""
    from scipy.ndimage import affine_transform

    factors = np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1], 0.01)
    centre = (np.array(x.shape[:2]) - 1) / 2
    total = x.copy()
    for factor in factors:
        offset = (*(centre * (1 - 1 / factor)), 0.0)
        total += affine_transform(x, (1 / factor, 1 / factor, 1), offset, order=1, mode="nearest")
    return total / (len(factors) + 1)


@perturbation("image")
@of_pixels
def brightness(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """More light: V of HSV is raised, hue and saturation stay."""
    value = x.max(axis=2, keepdims=True)
    brighter = np.minimum(value + (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1], 1)
    return np.where(value > 0, x * (brighter / np.maximum(value, 1e-9)), brighter)


@perturbation("image")
@of_pixels
def contrast(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Less contrast, around the mean of each channel."""
    mean = x.mean(axis=(0, 1), keepdims=True)
    return (x - mean) * (0.75, 0.5, 0.4, 0.3, 0.15)[severity - 1] + mean


@perturbation("image")
@of_pixels
def elastic(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Pixels moved by a smooth random field, up to 1.6 pixels of 32 in the mean."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    far = (0.4, 0.7, 1.0, 1.3, 1.6)[severity - 1] * scale(x)
    fields = gaussian_filter(rng.uniform(-1, 1, (2, *x.shape[:2])), (0, 3 * scale(x), 3 * scale(x)), mode="reflect")
    lengths = np.sqrt((fields**2).sum(0)).mean()
    rows, columns = np.indices(x.shape[:2]) + fields * (far / max(float(lengths), 1e-12))
    moved = [map_coordinates(x[:, :, c], (rows, columns), order=1, mode="reflect") for c in range(x.shape[2])]
    return np.stack(moved, axis=2)


@perturbation("image")
@of_pixels
def pixelate(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Fewer pixels: means over boxes, enlarged again; pixels on a border of boxes by their shares."""
    share = (0.95, 0.85, 0.75, 0.65, 0.5)[severity - 1]
    sides = [max(1, int(side * share)) for side in x.shape[:2]]
    rows, columns = (boxes(side, fewer) for side, fewer in zip(x.shape[:2], sides, strict=True))
    small = np.einsum("ih,jw,hwc->ijc", rows, columns, x)
    back_rows, back_columns = (weights.T / weights.T.sum(1, keepdims=True) for weights in (rows, columns))
    return np.asarray(np.einsum("hi,wj,ijc->hwc", back_rows, back_columns, small))


def boxes(n: int, fewer: int) -> np.ndarray:
    """[fewer, n]: the share of each of n pixels in the mean over each of `fewer` boxes."""
    edges = np.linspace(0, n, fewer + 1)
    low = np.maximum(edges[:-1, None], np.arange(n)[None, :])
    high = np.minimum(edges[1:, None], np.arange(1, n + 1)[None, :])
    return np.clip(high - low, 0, None) * (fewer / n)


_LUMA = np.array(
    [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
     [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
     [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]], float)  # fmt: skip
_CHROMA = np.full((8, 8), 99.0)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@perturbation("image")
@of_pixels
def jpeg(x: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """JPEG at quality 80 to 40: its colour space and its quantised cosines, without the file.

    Tables of ITU-T T.81, annex K, scaled as libjpeg does; colours are not subsampled.
    """
    quality = (80, 65, 58, 50, 40)[severity - 1]
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    colour = x.shape[2] == 3
    planes = x @ _TO_YCC.T if colour else x
    tables = [_LUMA, _CHROMA, _CHROMA] if colour else [_LUMA] * x.shape[2]
    levels = [np.clip(np.floor((table * percent + 50) / 100), 1, 255) for table in tables]
    middle = [0.5, 0.0, 0.0] if colour else [0.5] * x.shape[2]
    coded = [_quantised(planes[:, :, c], table, middle[c]) for c, table in enumerate(levels)]
    back = np.stack(coded, axis=2)
    return back @ np.linalg.inv(_TO_YCC).T if colour else back


def _quantised(plane: np.ndarray, table: np.ndarray, middle: float) -> np.ndarray:
    """A plane [h, w] through the cosine transform of 8 x 8 blocks, rounded to multiples of `table`."""
    from scipy.fft import dctn, idctn

    height, width = plane.shape
    padded = np.pad((plane - middle) * 255, ((0, -height % 8), (0, -width % 8)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 8, 8, -1, 8).swapaxes(1, 2)
    coded = np.rint(dctn(blocks, axes=(2, 3), norm="ortho") / table) * table
    plain = idctn(coded, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(padded.shape)
    return np.asarray(plain[:height, :width] / 255 + middle)
