"""The head is scikit-learn's, and is fitted once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench.engine import logistic as module
from fmbench.engine.cache import ArrayCache
from fmbench.engine.logistic import fit_logistic
from fmbench.tasks.kind import IGNORED

RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(300, 6)) * [1, 5, 0.1, 1, 1, 1] + [0, 3, 0, 0, 0, 0]).astype(np.float32)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_probabilities_equal_those_of_scikit_learn(n_classes: int, tmp_path: Path) -> None:
    targets = (FEATURES[:, 0] + 0.5 * RNG.normal(size=300) > np.linspace(-1, 1, n_classes - 1)[:, None]).sum(0)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=0.3)).fit(FEATURES, targets)
    head = fit_logistic(FEATURES, targets, 0.3, 100, ArrayCache(tmp_path), "a")
    np.testing.assert_allclose(head.scores(FEATURES, n_classes), peer.predict_proba(FEATURES), atol=1e-4)
    assert head.parameters == peer[-1].coef_.size + peer[-1].intercept_.size


def test_a_head_is_fitted_once_for_its_features_classes_and_strength(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, calls, real = ArrayCache(tmp_path), [], module._fit
    monkeypatch.setattr(module, "_fit", lambda *given: (calls.append(1), real(*given))[1])
    targets = np.arange(300) % 3
    first = fit_logistic(FEATURES, targets, 0.3, 100, cache, "a")
    again = fit_logistic(FEATURES.copy(), targets, 0.3, 100, cache, "a")
    np.testing.assert_array_equal(first.scores(FEATURES, 3), again.scores(FEATURES, 3))
    assert len(calls) == 1
    fit_logistic(FEATURES, targets, 0.5, 100, cache, "a")
    fit_logistic(FEATURES, targets, 0.3, 50, cache, "a")
    fit_logistic(FEATURES + 1, targets, 0.3, 100, cache, "b")
    fit_logistic(FEATURES, targets[::-1].copy(), 0.3, 100, cache, "a")
    assert len(calls) == 5


def test_ignored_targets_and_unseen_classes(tmp_path: Path) -> None:
    targets = np.where(np.arange(300) % 2, 3, 1)
    some = np.where(np.arange(300) < 50, IGNORED, targets)
    cache = ArrayCache(tmp_path)
    head, without = (
        fit_logistic(FEATURES, some, 1, 100, cache, "a"),
        fit_logistic(FEATURES[50:], targets[50:], 1, 100, cache, "b"),
    )
    np.testing.assert_array_equal(head.weights, without.weights)
    found = head.scores(FEATURES, 5)
    assert (found[:, [0, 2, 4]] == 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(300))
