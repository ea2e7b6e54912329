"""Tags and scores: how they are read, and how predictions of them are stored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from test_kinds import conformed, one_hot

from fmbench.data.rows import Rows
from fmbench.registry import KINDS
from fmbench.tasks.kind import Kind, predictions_table
from fmbench.tasks.tags import iob2, spans


def test_text_scores_are_stored_whole_and_tag_scores_as_the_best() -> None:
    kind, table = conformed("text-classification")
    probabilities = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]])
    prediction, stored = kind.decode(probabilities, table, ("a", "b", "c"))
    assert prediction.to_pylist() == ["b", "a", "c", "b"]
    np.testing.assert_allclose(stored.to_pylist(), probabilities, rtol=1e-6)
    kind, table = conformed("token-classification")
    probabilities = np.full((10, 5), 0.1)
    probabilities[np.arange(10), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]] = 0.6
    prediction, stored = kind.decode(probabilities, table, ("LOC", "PER"))
    assert prediction.to_pylist() == [
        ["O", "B-LOC", "I-LOC", "B-PER"],
        ["I-PER"],
        ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"],
    ]
    np.testing.assert_allclose(np.concatenate(stored.to_pylist()), [0.6] * 10, rtol=1e-6)


def test_tags_of_any_scheme_are_kept_as_iob2() -> None:
    _, table = conformed("token-classification")
    assert table["tags"].to_pylist() == [
        ["B-PER", "I-PER", "O", "B-PER"],
        ["O"],
        ["B-LOC", "I-LOC", "B-LOC", "O", "B-LOC"],
    ]


tags = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "E-b", "S-a"]), min_size=1, max_size=9)


@given(st.lists(tags, min_size=1, max_size=8))
def test_sentences_of_any_lengths_keep_their_rows(sentences: list[list[str]]) -> None:
    kind: Kind = KINDS["token-classification"]
    tokens = [[f"w{i}" for i in range(len(sentence))] for sentence in sentences]
    columns, problems = kind.conform(Rows({"tokens": tokens, "tags": sentences}, "any.conll"))
    assert not problems
    assert columns["tags"] == [iob2(spans(sentence), len(sentence)) for sentence in sentences]
    labels = ("a", "b")
    for table in (pa.table(columns), pa.table(columns).slice(1)):
        scores = one_hot(kind.targets(table, labels), len(kind.outputs(labels)))
        prediction, stored = kind.decode(scores, table, labels)
        assert prediction.to_pylist() == table["tags"].to_pylist()
        assert [len(row) for row in stored.to_pylist()] == [len(row) for row in table["tokens"].to_pylist()]


def test_scores_are_numbers_in_single_precision_however_they_are_written() -> None:
    _, table = conformed("sentence-similarity")
    assert table["score"].to_pylist() == [3.5, 1.0, 2.25, 5.0]
    written = ["3.4", 3.4, float(np.float32(3.4)), "3.40000000000000", "34e-1"]
    rows = {"sentence1": ["a"] * 5, "sentence2": ["b"] * 5, "score": written}
    columns, problems = KINDS["sentence-similarity"].conform(Rows(rows, "any.csv"))
    assert not problems
    assert columns["score"] == [3.4] * 5


def test_gold_and_predicted_scores_are_stored_in_double_precision() -> None:
    kind, table = conformed("sentence-similarity")
    predicted = np.array([[0.1], [-1 / 3], [0.5], [1e-9]], dtype=np.float32)
    found = predictions_table(kind, table, predicted, ())
    assert (found["gold"].type, found["prediction"].type) == (pa.float64(), pa.float64())
    assert found["prediction"].to_pylist() == predicted[:, 0].astype(np.float64).tolist()
    assert found["scores"].to_pylist() == predicted.tolist()


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=200))
def test_strata_of_scores_follow_their_order_and_are_even(scores: list[float]) -> None:
    strata = [int(name.split()[0]) for name in KINDS["sentence-similarity"].strata({"score": scores})]
    ordered = sorted(zip(scores, strata, strict=True))
    assert [stratum for _, stratum in ordered] == sorted(strata)
    assert len(set(ordered)) == len(set(scores)), "equal scores share a stratum"
    if len(set(scores)) == len(scores) >= 10:
        counts = np.bincount(strata, minlength=10)
        assert counts.max() - counts.min() <= 1 + len(scores) // 10
