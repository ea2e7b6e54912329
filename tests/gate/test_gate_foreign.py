"""Metrics of other libraries are gated as ours are, from a report and from a baseline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from gated import CELLS, broken_copy, command
from scipy.stats import binomtest

from fmbench.gate.baseline import array_of, packed
from fmbench.gate.foreign import coded, from_numbers, to_numbers
from fmbench.gate.quality import Pair, judge
from fmbench.gate.scores import exchange_p
from fmbench.measure.foreign import Foreign
from fmbench.registry import METRICS

Capture = pytest.CaptureFixture[str]


def test_a_main_metric_of_scikit_learn_is_gated_from_a_report_and_a_baseline(
    suite: Path, tmp_path: Path, capsys: Capture
) -> None:
    metrics = '    metrics: ["sklearn:balanced_accuracy_score", accuracy]\n'
    suite.write_text(suite.read_text().replace("adaptations:", f"{metrics}adaptations:"))
    command(capsys, "run", suite, "--out", tmp_path / "base", "--models", "tfidf-logreg", "--seeds", "0")
    report = tmp_path / "base" / "words"
    assert command(capsys, "baseline", "save", report, "--out", tmp_path / "kept")[0] == 0
    new = broken_copy(report, tmp_path / "new", 0.2)
    found = []
    for base in (report, tmp_path / "kept"):
        assert command(capsys, "gate", base, report)[0] == 0
        code, out, err = command(capsys, "gate", base, new, "--json", "-")
        assert code == 1, err
        (check,) = json.loads(out)["checks"]
        assert (check["metric"], check["outcome"]) == ("sklearn:balanced_accuracy_score", "regression")
        assert check["change"] == pytest.approx(-0.2, abs=0.01)
        assert check["low"] < check["change"] < check["high"] < 0
        found.append((check["p"], check["low"], check["base"], check["new"]))
    assert found[0] == found[1]


def objects(gold: list[object], predicted: list[object]) -> np.ndarray:
    found = np.empty((len(gold), 2), dtype=object)
    found[:, 0], found[:, 1] = gold, predicted
    return found


def foreign_pair(name: str, base: list[np.ndarray], new: list[np.ndarray]) -> Pair:
    metric, runs = coded(METRICS[name], [*base, *new])
    sides = (tuple(runs[: len(base)]), tuple(runs[len(base) :]))
    return Pair(CELLS, metric, [str(i) for i in range(len(base[0]))], tuple(range(len(base))), *sides, 0.01)


@pytest.mark.parametrize("name", ["sklearn:matthews_corrcoef", "sklearn:hamming_loss", "sklearn:mean_absolute_error"])
def test_codes_score_as_the_metric_does(name: str) -> None:
    rng = np.random.default_rng(0)
    numbers = name.endswith("error")

    def run(wrong: float) -> np.ndarray:
        gold = np.random.default_rng(9).integers(0, 3, 150)
        guess = np.where(rng.random(150) < wrong, rng.integers(0, 3, 150), gold)
        return objects(*([[float(x) for x in one] if numbers else [f"l{x}" for x in one] for one in (gold, guess)]))

    base, new = [run(0.1)], [run(0.6)]
    pair = foreign_pair(name, base, new)
    check = judge([pair])[0]
    assert check.base == pytest.approx(np.mean([METRICS[name].score(one) for one in base]))
    assert check.new == pytest.approx(np.mean([METRICS[name].score(one) for one in new]))
    assert (check.outcome, check.seeds) == ("regression", 1)
    assert judge([foreign_pair(name, base, base)])[0].method == "identical"
    assert judge([foreign_pair(name, new, base)])[0].outcome == "pass"


def test_a_metric_of_numbers_is_judged_over_seeds() -> None:
    rng = np.random.default_rng(1)
    gold = rng.normal(0, 1, 30)

    def run(noise: float) -> np.ndarray:
        return objects(gold.tolist(), (gold + rng.normal(0, noise, 30)).tolist())

    base, worse = [run(0.1) for _ in range(3)], [run(0.6) for _ in range(3)]
    check = judge([foreign_pair("sklearn:mean_absolute_error", base, worse)])[0]
    assert (check.outcome, check.seeds) == ("regression", 3)
    again = judge([foreign_pair("sklearn:mean_absolute_error", base, [run(0.1) for _ in range(3)])])[0]
    assert again.outcome != "regression"


def test_a_library_that_refuses_what_new_predicts_makes_its_score_undefined() -> None:
    fine = objects([1.0, 2.0, 3.0], [1.0, 2.0, 2.5])
    lost = objects([1.0, 2.0, 3.0], [1.0, float("nan"), 2.5])
    check = judge([foreign_pair("sklearn:mean_absolute_error", [fine], [lost])])[0]
    assert (check.outcome, check.note) == ("regression", "undefined in new, defined in base")


@dataclass
class Counted:
    """Accuracy as a metric that cannot be summed, and how often it was asked."""

    name: str = "counted"
    unit: str = ""
    higher_is_better: bool = True
    asked: int = 0

    def score(self, statistics: np.ndarray) -> float:
        self.asked += 1
        return float(statistics.mean())


def test_a_large_p_is_known_after_few_exchanges_and_a_small_one_is_small_enough_for_many_metrics() -> None:
    rng = np.random.default_rng(0)
    base = (rng.random(400) < 0.8).astype(float)
    same, lost = base.copy(), base.copy()
    same[np.flatnonzero(base)[:20]], same[np.flatnonzero(1 - base)[:19]] = 0.0, 1.0
    lost[np.flatnonzero(base)[:40]] = 0.0
    few, many = Counted(), Counted()
    p = exchange_p(few, [base], [same], None, 10_000)  # type: ignore[arg-type]
    assert p == pytest.approx(binomtest(20, 39, alternative="greater").pvalue, abs=0.08)
    small = exchange_p(many, [base], [lost], None, 4 * 100 * 100)  # type: ignore[arg-type]
    assert few.asked < many.asked / 4
    assert small < 0.01 / 100


def test_a_coded_module_of_evaluate_gets_its_integers_back() -> None:
    def share(gold: list[object], predicted: list[object], counts: np.ndarray | None) -> float:
        assert all(type(one) is int for one in (*gold, *predicted))
        assert counts is not None
        return float(np.average([a == b for a, b in zip(gold, predicted, strict=True)], weights=counts))

    metric = Foreign("evaluate:share", share, frozenset({"class"}), True, 200, coded=True)
    numbers, texts = to_numbers(objects([0, 1, 1, 0], [0, 1, 0, 0]))
    assert texts is None
    back = from_numbers(array_of(packed(numbers)[1]), texts)
    made, runs = coded(metric, [back])
    assert made.score(runs[0]) == 0.75


def test_lists_of_tags_come_back_from_a_baseline() -> None:
    given = objects([["B", "O"], ["O"]], [["O", "O"], ["O"]])
    numbers, texts = to_numbers(given)
    assert texts is not None
    assert from_numbers(array_of(packed(numbers)[1]), [str(one) for one in texts]).tolist() == given.tolist()
