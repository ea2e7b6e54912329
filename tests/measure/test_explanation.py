"""Explanations of models that are linear, or know one word: what must be found is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from fmbench.engine.predict import softmax
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.tokenize import word_tokenizer
from fmbench.errors import Place
from fmbench.measure.attributions import METHODS, Memory, Subject, random, without, words_of
from fmbench.measure.evidence import Evidence
from fmbench.measure.explanation import Explanation
from fmbench.measure.faithfulness import average_precision, faithfulness, highest, plausibility
from fmbench.measure.measurement import Measurement
from fmbench.models.classical.tfidf import TfidfLogreg
from fmbench.models.nets.ngrams import NgramEmbedding
from fmbench.models.nets.words import WordTokenizer
from fmbench.registry import KINDS
from fmbench.suite.schema import Task, TaskFile
from fmbench.tasks.defaults import NoOptions
from fmbench.tasks.examples import Examples

KIND = KINDS["text-classification"]
LABELS = ("a", "b", "c")
FILLER = [
    "the",
    "room",
    "was",
    "on",
    "a",
    "hill",
    "we",
    "saw",
    "many",
    "birds",
    "there",
    "in",
    "late",
    "spring",
    "wind",
]


class Sums(nn.Module):
    """Logits that are linear in the sum of the words' vectors."""

    def __init__(self) -> None:
        super().__init__()
        tokenizer = WordTokenizer(500)
        self.trunk = nn.Module()
        self.trunk.embedding = NgramEmbedding(tokenizer, 8)
        self.head = nn.Linear(8, len(LABELS))

    def forward(self, batch: Batch) -> torch.Tensor:
        owner = torch.repeat_interleave(torch.arange(len(batch.lengths)), batch.lengths)
        vectors = self.trunk.embedding(batch.input_ids)
        return self.head(torch.zeros(len(batch.lengths), 8).index_add(0, owner, vectors))


class Linear:
    """A predictor around `Sums`, as fine-tuning makes one."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = Sums().eval()
        self.tokenize = word_tokenizer(self.model.trunk.embedding.tokenizer, "sequence", 100)

    def encode(self, texts: Sequence[str]) -> Sequences:
        return self.tokenize(texts)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        sequences = self.encode(texts)
        with torch.no_grad():
            return softmax(self.model(sequences.batch(np.arange(len(sequences)))).numpy())


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(FILLER, rng.integers(3, 12))) for _ in range(n)]


def subject(predictor: Any, found: list[str]) -> Subject:
    ask = Memory(predictor)
    ids = [str(i) for i in range(len(found))]
    return Subject(ids, found, [words_of(text) for text in found], ask(found).argmax(axis=1), ask, predictor)


def test_of_a_linear_model_all_methods_say_the_same_and_it_is_exact() -> None:
    """With a bias b: score = sum of attributions + centred bias, whichever method."""
    predictor, found = Linear(), ["Some birds, many birds!", "a cold wind", "we saw it-all (again)"]
    one = subject(predictor, found)
    occluded = METHODS["occlusion"](one)
    graded = METHODS["gradient-x-input"](one)
    integrated = METHODS["integrated-gradients"](one)
    bias = predictor.model.head.bias.detach().numpy()
    logs = np.log(predictor.predict(found))
    for i, c in enumerate(one.classes):
        np.testing.assert_allclose(graded[i], occluded[i], atol=1e-5)
        np.testing.assert_allclose(integrated[i], occluded[i], atol=1e-5)
        assert len(graded[i]) == len(found[i].split(" "))
        assert graded[i].sum() + bias[c] - bias.mean() == pytest.approx(logs[i, c] - logs[i].mean(), abs=1e-5)
    assert one.errors["integrated-gradients"].max() < 1e-5


def test_words_and_what_is_left_without_some() -> None:
    text = " So, a  fine\tday! "
    words = words_of(text)
    assert [text[a:b] for a, b in words] == ["So,", "a", "fine", "day!"]
    assert without(text, words, np.array([False, True, False, False])) == "So, fine\tday!"
    assert without(text, words, np.array([True, True, True, False])) == "day!"
    chinese = "我爱 Berlin。"
    assert [chinese[a:b] for a, b in words_of(chinese)] == ["我", "爱", "Berlin。"]
    assert without(chinese, words_of(chinese), np.array([True, False, False])) == "爱 Berlin。"


class Planted:
    """Says "b" where the word "zork" is there, "a" elsewhere; counts the texts it has read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def predict(self, inputs: Sequence[str]) -> np.ndarray:
        self.read += list(inputs)
        there = np.array(["zork" in text.split(" ") for text in inputs])
        return np.where(there[:, None], [0.05, 0.9, 0.05], [0.8, 0.1, 0.1])


