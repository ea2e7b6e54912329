"""Metrics of scikit-learn and evaluate by name: their numbers, our intervals, and what is said where there is none."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as reference

from fmbench.errors import InputError
from fmbench.measure.foreign import sklearn_metric
from fmbench.measure.metric import Sample
from fmbench.measure.quality import quality
from fmbench.registry import METRICS, Registry
from fmbench.stats.bootstrap import resampled_weights
from fmbench.stats.clusters import cluster_index
from fmbench.suite.loader import load_suite

LABELS = ("a", "b", "c")
OF_LABELS = (
    *("balanced_accuracy_score", "matthews_corrcoef", "cohen_kappa_score", "f1_score", "jaccard_score", "hamming_loss"),
    *("zero_one_loss", "normalized_mutual_info_score", "precision_score", "recall_score"),
)
OF_NUMBERS = ("mean_absolute_error", "median_absolute_error", "r2_score", "d2_absolute_error_score", "max_error")


def labelled(seed: int, n: int = 120) -> pa.Table:
    rng = np.random.default_rng(seed)
    gold = rng.choice(LABELS, n)
    guess = np.where(rng.random(n) < 0.3, rng.choice(LABELS, n), gold)
    return pa.table({"gold": gold.tolist(), "prediction": guess.tolist(), "author": [i // 4 for i in range(n)]})


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_that_of_scikit_learn(name: str, seed: int) -> None:
    table = labelled(seed)
    metric = METRICS[f"sklearn:{name}"]
    function = getattr(reference, name)
    macro = {"average": "macro"} if name in ("f1_score", "jaccard_score", "precision_score", "recall_score") else {}
    gold, guess = table["gold"].to_pylist(), table["prediction"].to_pylist()
    assert metric.score(metric.statistics(table, LABELS)) == pytest.approx(function(gold, guess, **macro), abs=1e-9)
    assert metric.higher_is_better is not name.endswith("loss")
    assert metric.kinds >= {"text-classification", "multiple-choice"} and "token-classification" not in metric.kinds


def test_a_draw_is_the_score_of_the_items_drawn() -> None:
    table = labelled(1)
    for name in ("matthews_corrcoef", "normalized_mutual_info_score"):
        metric = METRICS[f"sklearn:{name}"]
        drawn = metric.resampled([metric.statistics(table, LABELS)], table["author"].to_pylist())[0]
        assert len(drawn) == 1000
        index = cluster_index(table["author"].to_pylist())
        first = next(resampled_weights(30, 1000, np.random.default_rng(0)))[:5, index]
        for value, weights in zip(drawn, first, strict=False):
            at = np.repeat(np.arange(120), weights.astype(int))
            sides = ([table[side].to_pylist()[i] for i in at] for side in ("gold", "prediction"))
            assert value == pytest.approx(getattr(reference, name)(*sides), abs=1e-9)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_numbers_are_scored_too(name: str) -> None:
    rng = np.random.default_rng(0)
    gold = rng.normal(size=60)
    table = pa.table({"gold": gold, "prediction": gold + 0.3 * rng.normal(size=60)})
    metric = METRICS[f"sklearn:{name}"]
    value, interval, n = metric.measure(Sample(table, ()))
    assert value == pytest.approx(getattr(reference, name)(*(table[c].to_pylist() for c in ("gold", "prediction"))))
    assert interval.low < interval.high and n == 60
    assert metric.kinds >= {"text-regression"}
    assert metric.higher_is_better is name.endswith("score")


def test_it_stands_beside_our_own_in_a_result() -> None:
    rows = quality(labelled(0), ["sklearn:f1_score", "macro_f1"], LABELS, "author")
    theirs, ours = rows[:2]
    assert theirs.value == pytest.approx(ours.value, abs=1e-12)
    assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=0.02)
    assert theirs.interval == "cluster-bootstrap"


def test_seeds_are_crossed_with_items() -> None:
    metric = METRICS["sklearn:matthews_corrcoef"]
    runs = [metric.statistics(labelled(0), LABELS)] * 3
    found = metric.over_seeds(runs)
    assert found.low < metric.score(runs[0]) < found.high


@pytest.mark.parametrize("name", ["confusion_matrix", "log_loss", "roc_auc_score", "fbeta_score", "f1_scor"])
def test_a_function_that_is_none_of_labels_is_unknown(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown function of sklearn.metrics '{name}'"):
        sklearn_metric(name)


def test_names_of_a_family_are_known_but_not_listed() -> None:
    made = Registry("thing", {"plain": "math:pi"}, families={"length": "builtins:len"})
    assert "length:four" in made and made["length:four"] == 4
    assert "length:" not in made and "other:4" not in made
    assert list(made) == ["plain"]
    assert list(METRICS) == [name for name in METRICS if ":" not in name]


def suite_with(tmp_path: Path, metric: str) -> Path:
    path = tmp_path / "s.yaml"
    (tmp_path / "t.tsv").write_text("label\ttext\n" + "".join(f"{'ab'[i % 2]}\tx {i}\n" for i in range(40)))
    path.write_text(
        "suite: s\nmodels: [majority]\nadaptations: {fit: {}}\ntasks:\n  - name: t\n    kind: text-classification\n"
        f"    data: {{files: {{train: t.tsv}}}}\n    metrics: [accuracy, '{metric}']\n"
    )
    return path


def test_a_suite_names_them(tmp_path: Path) -> None:
    assert load_suite(suite_with(tmp_path, "sklearn:matthews_corrcoef")).tasks[0].spec.metrics[1].startswith("sklearn:")
    with pytest.raises(InputError, match="'matthews_corcoef'; did you mean 'matthews_corrcoef'"):
        load_suite(suite_with(tmp_path, "sklearn:matthews_corcoef"))
    with pytest.raises(InputError, match="'sklearn:max_error' is not for text-classification"):
        load_suite(suite_with(tmp_path, "sklearn:max_error"))


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evaluate", None)
    METRICS._resolved.pop("evaluate:accuracy", None)
    with pytest.raises(InputError, match=r"needs the extra: pip install 'fmbench\[evaluate\]'") as raised:
        load_suite(suite_with(tmp_path, "evaluate:accuracy"))
    assert raised.value.problems[0].place.line == 8


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the interface of evaluate 0.4: `load`, `compute`, `features`; it counts whole numbers only."""

    class Module:
        def __init__(self) -> None:
            self.features = {"predictions": types.SimpleNamespace(dtype="int32")}

        def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
            return {"share": float(np.mean([a == b for a, b in zip(predictions, references, strict=True)]))}

        def compute(self, predictions: Any, references: Any) -> dict[str, float]:
            assert all(isinstance(one, int) for one in (*predictions, *references))
            return self._compute(predictions, references)

    def load(name: str) -> Module:
        if name != "./share.py":
            raise FileNotFoundError(f"no module {name}\nanywhere")
        return Module()

    module = types.ModuleType("evaluate")
    module.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evaluate", module)
    monkeypatch.setattr(METRICS, "_resolved", {})


@pytest.mark.usefixtures("library")
def test_a_module_of_evaluate_gets_labels_as_numbers_and_an_interval() -> None:
    table = labelled(0)
    theirs, ours = quality(table, ["evaluate:./share.py", "accuracy"], LABELS)[:2]
    assert theirs.value == pytest.approx(ours.value, abs=1e-12)
    assert (theirs.low, theirs.high) == pytest.approx((ours.low, ours.high), abs=0.03)


@pytest.mark.usefixtures("library")
def test_a_module_that_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        load_suite(suite_with(tmp_path, "evaluate:acuracy"))
    (problem,) = raised.value.problems
    assert "without network, name the folder or the file of the module" in problem.message
    assert "\n" not in problem.message
