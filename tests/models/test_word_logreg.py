"""The linear tagger: context, unseen words, sentences on their own, probabilities, and the way to F1."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmbench import catalog
from fmbench.data.dataset import load_dataset
from fmbench.models.classical.classical import Predicts
from fmbench.models.classical.majority import Majority
from fmbench.models.classical.tagger import TokenFeatures, WordLogreg, own_features, shape, squeezed
from fmbench.registry import KINDS
from fmbench.suite.loader import load_task
from fmbench.tasks.examples import Examples
from fmbench.tasks.tags import spans

KIND = KINDS["token-classification"]


def examples(rows: list[tuple[list[str], list[str]]], *labels: str) -> Examples:
    tokens, tags = zip(*rows, strict=True)
    table = pa.table({"id": [str(i) for i in range(len(rows))], "tokens": list(tokens), "tags": list(tags)})
    return Examples(KIND, labels, table, table)


def fitted(data: Examples, **asked: float) -> Predicts:
    return WordLogreg(WordLogreg.Settings(**asked)).fit(data, 0)


def tags(model: Predicts, data: Examples, *sentences: list[str]) -> list[list[str]]:
    table = pa.table({"tokens": list(sentences)})
    return list(KIND.decode(model.predict(list(sentences)), table, data.labels)[0].to_pylist())


NAMES = ["Ada", "Bell", "Cole", "Dunn", "Eady", "Ford"]
CONTEXT = examples(
    [
        row
        for name in NAMES
        for row in (
            (["born", "in", "old", name, "."], ["O", "O", "O", "B-place", "O"]),
            (["born", "to", "old", name, "."], ["O", "O", "O", "B-person", "O"]),
            ([name, "is", "a", "town"], ["B-place", "O", "O", "O"]),
            ([name, "is", "a", "clerk"], ["B-person", "O", "O", "O"]),
        )
    ],
    "person",
    "place",
)


def test_the_word_two_places_before_decides_where_the_word_itself_cannot() -> None:
    seen, blind = fitted(CONTEXT), fitted(CONTEXT, window=1)
    asked = [["born", "in", "old", "Ada", "."], ["born", "to", "old", "Ada", "."]]
    assert [found[3] for found in tags(seen, CONTEXT, *asked)] == ["B-place", "B-person"]
    before, after = (scores[3] for scores in blind.predict(asked).reshape(2, 5, -1))
    assert before == pytest.approx(after), "with one neighbour on each side both sentences are the same there"


def test_a_window_counts_from_both_ends() -> None:
    asked = [["Ada", "is", "a", "town"], ["Ada", "is", "a", "clerk"]]
    found = tags(fitted(CONTEXT, window=3), CONTEXT, *asked)
    assert [row[0] for row in found] == ["B-place", "B-person"]
    narrow = fitted(CONTEXT, window=2).predict(asked).reshape(2, 4, -1)[:, 0]
    assert narrow[0] == pytest.approx(narrow[1])


def of_groups(**groups: list[str]) -> Examples:
    """Sentences of one word; the group `O` is outside."""
    rows = [([word], [tag if tag == "O" else f"B-{tag}"]) for tag, words in groups.items() for word in words]
    return examples(rows, *sorted(set(groups) - {"O"}))


def test_unseen_words_are_known_by_their_suffix() -> None:
    data = of_groups(town=["Ashby", "Corby", "Derby", "Rugby"], O=["Monday", "Water", "Letters", "Nothing"])
    assert tags(fitted(data, C=10), data, ["Selby"], ["Silence"]) == [["B-town"], ["O"]]


def test_unseen_words_are_known_by_their_shape_alone() -> None:
    data = of_groups(seat=["XK7", "QB4", "ZT9", "JW6"], O=["7XK", "4QB", "9ZT", "6JW"])
    assert tags(fitted(data, C=10), data, ["MP3"], ["3MP"]) == [["B-seat"], ["O"]]


def test_a_sentence_of_one_token_has_both_edges() -> None:
    rows = [(["yes"], ["B-reply"]), (["yes", "we", "can"], ["O", "O", "O"]), (["we", "say", "yes"], ["O", "O", "O"])]
    data = examples(rows * 3, "reply")
    assert tags(fitted(data, C=100), data, ["yes"], ["yes", "we", "can"], ["we", "say", "yes"]) == [
        ["B-reply"],
        ["O", "O", "O"],
        ["O", "O", "O"],
    ]


def test_chinese_characters_are_tokens() -> None:
    rows = [
        (list("王明在北京"), ["B-person", "I-person", "O", "B-place", "I-place"]),
        (list("李华去上海"), ["B-person", "I-person", "O", "B-place", "I-place"]),
        (list("我在家"), ["O", "O", "O"]),
    ]
    data = examples(rows * 2, "person", "place")
    model = fitted(data, C=10)
    assert tags(model, data, *(row for row, _ in rows)) == [wanted for _, wanted in rows]
    assert tags(model, data, list("王华在上海"))[0] == rows[0][1]


def test_classes_without_training_tokens_get_nothing_and_unknown_tags_are_left_out() -> None:
    rows = [(["Ada", "said", "Oslo"], ["B-person", "O", "B-place"]), (["so", "said", "Bell"], ["O", "O", "B-person"])]
    model = fitted(examples(rows, "event", "person"))
    scores = model.predict([["Ada", "said", "Oslo"]])
    assert scores.shape == (3, 5)
    assert not scores[:, [1, 2, 4]].any(), "B-event, I-event, I-person"
    assert model.parameters > 0


sentences = st.lists(st.lists(st.sampled_from([*NAMES, "old", "in", "?", "新", "X9"]), min_size=1), min_size=1)
CONTEXT_MODEL = fitted(CONTEXT)


@given(sentences)
@settings(max_examples=40, deadline=None)
def test_probabilities_sum_to_one_and_a_sentence_stands_alone(asked: list[list[str]]) -> None:
    scores = CONTEXT_MODEL.predict(asked)
    assert scores.shape == (sum(map(len, asked)), 5)
    assert (scores >= 0).all()
    assert scores.sum(axis=1) == pytest.approx(1)
    assert scores == pytest.approx(np.concatenate([CONTEXT_MODEL.predict([one]) for one in asked]))


def test_rows_of_features_follow_the_tokens() -> None:
    features = TokenFeatures([["a", "b"], ["b"]], window=1)
    x = features([["a", "b"], ["b"]]).toarray()
    n_own = len(features.own.vocabulary_)
    own, before = x[:, :n_own], x[:, n_own : n_own + len(features.around.vocabulary_)]
    assert (own[1] == own[2]).all() and (own[0] != own[1]).any()
    column = features.around.vocabulary_
    assert before[:, column["word a"]].tolist() == [0, 1, 0]
    assert before[:, column["\x02"]].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("word", "form", "short"),
    [
        ("McDonald's", "XxXxxxxx'x", "XxXx+'x"),
        ("COVID-19", "XXXXX-00", "X+-0+"),
        ("京", "c", "c"),
        ("...", "...", ".+"),
    ],
)
def test_shapes(word: str, form: str, short: str) -> None:
    assert shape(word) == form
    assert squeezed(form) == short


def test_affixes_go_to_four_characters_and_no_farther_than_the_word() -> None:
    assert {"prefix walk", "suffix king", "isalpha"} <= set(own_features("Walking"))
    assert [name for name in own_features("at") if name.startswith(("prefix", "suffix"))] == [
        "prefix a",
        "suffix t",
        "prefix at",
        "suffix at",
    ]
    assert "has digit" in own_features("B12") and "has digit" not in own_features("B")


def test_it_beats_the_majority_on_a_part_of_the_news() -> None:
    dataset = load_dataset(load_task(catalog.files("tasks")["ner-news"]), limit=150)
    data = Examples(KIND, dataset.labels, dataset.splits["train"], dataset.splits["validation"])

    def found(model: object) -> tuple[int, int]:
        scores = model.fit(data, 0).predict(data.inputs(dataset.test))  # type: ignore[attr-defined]
        decoded = KIND.decode(scores, dataset.test, dataset.labels)[0].to_pylist()
        pairs = [(set(spans(a)), set(spans(b))) for a, b in zip(dataset.test["tags"].to_pylist(), decoded, strict=True)]
        return sum(len(gold & own) for gold, own in pairs), sum(len(own) for _, own in pairs)

    right, named = found(WordLogreg(WordLogreg.Settings()))
    assert found(Majority()) == (0, 0)
    assert right >= 0.3 * named > 30