def planted(n: int, seed: int = 0) -> tuple[list[str], dict[str, list[tuple[int, int]]]]:
    rng = np.random.default_rng(seed)
    found, spans = [], {}
    for i, text in enumerate(texts(n, seed)):
        words = text.split(" ")
        words.insert(int(rng.integers(0, len(words) + 1)), "zork")
        found.append(" ".join(words))
        start = found[-1].index("zork")
        spans[str(i)] = [(start, start + 4)]
    return found, spans


def evidence(predictor: Any, inputs: list[Any], rationales: Any = None, kind: Any = KIND) -> Evidence:
    test = pa.table({"id": [str(i) for i in range(len(inputs))]})
    task = Task(TaskFile(name="t", kind=kind.name, data={}), "files", None, Path(), Place("t"), NoOptions())
    return Evidence(predictor, test, inputs, LABELS, "cpu", 0.0, 0.0, task=task, kind=kind, rationales=rationales or {})


def measured(found: Evidence, **settings: Any) -> dict[str, Measurement]:
    rows = Explanation.measure(found, Explanation.Settings(**settings))
    assert len({row.metric for row in rows}) == len(rows)
    return {row.metric: row for row in rows}


def test_the_planted_word_is_found() -> None:
    inputs, spans = planted(60)
    model = Planted()
    found = evidence(model, inputs, spans)
    rows = measured(found, methods=["occlusion"])
    for name in ("plausibility_auprc", "plausibility_f1", "plausibility_iou"):
        assert rows[f"{name}_occlusion"].value == 1
        assert rows[f"{name}_control"].value < 0.5
        assert rows[f"{name}_gain_occlusion"].low > 0.5
    assert rows["comprehensiveness_occlusion"].value == pytest.approx(0.8, abs=1e-6)
    assert rows["sufficiency_occlusion"].value == pytest.approx(0, abs=1e-6)
    assert rows["comprehensiveness_gain_occlusion"].low > 0.3
    assert rows["sufficiency_gain_occlusion"].low > 0.3
    assert rows["sufficiency_occlusion"].higher_is_better is False
    assert len(model.read) == len(set(model.read)), "no text is read twice"
    table = found.tables["explanations"].to_pylist()
    assert len(table) == 60
    first = table[0]
    assert (first["method"], first["label"], first["probability"]) == ("occlusion", "b", pytest.approx(0.9))
    assert " ".join(first["tokens"]) == inputs[int(first["example_id"])]
    assert [word for word, there in zip(first["tokens"], first["evidence"], strict=True) if there] == ["zork"]
    assert first["tokens"][int(np.argmax(first["attributions"]))] == "zork"


