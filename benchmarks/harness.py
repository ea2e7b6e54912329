"""How much of a run of nlp-core is not the model: a process of its own, `fmbench run` from its start to its end.

Run as `python -m benchmarks.harness FILE ARGUMENTS...` it is that process: it does `fmbench ARGUMENTS...` with a clock
around every load, fit and predict of its cells, and writes their seconds to FILE. Interpreter, imports (torch,
transformers and scikit-learn too, which are imported first so that no cell's time holds them), checking, metrics,
intervals, storing and the board are harness.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.pairs import Compared, Pair, Seconds, Side, Times
from benchmarks.sizes import Size

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "sklearn.linear_model", "sklearn.feature_extraction.text", "datasets")


def build(size: Size) -> Pair:
    """Our time is the whole run, from empty caches; the "peer" is its part inside the model."""
    arguments = ["run", "suites/nlp-core.yaml", "--fresh"]
    if size.suite_rows is not None:
        arguments += ["--limit", str(size.suite_rows)]
    if size.suite_models is not None:
        arguments += ["--models", size.suite_models]
    return Pair(Side(lambda out: _run(arguments, out), TemporaryDirectory), None, compare=inside, warm_up=False)


def inside(times: Times, part: str) -> Compared:
    """The whole run, and the seconds inside the model."""
    return times.of("ours", part), times.of("ours", "model")


def _run(arguments: list[str], out: str) -> Seconds:
    seconds = Path(out, "seconds.json")
    command = [sys.executable, "-m", "benchmarks.harness", str(seconds), *arguments, "--out", out]
    environment = os.environ | {"FMBENCH_CACHE": str(Path(out, "cache"))}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"fmbench run ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return Seconds(json.loads(seconds.read_text()))


@dataclass
class Stopwatch:
    """Seconds inside the functions it wraps; a call within a call counts once."""

    seconds: float = 0.0
    depth: int = 0

    def around(self, function: Callable[..., Any], after: Callable[[Any], Any] = lambda found: found) -> Any:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            start = time.perf_counter()
            try:
                return after(function(*args, **kwargs))
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.perf_counter() - start

        return timed


class TimedPredictor:
    """A predictor whose computing methods are under the watch; everything else is the predictor's own."""

    def __init__(self, predictor: Any, watch: Stopwatch) -> None:
        self._predictor, self._watch = predictor, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._predictor, name)
        return self._watch.around(found) if name in ("predict", "encode", "run") else found


def watched(fitted: Any, watch: Stopwatch) -> Any:
    """`fitted` with every predictor in it under the watch."""
    assert is_dataclass(fitted)
    found = {field.name: getattr(fitted, field.name) for field in fields(fitted)}
    predictors = {name: TimedPredictor(one, watch) for name, one in found.items() if hasattr(one, "predict")}
    return replace(fitted, **predictors)  # type: ignore[type-var]


def main(arguments: list[str]) -> None:
    """Run fmbench under the watch."""
    import importlib

    for name in HEAVY:
        importlib.import_module(name)
    from fmbench.cli import main as fmbench
    from fmbench.registry import ADAPTATIONS, LOADERS

    watch = Stopwatch()
    for loader in LOADERS.values():
        loader.load = staticmethod(watch.around(loader.load))
    for adaptation in ADAPTATIONS.values():
        adaptation.fit = staticmethod(watch.around(adaptation.fit, lambda fitted: watched(fitted, watch)))
    try:
        fmbench(arguments[1:])
    finally:
        Path(arguments[0]).write_text(json.dumps({"model": watch.seconds}))


if __name__ == "__main__":
    main(sys.argv[1:])
