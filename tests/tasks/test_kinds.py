"""What the kinds that read texts keep: rows conform or are named, targets and decoding are each other's inverse."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.data.rows import Rows
from fmbench.errors import InputError
from fmbench.registry import KINDS, METRICS
from fmbench.tasks.examples import Examples, model_inputs, n_targets
from fmbench.tasks.kind import IGNORED, Kind, clean, of_pass, passed, predictions_table


@dataclass(frozen=True)
class Sample:
    """Good rows of a kind, a label space without some of their labels, and rows that are wrong with the reason."""

    columns: dict[str, list[Any]]
    labels: tuple[str, ...]
    fewer: tuple[str, ...]
    ignored: list[bool]
    nothing_to_learn: dict[str, list[Any]]
    wrong: list[tuple[tuple[Any, ...], str]] = field(default_factory=list)


SAMPLES = {
    "text-classification": Sample(
        columns={"text": ["fine", " dull ", "so so", "great"], "label": ["good", " bad", 3, "good"]},
        labels=("3", "bad", "good"),
        fewer=("good", "3"),
        ignored=[False, True, False, False],
        nothing_to_learn={"text": ["a", "b"], "label": ["good", "good"]},
        wrong=[
            (("", "good"), "the text is empty"),
            ((" \n", "good"), "the text is empty"),
            ((None, "good"), "the text is not a string"),
            ((7, "good"), "the text is not a string"),
            (("fine", ""), "the label is empty or not a word"),
            (("fine", None), "the label is empty or not a word"),
            (("fine", float("nan")), "the label is empty or not a word"),
            (("fine", ["good"]), "the label is empty or not a word"),
        ],
    ),
    "token-classification": Sample(
        columns={
            "tokens": [["Ada", "Lovelace", "met", "Bo"], ["no"], ["New", "York", "Rome", "!", "Rome"]],
            "tags": [["B-PER", "L-PER", "O", "U-PER"], ["O"], ["B-LOC", "E-LOC", "S-LOC", "O", "I-LOC"]],
        },
        labels=("LOC", "PER"),
        fewer=("PER",),
        ignored=[False] * 5 + [True, True, True, False, True],
        nothing_to_learn={"tokens": [["a", "b"], ["c"]], "tags": [["O", "O"], ["O"]]},
        wrong=[
            ((["a", "b"], ["O"]), "2 tokens but 1 tags"),
            (([], []), "a sentence without tokens"),
            (("a b", ["O", "O"]), "tokens and tags must be lists, got str and list"),
            ((["a"], None), "tokens and tags must be lists, got list and NoneType"),
            ((["a", "b"], ["O", "PER"]), "'PER' is not a tag"),
            ((["a"], [4]), "4 is not a tag"),
            ((["a", ""], ["O", "O"]), "a token is empty or not a string"),
            ((["a", None], ["O", "O"]), "a token is empty or not a string"),
        ],
    ),
    "sentence-similarity": Sample(
        columns={
            "sentence1": ["A girl sings.", "Snow", "no", " a cat "],
            "sentence2": ["A woman sings.", "Rain", "No.", "a cat"],
            "score": ["3.5", 1, 2.25, 5.0],
        },
        labels=(),
        fewer=(),
        ignored=[],
        nothing_to_learn={"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [2.5, 2.5]},
        wrong=[
            (("", "b", 1), "sentence1 is empty"),
            (("a", " \n", 1), "sentence2 is empty"),
            ((None, "b", 1), "sentence1 is not a string"),
            (("a", 7, 1), "sentence2 is not a string"),
            (("a", "b", "high"), "the score is not a number: 'high'"),
            (("a", "b", ""), "the score is not a number: ''"),
            (("a", "b", None), "the score is not a number: None"),
            (("a", "b", True), "the score is not a number: True"),
            (("a", "b", [3]), "the score is not a number: [3]"),
            (("a", "b", "nan"), "the score is not a number: 'nan'"),
            (("a", "b", math.inf), "the score is not a number: inf"),
            (("a", "b", 10**400), "the score is not a number: 1000"),
            (("a", "b", 1e39), "the score is not a number: 1e+39"),
        ],
    ),
    "text-regression": Sample(
        columns={"text": ["A girl sings.", "Snow", "no", " a cat "], "score": ["3.5", 1, 2.25, 5.0]},
        labels=(),
        fewer=(),
        ignored=[],
        nothing_to_learn={"text": ["a", "b"], "score": [2.5, 2.5]},
        wrong=[
            (("", 1), "the text is empty"),
            ((7, 1), "the text is not a string"),
            (("a", "high"), "the score is not a number: 'high'"),
            (("a", math.nan), "the score is not a number: nan"),
        ],
    ),
    "multi-label-classification": Sample(
        columns={"text": ["fine", "dull", "so so"], "labels": [["a", "b"], [], ["c"]]},
        labels=("a", "b", "c"),
        fewer=("a", "b"),
        ignored=[],
        nothing_to_learn={"text": ["a", "b"], "labels": [[], []]},
        wrong=[
            (("", ["a"]), "the text is empty"),
            (("a", None), "labels must be a list of words or one string, got NoneType"),
            (("a", ["a", 3]), "labels must be a list of words or one string, got list"),
            (("a", [" "]), "labels must be a list of words or one string, got list"),
        ],
    ),
    "multiple-choice": Sample(
        columns={
            "question": ["Which?", "And now?", "Where?"],
            "choices": [["red", "blue"], ["1", "2", "3"], '["here", "there"]'],
            "answer": ["blue", 2, "A"],
        },
        labels=("A", "B", "C"),
        fewer=(),
        ignored=[],
        nothing_to_learn={},
        wrong=[
            (("", ["a", "b"], 0), "the question is empty or not a string"),
            (("q", ["a"], 0), "choices must be a list of 2 to 26 texts"),
            (("q", "a, b", 0), "choices must be a list of 2 to 26 texts"),
            (("q", ["a", None], 0), "choices must be a list of 2 to 26 texts"),
            (("q", ["a", "b"], 2), "the answer 2 is none of the 2 choices"),
            (("q", ["a", "b"], "c"), "the answer 'c' is none of the 2 choices"),
            (("q", ["a", "a"], "a"), "the answer 'a' is none of the 2 choices"),
            (("q", ["a", "b"], None), "the answer None is none of the 2 choices"),
        ],
    ),
    "rating-prediction": Sample(
        columns={"user": ["ann", 7, "bo", "bo"], "item": ["a", "b", 3, "a"], "rating": ["3.5", 1, 2.25, 5.0]},
        labels=(),
        fewer=(),
        ignored=[],
        nothing_to_learn={"user": ["a", "b"], "item": ["c", "d"], "rating": [2.5, 2.5]},
        wrong=[
            (("", "b", 1), "the user is empty or not a name"),
            (("a", None, 1), "the item is empty or not a name"),
            (("a", math.nan, 1), "the item is empty or not a name"),
            (("a", ["b"], 1), "the item is empty or not a name"),
            (("a", "b", "high"), "the rating is not a number: 'high'"),
            (("a", "b", None), "the rating is not a number: None"),
            (("a", "b", math.inf), "the rating is not a number: inf"),
        ],
    ),
    "minimal-pairs": Sample(
        columns={"better": ["she sings", "a cat"], "worse": ["she sing", "an cat"], "answer": ["better"] * 2},
        labels=("better", "worse"),
        fewer=(),
        ignored=[],
        nothing_to_learn={},
        wrong=[
            (("", "b", ""), "better is empty"),
            (("a", 7, ""), "worse is not a string"),
        ],
    ),
    "text-generation": Sample(
        columns={"text": ["Wie?", "zwei", "3"], "references": ["How?", ["two", "2"], '["three", "iii"]']},
        labels=(),
        fewer=(),
        ignored=[],
        nothing_to_learn={},
        wrong=[
            (("", "a"), "the text is empty"),
            ((7, "a"), "the text is not a string"),
            (("a", ""), "the reference is empty"),
            (("a", []), "the reference is empty"),
            (("a", ["b", " "]), "references must be a text or a list of texts that are not empty, got list"),
            (("a", 7), "references must be a text or a list of texts that are not empty, got int"),
        ],
    ),
}
every_kind = pytest.mark.parametrize("name", SAMPLES)
every_kind_of_classes = pytest.mark.parametrize("name", [name for name in SAMPLES if KINDS[name].target == "class"])
WRONG = [(name, values, message) for name, sample in SAMPLES.items() for values, message in sample.wrong]


def conformed(name: str) -> tuple[Kind, pa.Table]:
    kind: Kind = KINDS[name]
    columns, problems = kind.conform(Rows(SAMPLES[name].columns, "good.tsv"))
    assert not problems
    ids = [f"row-{i}" for i in range(len(columns[kind.label_field]))]
    return kind, pa.table({"id": ids, **columns})


def certain(kind: Kind, table: pa.Table, labels: tuple[str, ...]) -> np.ndarray:
    """What a model would give that knows the gold."""
    targets = kind.targets(table, labels)
    if kind.target in ("score", "classes"):
        return targets.reshape(len(targets), -1)
    if kind.target == "text":
        return targets
    return one_hot(targets, len(kind.outputs(labels)))


def one_hot(targets: np.ndarray, n_outputs: int) -> np.ndarray:
    """Probabilities [n_targets, n_outputs], certain of the gold; of the first class where it is IGNORED."""
    return np.eye(n_outputs)[np.where(targets == IGNORED, 0, targets)]


def test_every_kind_that_reads_texts_has_a_sample() -> None:
    assert set(SAMPLES) >= {name for name in KINDS if KINDS[name].readout != "none" and KINDS[name].gather is None}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_what_it_is(name: str) -> None:
    kind: Kind = KINDS[name]
    assert kind.name == name
    assert kind.version >= 1
    assert set(kind.fields) == {*kind.input_fields, kind.label_field}
    assert kind.metrics and all(name in METRICS[metric].kinds for metric in kind.metrics)


@every_kind
def test_good_rows_conform_once_and_for_all_and_keep_their_other_columns(name: str) -> None:
    kind: Kind = KINDS[name]
    rows = {**SAMPLES[name].columns, "author": list("abcdefgh")[: len(SAMPLES[name].columns[kind.label_field])]}
    once, problems = kind.conform(Rows(rows, "good.tsv"))
    twice, again = kind.conform(Rows(once, "good.tsv"))
    assert problems == again == []
    assert once == twice
    assert once["author"] == rows["author"]
    assert kind.labels(once) == SAMPLES[name].labels
    assert kind.labels({**once, kind.label_field: once[kind.label_field][::-1]}) == SAMPLES[name].labels


@every_kind
def test_certain_scores_of_the_targets_decode_to_the_gold(name: str) -> None:
    kind, table = conformed(name)
    labels = SAMPLES[name].labels
    outputs = kind.outputs(labels)
    targets = kind.targets(table, labels)
    assert len(targets) == n_targets(kind, model_inputs(kind, table))
    if kind.target == "classes":
        assert targets.dtype == np.int8
    elif kind.target in ("class", "choice"):
        assert targets.dtype == np.int64
        assert targets.min() >= 0 and targets.max() < len(outputs) == len(set(outputs))
    else:
        assert targets.dtype == (object if kind.target == "text" else np.float64)
        assert len(outputs) == 1
    prediction, stored = kind.decode(certain(kind, table, labels), table, labels)
    gold = table[kind.label_field].to_pylist()
    assert prediction.to_pylist() == ([texts[0] for texts in gold] if kind.target == "text" else gold)
    assert len(prediction) == len(stored) == len(table)


@pytest.mark.parametrize(("name", "values", "message"), WRONG)
def test_a_wrong_row_is_named_by_file_and_line(name: str, values: tuple[Any, ...], message: str) -> None:
    kind: Kind = KINDS[name]
    columns = {key: [*SAMPLES[name].columns[key], value] for key, value in zip(kind.fields, values, strict=True)}
    lines = [2 * i + 2 for i in range(len(columns[kind.label_field]))]
    _, problems = kind.conform(Rows(columns, "folder/train.tsv", lines=lines))
    assert [str(problem.place) for problem in problems] == [f"folder/train.tsv:{lines[-1]}"]
    assert str(problems[0]).startswith(f"folder/train.tsv:{lines[-1]}: {message}")
    _, without_lines = kind.conform(Rows(columns, "train.parquet"))
    assert str(without_lines[0]).startswith(f"train.parquet: {message}")


@every_kind
def test_every_wrong_row_is_named(name: str) -> None:
    kind: Kind = KINDS[name]
    values, _ = SAMPLES[name].wrong[0]
    columns = {key: [value] * 30 for key, value in zip(kind.fields, values, strict=True)}
    _, problems = kind.conform(Rows(columns, "train.tsv", lines=range(1, 31)))
    assert [problem.place.line for problem in problems if problem.place] == list(range(1, 31))


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["", "O", "B-x", "word"]))
cells = st.one_of(anything, st.lists(anything, max_size=3), st.dictionaries(st.just("a"), anything, max_size=1))


@every_kind
@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4))
def test_whatever_the_rows_hold_they_conform_or_are_named(name: str, rows: list[tuple[Any, Any, Any]]) -> None:
    kind: Kind = KINDS[name]
    columns = {key: list(values) for key, values in zip(kind.fields, zip(*rows, strict=True), strict=False)}
    good, problems = kind.conform(Rows(columns, "any.jsonl", lines=range(1, len(rows) + 1)))
    assert all(problem.place and problem.place.line for problem in problems)
    if not problems:
        labels = kind.labels(good)
        table = pa.table({"id": [str(i) for i in range(len(rows))], **good})
        targets = kind.targets(table, labels) if kind.target != "classes" else np.zeros(len(table))
        assert (targets != IGNORED).all()
        assert len(targets) == n_targets(kind, model_inputs(kind, table))
        assert kind.conform(Rows(good, "again.jsonl")) == (good, [])


@every_kind
def test_strata_name_one_stratum_a_row(name: str) -> None:
    kind, table = conformed(name)
    strata = kind.strata(table.to_pydict())
    expected = {
        "text-classification": ["good", "bad", "3", "good"],
        "token-classification": ["entity", "none", "entity"],
        "sentence-similarity": ["6 of 10", "0 of 10", "3 of 10", "9 of 10"],
        "text-regression": ["6 of 10", "0 of 10", "3 of 10", "9 of 10"],
        "multi-label-classification": ["a", "", "c"],
        "multiple-choice": ["B", "C", "A"],
        "rating-prediction": ["3.5", "1", "2.25", "5"],
        "minimal-pairs": ["better", "better"],
        "text-generation": ["", "", ""],
    }
    assert strata == expected[name]


@every_kind
def test_examples_show_the_table_through_the_kind(name: str) -> None:
    kind, table = conformed(name)
    data = Examples(kind, SAMPLES[name].labels, table, table.slice(0, 2))
    assert data.outputs == kind.outputs(data.labels)
    rows = table.slice(0, 2).select(list(kind.input_fields)).to_pylist()
    expected = [[row["question"], *row["choices"]] for row in rows] if kind.readout == "choice" else None
    assert data.inputs(data.validation) == expected or data.inputs(data.validation) == [
        list(row.values()) if len(kind.input_fields) > 1 else row[kind.input_fields[0]] for row in rows
    ]
    assert len(data.targets(data.validation)) == n_targets(kind, data.inputs(data.validation))


@every_kind
def test_the_table_of_predictions(name: str) -> None:
    kind, table = conformed(name)
    labels = SAMPLES[name].labels
    table = table.append_column("author", pa.array(["x"] * len(table)))
    scores = certain(kind, table, labels)
    found = predictions_table(kind, table, scores, labels)
    assert found.column_names == ["example_id", "perturbation", "severity", "gold", "prediction", "scores", "author"]
    assert found["example_id"].to_pylist() == table["id"].to_pylist()
    gold = table[kind.label_field].to_pylist()
    assert found["gold"].to_pylist() == gold
    assert found["prediction"].to_pylist() == ([texts[0] for texts in gold] if kind.target == "text" else gold)
    assert set(found["perturbation"].to_pylist()) == {""}
    assert set(found["severity"].to_pylist()) == {0}
    typos = predictions_table(kind, table, scores, labels, "typos", 3)
    assert set(zip(typos["perturbation"].to_pylist(), typos["severity"].to_pylist(), strict=True)) == {("typos", 3)}
    assert typos.equals(passed(found, "typos", 3))
    both = pa.concat_tables([found, typos])
    assert clean(both).equals(found) and of_pass(both, "typos", 3).equals(typos)


@every_kind
@pytest.mark.parametrize(
    "column", ["gold", "prediction", "scores", "perturbation", "severity", "example_id", "input_length"]
)
def test_a_column_never_takes_the_place_of_a_prediction(name: str, column: str) -> None:
    kind, table = conformed(name)
    labels = SAMPLES[name].labels
    scores = certain(kind, table, labels)
    table = table.append_column(column, pa.array(["x"] * len(table)))
    with pytest.raises(InputError, match=f"column '{column}'"):
        predictions_table(kind, table, scores, labels)


def test_the_range_of_scores_is_that_of_train_and_classes_have_none() -> None:
    for name in SAMPLES:
        kind = KINDS[name]
        _, table = conformed(name)
        assert kind.score_range(table.to_pydict()) == ((1.0, 5.0) if kind.target == "score" else None)
