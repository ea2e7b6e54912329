"""The size of the work under pytest: `pytest benchmarks --size quick`."""

from __future__ import annotations

import pytest

from benchmarks.sizes import SIZES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--size", choices=list(SIZES), default="default", help="how much work a benchmark does")
    parser.addoption("--rounds", type=int, default=6, help="timed runs of each side")
