"""Similarity of texts without training: TF-IDF and a pretrained encoder, against published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench import catalog
from fmbench.adapt.zero_shot import ZeroShot
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.engine.context import FitContext
from fmbench.engine.predict import pair_cosines
from fmbench.errors import CellFailed
from fmbench.models.classical.tfidf_cosine import TfidfCosine
from fmbench.registry import KINDS, LOADERS
from fmbench.stats.correlation import spearman
from fmbench.suite.loader import load_model, load_suite
from fmbench.tasks.examples import Examples

SUITE = Path(__file__).parents[2] / "suites" / "public" / "stsb.yaml"
KIND = KINDS["sentence-similarity"]


@pytest.fixture
def stsb(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    return load_dataset(load_suite(SUITE).tasks[0])


def correlation(data: Examples, predictor: Any, table: Any) -> float:
    scores = predictor.predict(data.inputs(table))[:, 0]
    return float(spearman(scores, data.targets(table), np.ones((1, len(scores))))[0])


@pytest.mark.data
def test_tfidf_reaches_the_published_correlation_where_it_sees_the_test_texts(stsb: Dataset) -> None:
    """The reference .693 is that of words weighted on the test texts; fitted on train alone they reach .641."""
    words = TfidfCosine(TfidfCosine.Settings(char_ngrams=0, sublinear_tf=False))
    for table, wanted in ((stsb.test, 0.693), (stsb.train, 0.641)):
        data = Examples(KIND, (), table, stsb.validation, stsb.score_range)
        assert correlation(data, words.fit(data, 0), stsb.test) == pytest.approx(wanted, abs=5e-4)


@pytest.mark.data
def test_character_ngrams_are_the_better_terms_on_validation_rows(stsb: Dataset) -> None:
    data = Examples(KIND, (), stsb.train, stsb.validation, stsb.score_range)
    found = [
        correlation(data, TfidfCosine(TfidfCosine.Settings(char_ngrams=n)).fit(data, 0), stsb.validation)
        for n in (5, 0)
    ]
    assert found == pytest.approx([0.776, 0.721], abs=1e-3)


@pytest.mark.data
@pytest.mark.slow
def test_minilm_reaches_the_published_correlation_without_training(stsb: Dataset) -> None:
    """MTEB reports .820 for all-MiniLM-L6-v2 on the test split."""
    model = load_model(catalog.files("models")["minilm-l6"])
    data = Examples(KIND, (), stsb.train, stsb.validation, stsb.score_range)
    loaded = LOADERS[model.spec.loader].load(model)
    fitted = ZeroShot.fit(loaded, data, ZeroShot.Settings(), FitContext(0, "cpu", lambda scores: 0.0))
    assert fitted.trainable_parameters == 0
    assert correlation(data, fitted.predictor, stsb.test) == pytest.approx(0.820, abs=1e-3)


def pairs(*rows: tuple[str, str]) -> Examples:
    import pyarrow as pa

    first, second = zip(*rows, strict=True)
    table = pa.table({"id": list(first), "sentence1": first, "sentence2": second, "score": [0.0] * len(rows)})
    return Examples(KIND, (), table, table)


def test_texts_without_a_known_term_are_unlike_and_never_undefined() -> None:
    fitted = TfidfCosine(TfidfCosine.Settings()).fit(pairs(("a cat", "a dog")), 0)
    found = fitted.predict([["a cat", "a cat"], ["zzz", "a cat"], ["zzz", "zzz"]])
    assert found == pytest.approx(np.array([[1.0], [0.0], [0.0]]))
    assert fitted.predict([["", "a cat"]]).shape == (1, 1)


def test_nothing_to_weigh_is_said_in_one_line() -> None:
    with pytest.raises(CellFailed, match="tfidf-cosine: empty vocabulary"):
        TfidfCosine(TfidfCosine.Settings(char_ngrams=0)).fit(pairs(("?", "!")), 0)


@given(st.lists(st.lists(st.floats(-10, 10), min_size=4, max_size=4), min_size=1, max_size=5))
def test_cosines_are_between_minus_one_and_one_and_of_a_row_with_itself_one(rows: list[list[float]]) -> None:
    vectors = np.array(rows)
    other = vectors[:, ::-1]

    def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return pair_cosines(np.stack([first, second], axis=1).reshape(-1, 4))[:, 0]

    assert (np.abs(cosines(vectors, other)) <= 1 + 1e-9).all()
    long = np.linalg.norm(vectors, axis=1) > 1e-100
    assert cosines(vectors, vectors)[long] == pytest.approx(1.0)
    assert cosines(vectors, np.zeros_like(vectors)).tolist() == [0.0] * len(rows)
