"""One bar -> one row. `python -m benchmarks.measure NAME SIZE ROUNDS FILE` does it in a process of its own."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.bars import BARS, Bar
from benchmarks.pairs import Pair, Quality, Ratio, Times, time_in_turn, warm_up
from benchmarks.sizes import SIZES

MET, MISSED, NOT_RUN, FAILED = "met", "missed", "not run", "failed"


@dataclass(frozen=True)
class Row:
    """What the report says of one bar.

    Args:
        verdict: MET, MISSED, NOT_RUN or FAILED; `why` explains the last two.
        beside: ratios of further parts, by name.
        seconds: of every round, side -> part -> [rounds].
        threads: of torch.
    """

    bar: str
    verdict: str
    why: str | None = None
    ratio: Ratio | None = None
    beside: dict[str, Ratio] = field(default_factory=dict)
    quality: Quality | None = None
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    threads: int | None = None

    @classmethod
    def read(cls, text: str) -> Row:
        """From `to_json`."""
        found: dict[str, Any] = json.loads(text)
        for name, kind in (("ratio", Ratio), ("quality", Quality)):
            found[name] = None if found[name] is None else kind(**_with_nan(found[name]))
        found["beside"] = {part: Ratio(**_with_nan(ratio)) for part, ratio in found["beside"].items()}
        return cls(**found)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN is null."""
        found: dict[str, Any] = _without_nan(asdict(self))
        return found


def measure(bar: Bar, pair: Pair, rounds: int, tell: Callable[[str], None] = lambda line: None) -> Row:
    """Warm up, compare quality where asked, time the rounds, and judge."""
    import torch

    quality = None
    if pair.quality is not None:
        tell("quality")
        quality = pair.quality()
    elif pair.warm_up:
        tell("warm-up")
        warm_up(pair)
    rounds = bar.rounds or rounds
    times = time_in_turn(pair, rounds, on_round=lambda number: tell(f"round {number} of {rounds}"))
    ratio = Ratio.of(pair.compare(times, pair.part))
    return Row(
        bar.name,
        MET if judge(bar, ratio, quality) else MISSED,
        ratio=ratio,
        beside={part: Ratio.of(pair.compare(times, part)) for part in pair.beside},
        quality=quality,
        seconds=listed(times),
        threads=torch.get_num_threads(),
    )


def judge(bar: Bar, ratio: Ratio, quality: Quality | None) -> bool:
    """Whether the median ratio reaches the bar and, where scores are compared, they are equal within the interval."""
    return ratio.median >= bar.at_least and (quality is None or quality.equal)


def listed(times: Times) -> dict[str, dict[str, list[float]]]:
    return {side: {part: one.tolist() for part, one in parts.items()} for side, parts in times.sides.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(value: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if one is None else one for key, one in value.items()}


def main(name: str, size: str, rounds: str, file: str) -> None:
    """Measure one bar and write its row."""
    bar = next(bar for bar in BARS if bar.name == name)

    def tell(line: str) -> None:
        sys.stderr.write(f"  {name}: {line}\n")

    tell("setting up")
    row = measure(bar, bar.build(SIZES[size]), int(rounds), tell)
    Path(file).write_text(json.dumps(row.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
