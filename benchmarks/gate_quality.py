"""How often the quality gate cries wolf, and how often it sleeps: simulated reports, and real training runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_limits import paired_shares, students_t
from fmbench.gate.quality import Pair, judge
from fmbench.gate.side import Cell, read_side
from fmbench.gate.verdict import Cells, Check
from fmbench.registry import METRICS

Rng = np.random.Generator


@dataclass(frozen=True)
class Rate:
    """How many of so many trials ended with a regression, and with a pass; `limit` is what the best test would call."""

    what: str
    trials: int
    regressions: int
    passes: int
    limit: float | None = None


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


def trained(rng: Rng, n: int, seeds: int, loss: float, training: float) -> Pair:
    """Accuracy of 0.8 of training runs that share nothing; `training` is the standard deviation of a run's accuracy."""
    hard = rng.random(n)

    def run(level: float) -> np.ndarray:
        return accuracy_stats(rng.random(n) < level + rng.normal(0, training) + 0.3 * (hard - 0.5))

    return _pair("accuracy", [run(0.8) for _ in range(seeds)], [run(0.8 - loss) for _ in range(seeds)])


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


def false_alarms(reports: int, seed: int = 0) -> list[Rate]:
    """Reports with a regression among ten metrics that did not become worse; single metrics of few, noisy runs."""
    rng = np.random.default_rng(seed)
    found = [judge(simulated_report(rng)) for _ in range(reports)]
    rates = [_rate("simulated reports of ten metrics, nothing changed (per report)", found)]
    for seeds in (2, 3, 5):
        for what, make in NOISY:
            rng = np.random.default_rng(seed)
            verdicts = [judge([make(rng, seeds)]) for _ in range(reports)]
            rates.append(_rate(f"one metric, {seeds} seeds, {what}, n = 2,000, nothing changed", verdicts))
    return rates


NOISY: list[tuple[str, Callable[[Rng, int], Pair]]] = [
    ("training noise of 2 points", lambda rng, seeds: trained(rng, 2000, seeds, 0.0, 0.02)),
    (
        "training noise of 2 points that the sides of a seed share but for 0.5",
        lambda rng, seeds: accuracy(rng, 2000, seeds, 0.04, 0.0, training=0.005),
    ),
]


@dataclass(frozen=True)
class Loss:
    """A loss of two points on 2,000 examples; `limit` is what the best test at 1 % false alarms would call."""

    what: str
    make: Callable[[Rng], Pair]
    limit: float | None = None
    family: int = 1


def losses(n: int = 2000, loss: float = 0.02) -> list[Loss]:
    def one(discordance: float, family: int = 1) -> float:
        return paired_shares(n, (discordance + loss) / 2, (discordance - loss) / 2, 0.01 / family)

    def several(seeds: int, discordance: float) -> float:
        return students_t(loss, np.sqrt((discordance - loss**2) / n / seeds), seeds - 1)

    def runs(seeds: int, training: float) -> float:
        return students_t(loss, np.sqrt(2 * (training**2 + 0.1525 / n) / seeds), 2 * (seeds - 1))

    shares = [
        Loss(f"accuracy -2 points, discordance {100 * d:.0f} %", lambda rng, d=d: accuracy(rng, n, 1, d, loss), one(d))
        for d in (0.02, 0.04, 0.05, 0.06)
    ]
    ten = Loss(
        "the same at 4 %, one of ten gated metrics", lambda rng: accuracy(rng, n, 1, 0.04, loss), one(0.04, 10), 10
    )
    seeded = [
        Loss(
            f"accuracy -2 points, discordance {100 * d:.0f} %, {k} seeds with errors of their own",
            lambda rng, k=k, d=d: accuracy(rng, n, k, d, loss),
            several(k, d),
        )
        for k, d in ((3, 0.02), (3, 0.06), (5, 0.06))
    ]
    unrelated = [
        Loss(
            f"accuracy -2 points, {k} unrelated training runs a side, training noise of 0.5 points",
            lambda rng, k=k: trained(rng, n, k, loss, 0.005),
            runs(k, 0.005),
        )
        for k in (3, 5)
    ]
    entity = [Loss(f"entity F1 -2 points, {k} seeds", lambda rng, k=k: entities(rng, n, k, 0.034)) for k in (1, 3)]
    return [*shares, ten, *seeded, *unrelated, *entity]


def power(trials: int, seed: int = 1) -> list[Rate]:
    """A loss of two points on 2,000 examples, in several settings."""
    rates = []
    for case in losses():
        rng = np.random.default_rng(seed)
        verdicts = [judge([case.make(rng)], family=case.family) for _ in range(trials)]
        rates.append(_rate(f"{case.what}, n = 2,000", verdicts, case.limit))
    return rates


def _rate(what: str, verdicts: Sequence[Sequence[Check]], limit: float | None = None) -> Rate:
    bad = sum(any(check.outcome == "regression" for check in checks) for checks in verdicts)
    good = sum(all(check.outcome == "pass" for check in checks) for checks in verdicts)
    return Rate(what, len(verdicts), bad, good, limit)


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