def test_the_planted_word_is_found_in_a_fitted_baseline_by_occlusion_alone() -> None:
    inputs, spans = planted(80)
    plain = texts(80, seed=1)
    train = pa.table({"id": [str(i) for i in range(160)], "text": [*inputs, *plain], "label": ["b"] * 80 + ["a"] * 80})
    fitted = TfidfLogreg(TfidfLogreg.Settings()).fit(Examples(KIND, ("a", "b"), train, train.slice(0, 9)), 0)
    found = evidence(fitted, inputs, spans)
    rows = measured(found, methods=["occlusion", "gradient-x-input"], examples=50)
    assert rows["plausibility_f1_occlusion"].n == 50
    assert rows["plausibility_f1_occlusion"].value > 0.95
    assert rows["comprehensiveness_gain_occlusion"].low > 0
    assert not [name for name in rows if "gradient" in name]
    assert "needs a trained network" in found.notes["explanation by gradient-x-input"]
    assert set(found.tables["explanations"]["method"].to_pylist()) == {"occlusion"}


def test_random_orders_are_no_better_than_random_orders() -> None:
    inputs, spans = planted(150)
    rows = measured(evidence(Planted(), inputs, spans), methods=["random"], random_orders=5)
    gains = [row for name, row in rows.items() if "_gain_" in name]
    assert len(gains) == 5
    assert all(row.low < 0 < row.high for row in gains)


def test_the_control_does_not_depend_on_the_other_examples() -> None:
    one = subject(Planted(), texts(5))
    two = Subject(one.ids[3:], one.texts[3:], one.words[3:], one.classes[3:], one.ask, one.predictor)
    for a, b in zip(random(one)[3:], random(two), strict=True):
        np.testing.assert_array_equal(a, b)


def test_faithfulness_by_hand() -> None:
    """Ten words: 1, 5 and 10 % are one word, then two and five; the probability is a tenth of the words left."""

    class Tenths:
        def predict(self, inputs: Sequence[str]) -> np.ndarray:
            share = np.array([len(text.split(" ")) / 10 for text in inputs])
            return np.stack([share, 1 - share], axis=1)

    one = subject(Tenths(), ["a b c d e f g h i j"])
    comprehensive, sufficient = faithfulness(one, [np.arange(10.0)])
    assert comprehensive[0] == pytest.approx(np.mean([0.1, 0.1, 0.1, 0.2, 0.5]))
    assert sufficient[0] == pytest.approx(np.mean([0.9, 0.9, 0.9, 0.8, 0.5]))
    assert highest(np.array([1.0, 3.0, 3.0, 0.0]), 2).tolist() == [False, True, True, False]


def test_plausibility_by_hand_and_average_precision_as_in_scikit_learn() -> None:
    marked = np.array([True, False, True, False])
    assert plausibility(np.array([0.9, 0.8, 0.1, 0.0]), marked)[1:] == (0.5, pytest.approx(1 / 3))
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = int(rng.integers(2, 30))
        scores, relevant = rng.integers(0, 6, n).astype(float), rng.random(n) < 0.4
        relevant[int(rng.integers(n))] = True
        assert average_precision(scores, relevant) == pytest.approx(average_precision_score(relevant, scores), abs=1e-9)


def test_marked_examples_come_first_and_the_others_have_no_plausibility() -> None:
    inputs, spans = planted(40)
    few = {name: spans[name] for name in ("3", "7", "39")}
    rows = measured(evidence(Planted(), inputs, few), methods=["occlusion"], examples=10)
    assert rows["plausibility_f1_occlusion"].n == 3
    assert rows["comprehensiveness_occlusion"].n == 10
    assert not [name for name in measured(evidence(Planted(), inputs), examples=10) if "plausibility" in name]


@pytest.mark.parametrize(
    ("kind", "inputs"), [("token-classification", [["a", "b"]]), ("text-classification", [["a", "b"]])]
)
def test_what_it_cannot_explain_is_said(kind: str, inputs: list[Any]) -> None:
    found = evidence(Planted(), inputs, kind=KINDS[kind])
    assert measured(found) == {}
    assert found.notes["explanation"] == "explains classes of single texts"


def test_unknown_methods_are_refused_when_the_suite_is_read() -> None:
    with pytest.raises(ValueError, match="did you mean 'occlusion'"):
        Explanation.Settings(methods=["oclusion"])
