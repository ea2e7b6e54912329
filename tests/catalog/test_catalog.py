"""Everything registered in the catalog loads offline and says what it is; no exceptions."""

from __future__ import annotations

import math
import re

import pytest

from fmbench import catalog
from fmbench.data.dataset import at_hand, load_dataset
from fmbench.data.rows import SPLITS
from fmbench.registry import KINDS, LOADERS, METRICS
from fmbench.suite.loader import load_model, load_task

TASKS, MODELS = catalog.files("tasks"), catalog.files("models")


def test_the_catalog_has_tasks_and_models() -> None:
    assert {"ner-news", "sentiment-reviews"} <= set(TASKS)
    assert {"majority", "tfidf-logreg", "bilstm", "minilm-l6"} <= set(MODELS)


@pytest.mark.parametrize("name", TASKS)
class TestTask:
    def test_it_says_what_it_is(self, name: str) -> None:
        spec = load_task(TASKS[name]).spec
        assert spec.name == name
        assert spec.license
        assert len(spec.description) >= 40
        assert spec.domain != "general"
        assert spec.version >= 1

    def test_its_main_metric_fits_and_has_a_chance_level(self, name: str) -> None:
        task = load_task(TASKS[name])
        kind = KINDS[task.spec.kind]
        metrics = task.spec.metrics or list(kind.metrics)
        for metric in metrics:
            assert kind.name in METRICS[metric].kinds
        main, n_labels = METRICS[metrics[0]], len(task.spec.labels or ["a", "b"])
        low, high = main.range
        chance = main.chance(n_labels)
        assert low <= chance < high or (kind.target in ("ranking", "vector") and math.isnan(chance)), (
            "that of a ranking or a forecast is the data's"
        )

    def test_its_rows_load_offline_with_all_splits(self, name: str) -> None:
        task = load_task(TASKS[name])
        if not at_hand(task):
            assert task.source == "hub"
            pytest.skip("from a hub, and no local copy here")
        data = load_dataset(task)
        assert re.fullmatch(r"[0-9a-f]{64}", data.fingerprint)
        assert load_dataset(task).fingerprint == data.fingerprint
        assert set(data.splits) == set(SPLITS)
        assert all(count > 0 for count in data.rows.values())
        ranks = KINDS[task.spec.kind].target == "ranking"
        assert len(data.labels) >= 2 or data.score_range is not None or ranks
        assert data.license == task.spec.license
        assert data.notes == () or task.source in ("generator", "sklearn"), "corpora come as they are"
        for split in SPLITS:
            ids = data.splits[split]["id"].to_pylist()
            assert len(set(ids)) == len(ids)
        if task.spec.cluster_key:
            clusters = set(data.test[task.spec.cluster_key].to_pylist())
            assert 1 < len(clusters) < len(data.test)

    def test_every_label_is_seen_in_training_and_in_the_test(self, name: str) -> None:
        task = load_task(TASKS[name])
        if not at_hand(task):
            pytest.skip("from a hub, and no local copy here")
        data, kind = load_dataset(task), KINDS[task.spec.kind]
        for split in ("train", "test"):
            rows = {field: data.splits[split][field].to_pylist() for field in kind.fields}
            assert set(kind.labels(rows)) == set(data.labels)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_resolves_and_passes_the_check_of_its_loader(name: str) -> None:
    if name == "vader":
        pytest.importorskip("vaderSentiment")
    model = load_model(MODELS[name])
    assert model.name == name
    assert model.spec.license
    assert len(model.spec.description) >= 40
    loader = LOADERS[model.spec.loader]
    assert loader.check(model) == []
    assert loader.kinds
    assert loader.kinds <= set(KINDS)
    assert loader.identity(model).source
    if loader.provides == "encoder":
        assert re.fullmatch(r"[0-9a-f]{64}", loader.identity(model).weights_sha256)
