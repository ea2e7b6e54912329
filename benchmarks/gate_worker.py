"""A worker of `fmbench bench` whose work is a sort and a matrix product; `job["work"]` times as much of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fmbench.gate.worker import serve


def subject(job: dict[str, Any]) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    rows = round(400 * job["work"])
    left, right = rng.random((rows, 256), dtype=np.float32), rng.random((256, 1024), dtype=np.float32)

    def call() -> object:
        product = left @ right
        product.sort(axis=1)
        return np.exp(-product).sum()

    return call


if __name__ == "__main__":
    serve(subject)
