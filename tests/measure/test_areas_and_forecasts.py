"""Areas under curves as scikit-learn has them; errors of forecasts by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, mean_absolute_error, roc_auc_score

from fmbench.measure.quality import quality, score
from fmbench.registry import METRICS


def table(gold: list[str], scores: np.ndarray, labels: list[str]) -> pa.Table:
    return pa.table({"gold": gold, "prediction": [labels[i] for i in scores.argmax(axis=1)], "scores": scores.tolist()})


@pytest.mark.parametrize("n_labels", [2, 4])
def test_areas_are_those_of_scikit_learn(n_labels: int) -> None:
    rng = np.random.default_rng(n_labels)
    labels = [f"label {i}" for i in range(n_labels)]
    gold = rng.integers(0, n_labels, 200)
    scores = (rng.random((200, n_labels)) + 0.4 * np.eye(n_labels)[gold]).round(1)
    scores /= scores.sum(axis=1, keepdims=True)
    rows = table([labels[i] for i in gold], scores, labels)
    wanted = np.arange(1, 2) if n_labels == 2 else np.arange(n_labels)
    for name, reference in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
        expected = np.mean([reference(gold == i, scores[:, i]) for i in wanted])
        assert score(METRICS[name], rows, labels) == pytest.approx(expected, abs=1e-9)
        (found,) = quality(rows, [name], labels)
        assert found.low < found.value < found.high
        resampled = METRICS[name].resampled([METRICS[name].statistics(rows, labels)], None)[0]
        assert resampled.mean() == pytest.approx(expected, abs=0.02)


def test_a_label_that_is_never_gold_does_not_count() -> None:
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    rows = table(["a", "b", "a"], scores, ["a", "b", "c"])
    assert score(METRICS["auroc"], rows, ["a", "b", "c"]) == 1
    one = table(["a", "a"], scores[:2], ["a", "b", "c"])
    assert np.isnan(score(METRICS["auroc"], one, ["a", "b", "c"]))


def test_errors_of_forecasts_come_by_step_and_against_the_last_value() -> None:
    gold, predicted = [[1.0, 2.0], [3.0, 5.0]], [[1.0, 4.0], [2.0, 5.0]]
    rows = pa.table({"gold": gold, "prediction": predicted, "last_value": [0.0, 3.0]})
    found = {(row.metric, row.slice): row.value for row in quality(rows, ["mae", "rmse", "relative_mae"], ["1", "2"])}
    assert found["mae", None] == mean_absolute_error(gold, predicted) == 0.75
    assert (found["mae", "step 1"], found["mae", "step 2"]) == (0.5, 1.0)
    assert found["rmse", "step 2"] == pytest.approx(np.sqrt(2))
    assert found["relative_mae", None] == pytest.approx(3.0 / (1 + 2 + 0 + 2))


def test_displacements_are_distances() -> None:
    rows = pa.table({"gold": [[0.0, 0.0, 3.0, 4.0]], "prediction": [[3.0, 4.0, 3.0, 4.0]]})
    assert score(METRICS["ade"], rows, []) == 2.5
    assert score(METRICS["fde"], rows, []) == 0
