"""Public text sets read through their suites give the reference figures of plain baselines.

So reading, splitting and scoring are right. The references were computed from the same files; docs/parity.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.measure.quality import quality
from fmbench.registry import KINDS
from fmbench.suite.loader import load_suite
from fmbench.tasks.texts import joined

pytestmark = pytest.mark.data
FOLDER = Path(__file__).parents[2] / "suites" / "public"
MAJORITY = {"sst2": 0.499, "pubmedqa": 0.552, "mrpc": 0.665, "talk2car": 0.417, "tweet-financial-news": 0.656}
MAJORITY |= {"banking77": 0.013}
TFIDF = {
    "sst2": ({}, 0.812, None),
    "banking77": ({}, 0.891, None),
    "tweet-financial-news": ({}, 0.832, 0.761),
    "financial-phrasebank": ({}, 0.779, 0.720),
    "chnsenticorp": ({"analyzer": "char", "ngram_range": (1, 2)}, 0.926, None),
}


@pytest.fixture
def suite_data(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))

    def read(name: str) -> Dataset:
        (task,) = load_suite(FOLDER / f"{name}.yaml").tasks
        return load_dataset(task)

    return read


def scored(data: Dataset, prediction: list[str]) -> dict[str, Any]:
    table = pa.table({"gold": data.test["label"], "prediction": prediction})
    return {row.metric: row for row in quality(table, ["accuracy", "macro_f1"], data.labels) if row.slice is None}


@pytest.mark.parametrize("name", MAJORITY)
def test_the_majority_level_is_the_reference_one(name: str, suite_data: Any) -> None:
    data = suite_data(name)
    labels = data.train["label"].to_pylist() + data.validation["label"].to_pylist()
    if name == "talk2car":
        labels = data.test["label"].to_pylist()  # the reference is the share of the test's own commonest class
    commonest = max(sorted(set(labels)), key=labels.count)
    found = float(np.mean([label == commonest for label in data.test["label"].to_pylist()]))
    assert found == pytest.approx(MAJORITY[name], abs=6e-4)


@pytest.mark.parametrize("name", TFIDF)
def test_tfidf_and_logistic_regression_reach_the_reference(name: str, suite_data: Any) -> None:
    data = suite_data(name)
    settings, accuracy, macro_f1 = TFIDF[name]
    inputs = KINDS["text-classification"].inputs
    texts = [joined(text) for table in (data.train, data.validation) for text in inputs(table)]
    labels = data.train["label"].to_pylist() + data.validation["label"].to_pylist()
    model = make_pipeline(TfidfVectorizer(**settings), LogisticRegression(C=10.0, max_iter=1000)).fit(texts, labels)
    rows = scored(data, model.predict([joined(text) for text in inputs(data.test)]).tolist())
    assert rows["accuracy"].low <= accuracy <= rows["accuracy"].high, rows["accuracy"].value
    if macro_f1 is not None:
        assert rows["macro_f1"].low <= macro_f1 <= rows["macro_f1"].high, rows["macro_f1"].value
