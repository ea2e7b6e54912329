"""Known numbers of recommendation and retrieval sets, reached through the suites' own data sections."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.engine.context import FitContext
from fmbench.measure.measurement import Measurement
from fmbench.measure.quality import quality
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.suite.loader import load_suite
from fmbench.suite.schema import Suite
from fmbench.tasks.examples import Examples, model_inputs

FOLDER = Path(__file__).parents[2] / "suites" / "public"
Scores = Callable[..., dict[str, Measurement]]
pytestmark = pytest.mark.data


@pytest.fixture
def scores(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> Scores:
    """Scores of a suite's model on one of its tasks; `whole` adds the validation rows to train, as references do."""
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))

    def run(name: str, model: str, task: int = 0, whole: bool = False) -> dict[str, Measurement]:
        suite: Suite = load_suite(FOLDER / f"{name}.yaml")
        chosen, spec = suite.tasks[task], next(one for one in suite.models if one.name == model)
        data: Dataset = load_dataset(chosen)
        if whole:
            data = replace(data, splits=data.splits | {"train": pa.concat_tables([data.train, data.validation])})
        kind, loader = KINDS[chosen.spec.kind], LOADERS[spec.spec.loader]
        examples = Examples(kind, data.labels, data.train, data.validation, data.score_range, data.side, chosen.options)
        owner = ADAPTATIONS["zero-shot" if loader.provides == "ranker" else "fit"]
        fitted = owner.fit(loader.load(spec), examples, owner.Settings(), FitContext(0, "cpu", lambda found: 0.0))
        inputs = model_inputs(kind, data.test)
        table = kind.predictions(fitted.predictor.predict, inputs, data.test, data.labels, chosen.options)
        metrics = chosen.spec.metrics or list(kind.metrics)
        return {row.metric: row for row in quality(kind.annotate(table, data.side), metrics, data.labels)}

    return run


def test_movielens_u1_mean_and_biases(scores: Scores) -> None:
    assert scores("movielens-100k", "majority", whole=True)["rmse"].value == pytest.approx(1.154, abs=5e-4)
    biases = scores("movielens-100k", "user-item-bias", whole=True)
    assert biases["rmse"].value == pytest.approx(0.971, abs=5e-4)
    assert biases["mae"].value == pytest.approx(0.773, abs=1e-3)
    factors = scores("movielens-100k", "matrix-factorization", whole=True)["rmse"]
    assert factors.value < biases["rmse"].low


def test_pretrained_gmf_is_exactly_as_published(scores: Scores) -> None:
    found = scores("ml1m-ncf", "ncf-gmf")
    values = [found[name].value for name in ("sampled_hr@10", "sampled_ndcg@10", "sampled_mrr")]
    assert np.round(values, 4).tolist() == [0.6368, 0.3691, 0.3052]
    assert found["sampled_hr@10"].n == 6040


def test_pretrained_mlp_and_chance(scores: Scores) -> None:
    """In 156 rows the item also stands among its candidates, where a reference that ranks both may count a tie."""
    found = scores("ml1m-ncf", "ncf-mlp")
    for name, reference in (("sampled_hr@10", 0.6709), ("sampled_ndcg@10", 0.3955), ("sampled_mrr", 0.3270)):
        assert found[name].value == pytest.approx(reference, abs=1e-3)
        assert found[name].low < reference < found[name].high
    chance = scores("ml1m-ncf", "random-ranking")["sampled_hr@10"]
    assert chance.low < 0.10 < chance.high


def test_beauty_popularity_is_that_of_a_plain_count(scores: Scores, public_data: Path) -> None:
    with gzip.open(public_data / "amazon-beauty-seq" / "Beauty.txt.gz", "rt") as stream:
        users = [line.split()[1:] for line in stream]
    counts = Counter(item for items in users for item in items[:-2])
    ranked = [item for item, _ in counts.most_common()]
    low = high = 0
    for *seen, wanted in users:
        rivals = [counts[item] - counts[wanted] for item in ranked[:60] if item not in seen and item != wanted]
        high += sum(more > 0 for more in rivals) < 10
        low += sum(more >= 0 for more in rivals) < 10
    found = scores("amazon-beauty-seq", "popularity")
    assert (found["hr@10"].n, len(counts) <= 12101) == (22363, True)
    assert low / len(users) <= found["hr@10"].value <= high / len(users) < 1.1 * low / len(users)


def test_medquad_by_words(scores: Scores) -> None:
    found = scores("medquad", "bm25")
    assert found["ndcg@10"].n == 2710
    assert found["ndcg@10"].value == pytest.approx(0.4855, abs=0.002)
