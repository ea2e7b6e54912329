"""How often the quality gate cries wolf, and how often it sleeps: simulated reports, and real training runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmbench.gate.quality import Pair, judge
from fmbench.gate.side import Cell, read_side
from fmbench.gate.verdict import Cells, Check
from fmbench.registry import METRICS

Rng = np.random.Generator


@dataclass(frozen=True)
class Rate:
    """How many of so many trials ended with a regression, and with a pass."""

    what: str
    trials: int
    regressions: int
    passes: int


def accuracy_stats(right: np.ndarray) -> np.ndarray:
    """Statistics [n, 1, 3] of one count an example: right, answered, asked."""
    one = np.ones(len(right), dtype=np.int32)
    return np.stack([right.astype(np.int32), one, one], axis=1)[:, None, :]


def churned(rng: Rng, right: np.ndarray, discordance: float, loss: float) -> np.ndarray:
    """Other answers: a share `discordance` of them turns from right to wrong or back, `loss` more in the first way."""
    n = len(right)
    lost = rng.random(n) < (discordance + loss) / 2 / right.mean()
    gained = rng.random(n) < (discordance - loss) / 2 / (1 - right.mean())
    return np.where(right, ~lost, gained)


def accuracy(rng: Rng, n: int, seeds: int, discordance: float, loss: float, training: float = 0.0) -> Pair:
    """Accuracy of 0.8 on the same examples; each seed and side has a training noise of its own (standard deviation)."""
    hard = rng.random(n)
    base, new = [], []
    for _ in range(seeds):
        right = rng.random(n) < 0.8 + 0.3 * (hard - 0.5)
        drawn = rng.normal(0, training, 2) if training else (0.0, 0.0)
        base.append(accuracy_stats(churned(rng, right, discordance, float(drawn[0])) if training else right))
        new.append(accuracy_stats(churned(rng, right, discordance, loss + float(drawn[1]))))
    return _pair("accuracy", base, new)


def entities(rng: Rng, n: int, seeds: int, loss: float, changed: float = 0.05) -> Pair:
    """Entity F1 of some 0.8 on n sentences: of the `changed` ones new finds other entities, and `loss` of recall fewer.

    A loss of recall of 0.034 costs two points of F1, as fewer are predicted too.
    """
    gold = rng.poisson(1.5, n)
    base, new = [], []
    for _ in range(seeds):
        found, wrong = rng.binomial(gold, 0.8), rng.poisson(0.3, n)
        again = np.where(rng.random(n) < changed, rng.binomial(gold, 0.8), found)
        again = rng.binomial(again, 1 - loss / 0.8)
        base.append(_entity_stats(found, wrong, gold))
        new.append(_entity_stats(again, wrong, gold))
    return _pair("entity_f1", base, new)


def _entity_stats(found: np.ndarray, wrong: np.ndarray, gold: np.ndarray) -> np.ndarray:
    return np.stack([found, found + wrong, gold], axis=1)[:, None, :].astype(np.int32)


def _pair(metric: str, base: Sequence[np.ndarray], new: Sequence[np.ndarray]) -> Pair:
    ids = [str(i) for i in range(len(base[0]))]
    return Pair(
        Cells("simulated", "model", "fit"), METRICS[metric], ids, tuple(range(len(base))), tuple(base), tuple(new), 0.01
    )


def simulated_report(rng: Rng) -> list[Pair]:
    """Ten gated metrics of which none became worse: shares and entity F1, one seed and three, small and large."""
    sizes = [int(n) for n in rng.choice([200, 400, 800], 10)]
    churn = rng.uniform(0.01, 0.1, 10)
    single = [accuracy(rng, sizes[i], 1, churn[i], 0.0) for i in range(4)]
    several = [accuracy(rng, sizes[i], 3, churn[i], 0.0, training=0.005) for i in range(4, 7)]
    return [*single, *several, *(entities(rng, sizes[i], (1, 3, 3)[i - 7], 0.0, churn[i]) for i in range(7, 10))]


def false_alarms(reports: int, seed: int = 0) -> Rate:
    """Reports with a regression among ten metrics that did not become worse."""
    rng = np.random.default_rng(seed)
    found = [judge(simulated_report(rng)) for _ in range(reports)]
    return _rate("simulated reports of ten metrics, nothing changed (per report)", found)


def power(trials: int, seed: int = 1) -> list[Rate]:
    """A loss of two points on 2,000 examples, in several settings."""
    settings: list[tuple[str, Callable[[Rng], Pair]]] = [
        ("accuracy -2 points, only losses (discordance 2 %)", lambda rng: accuracy(rng, 2000, 1, 0.02, 0.02)),
        ("accuracy -2 points, discordance 4 %", lambda rng: accuracy(rng, 2000, 1, 0.04, 0.02)),
        ("accuracy -2 points, discordance 6 %", lambda rng: accuracy(rng, 2000, 1, 0.06, 0.02)),
        ("accuracy -2 points, discordance 6 %, three seeds", lambda rng: accuracy(rng, 2000, 3, 0.06, 0.02)),
        ("entity F1 -2 points, one seed", lambda rng: entities(rng, 2000, 1, 0.034)),
        ("entity F1 -2 points, three seeds", lambda rng: entities(rng, 2000, 3, 0.034)),
    ]
    rates = []
    for what, make in settings:
        rng = np.random.default_rng(seed)
        rates.append(_rate(f"{what}, n = 2,000", [judge([make(rng)]) for _ in range(trials)]))
    rng = np.random.default_rng(seed)
    among = [judge([accuracy(rng, 2000, 1, 0.04, 0.02)], family=10)[:1] for _ in range(trials)]
    return [*rates, _rate("accuracy -2 points, discordance 4 %, one of ten gated metrics, n = 2,000", among)]


def _rate(what: str, verdicts: Sequence[Sequence[Check]]) -> Rate:
    bad = sum(any(check.outcome == "regression" for check in checks) for checks in verdicts)
    good = sum(all(check.outcome == "pass" for check in checks) for checks in verdicts)
    return Rate(what, len(verdicts), bad, good)


SUITE = """\
suite: reruns
models: [bilstm]
tasks: [sentiment-reviews]
adaptations: {fit: {}}
"""


def real_reruns(folder: Path, runs: int) -> list[Rate]:
    """A small network trained with `runs` seeds, twice: each seed again, one seed and three seeds beside others."""
    (folder / "reruns.yaml").write_text(SUITE)
    seeds = ",".join(map(str, range(runs)))
    sides = []
    for name in ("first", "second"):
        command = ["run", str(folder / "reruns.yaml"), "--seeds", seeds, "--limit", "250", "--out", str(folder / name)]
        subprocess.run(
            [sys.executable, "-m", "fmbench", *command],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        sides.append(read_side(folder / name / "reruns-limit-250"))
    first, second = (side.cells for side in sides)
    rng = np.random.default_rng(0)
    threes = [rng.permutation(runs)[:6] for _ in range(runs)]
    return [
        _rate("real training runs again, same seed", [_compared([a], [b]) for a, b in zip(first, second, strict=True)]),
        _rate(
            "real training runs, three seeds beside three others",
            [_compared([first[i] for i in six[:3]], [first[i] for i in six[3:]]) for six in threes],
        ),
        _rate(
            "real training runs, one seed beside another (each a checkpoint of its own)",
            [_compared([first[i]], [first[(i + 1) % runs]]) for i in range(runs)],
        ),
    ]


def _compared(base: Sequence[Cell], new: Sequence[Cell]) -> list[Check]:
    sides = [[cell.statistics("accuracy") for cell in side] for side in (base, new)]
    return judge([_pair("accuracy", *sides)])
