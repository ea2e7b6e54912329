"""The kinds that rank: rows from interactions and judgements, what is wrong with them, and what is told of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.rows import Rows
from fmbench.errors import InputError
from fmbench.registry import KINDS
from fmbench.suite.loader import load_task
from fmbench.tasks.kind import predictions_table

RANKING = [name for name in KINDS if KINDS[name].target == "ranking"]
LOG = "user,item,time\n" + "".join(
    f"{user},{item},{time}\n"
    for user, item, time in [
        ("bo", "c", 3),
        ("ann", "a", 1),
        ("bo", "a", 1),
        ("bo", "b", 2),
        ("ann", "c", 9),
        ("ann", "b", 5),
        ("ann", "d", 7),
        ("cy", "a", 1),
        ("cy", "d", 2),
    ]
)


def load(folder: Path, kind: str, data: str, files: dict[str, str], more: str = "") -> Dataset:
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "task.yaml").write_text(f"name: t\nkind: {kind}\ndata: {data}\n{more}")
    return load_dataset(load_task(folder / "task.yaml"))


def test_the_last_item_of_each_user_is_the_test_and_the_one_before_validation(tmp_path: Path) -> None:
    data = load(tmp_path, "sequential-recommendation", "{files: {train: log.csv}}", {"log.csv": LOG})
    names = data.side["items"]["item"].to_pylist()

    def rows(split: str) -> dict[str, tuple[str, str]]:
        return {
            row["user"]: ("".join(names[i] for i in row["history"]), names[row["item"]])
            for row in data.splits[split].to_pylist()
        }

    assert rows("test") == {"ann": ("abd", "c"), "bo": ("ab", "c")}
    assert rows("validation") == {"ann": ("ab", "d"), "bo": ("a", "b")}
    assert rows("train") == {"ann": ("a", "b"), "bo": ("", "a"), "cy": ("a", "d")}
    assert dict(zip(names, data.side["items"]["count"].to_pylist(), strict=True)) == {"a": 3, "b": 1, "c": 0, "d": 1}
    assert data.test["id"].to_pylist() == data.test["user"].to_pylist()
    assert "1 users of fewer than three items are in train only" in data.notes
    assert "full ranking over all items of the catalogue" in data.notes


def test_without_time_the_order_of_the_file_counts_and_dates_are_times(tmp_path: Path) -> None:
    log = "user,item,when\nu,b,2020-01-03\nu,a,2020-01-02\nu,c,2020-01-01T10:00:00\nv,a,2020-01-05\n"
    spec = "{files: {train: log.csv}, columns: {time: when}}"
    dated = load(tmp_path, "sequential-recommendation", spec, {"log.csv": log})
    plain = load(tmp_path, "sequential-recommendation", "{files: {train: log.csv}}", {"log.csv": log})
    assert dated.test["item"].to_pylist() == [1]
    assert plain.test["item"].to_pylist() == [2]
    assert "no time: the order of the rows is taken for it" in plain.notes


def test_own_test_rows_are_kept_and_each_follows_all_before_it(tmp_path: Path) -> None:
    files = {"train.csv": LOG, "test.csv": "user,item,time\nann,e,20\nann,a,21\nnew,b,1\n"}
    spec = "{files: {train: train.csv, test: test.csv}}"
    data = load(tmp_path, "sequential-recommendation", spec, files)
    assert data.test["id"].to_pylist() == ["new", "ann-0", "ann-1"]
    assert data.test["item"].to_pylist() == [1, 4, 0]
    assert data.test["history"].to_pylist() == [[], [0, 1, 3, 2], [0, 1, 3, 2]]
    assert data.rows == {"train": 3, "validation": 3, "test": 3}
    assert "1 test items are in the history, so that nothing can find them (exclude_seen)" in data.notes


def test_items_of_the_table_that_nobody_took_are_in_the_catalogue(tmp_path: Path) -> None:
    spec = "{files: {train: log.csv}, side: {items: {file: items.csv}}}"
    items = "item,text\nz,never taken\na,first\nb,second\nc,third\n"
    data = load(tmp_path, "sequential-recommendation", spec, {"log.csv": LOG, "items.csv": items})
    assert data.side["items"]["item"].to_pylist() == ["z", "a", "b", "c", "d"]
    assert data.side["items"]["text"].to_pylist()[-1] == ""
    assert data.side["items"]["count"].to_pylist()[0] == 0
    assert "1 items are not in the table of items and have no text" in data.notes
    with pytest.raises(InputError, match="items, row 5: item 'a' has another text before"):
        load(tmp_path, "sequential-recommendation", spec, {"items.csv": items + "a,other\n"})


def test_nobody_long_enough_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no user has three items or more \(1 users\)"):
        load(tmp_path, "sequential-recommendation", "{files: {train: l.csv}}", {"l.csv": "user,item\nu,a\nu,b\n"})


@pytest.mark.parametrize(
    ("kind", "row", "message"),
    [
        ("sequential-recommendation", {"user": "", "item": "a"}, "the user is empty or not a name"),
        ("sequential-recommendation", {"user": "u", "item": None}, "the item is empty or not a name"),
        ("sequential-recommendation", {"user": "u", "item": math.nan}, "the item is empty or not a name"),
        ("sequential-recommendation", {"user": "u", "item": "a", "time": "soon"}, "the time is no number and no ISO"),
        ("sequential-recommendation", {"user": "u", "item": "a", "time": math.nan}, "the time is no number"),
        ("sampled-recommendation", {"user": "u", "item": "a", "candidates": "b c"}, "candidates is not a list"),
        ("sampled-recommendation", {"user": "u", "item": "a", "candidates": [None]}, "candidates is not a list"),
        ("retrieval", {"query": " ", "document": "d"}, "the query is empty"),
        ("retrieval", {"query": "q", "document": "d", "relevance": "very"}, "the relevance is not a whole number"),
        ("retrieval", {"query": "q", "document": "d", "relevance": 0.5}, "the relevance is not a whole number"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(kind: str, row: dict[str, Any], message: str) -> None:
    columns = {name: [value] * 30 for name, value in row.items()}
    _, problems = KINDS[kind].conform(Rows(columns, "log.csv", lines=range(2, 32)))
    assert len(problems) == 30
    assert str(problems[0]).startswith(f"log.csv:2: {message}")


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=2))
cells = st.one_of(anything, st.lists(anything, max_size=3))


@pytest.mark.parametrize("name", RANKING)
@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4))
def test_whatever_the_rows_hold_they_conform_or_are_named(name: str, rows: list[tuple[Any, ...]]) -> None:
    kind = KINDS[name]
    fields = dict.fromkeys([*kind.raw_fields, *kind.optional_fields])
    columns = {key: list(values) for key, values in zip(fields, zip(*rows, strict=True), strict=False)}
    good, problems = kind.conform(Rows(columns, "any.jsonl", lines=range(1, len(rows) + 1)))
    assert all(problem.place and problem.place.line for problem in problems)
    if not problems:
        assert kind.conform(Rows(good, "again.jsonl")) == (good, [])


SAMPLED = (
    '{"user": "u", "item": "a", "candidates": ["b", "c", "b"]}\n{"user": "v", "item": "c", "candidates": ["c", "a"]}\n'
)


def test_sampled_ranking_is_labelled_and_hides_the_item_among_its_candidates(tmp_path: Path) -> None:
    data = load(tmp_path, "sampled-recommendation", "{files: {test: t.jsonl}}", {"t.jsonl": SAMPLED})
    assert data.rows == {"train": 0, "validation": 0, "test": 2}
    assert [sorted(row) for row in data.test["candidates"].to_pylist()] == [[0, 1, 2], [0, 2]]
    assert any(note.startswith("SAMPLED ranking: each item among 1 to 2 given ones") for note in data.notes)
    assert "2 rows name an item twice, or the one to find as a candidate; it counts once" in data.notes
    many = "".join(f'{{"user": "{i}", "item": "x", "candidates": ["a","b","c"]}}\n' for i in range(400))
    data = load(tmp_path, "sampled-recommendation", "{files: {test: t.jsonl}}", {"t.jsonl": many})
    gold = data.test["item"].to_pylist()
    first = [row[0] == item for row, item in zip(data.test["candidates"].to_pylist(), gold, strict=True)]
    assert 0.15 < np.mean(first) < 0.35, "the item is first by chance only"


def test_interactions_beside_sampled_rows_are_histories_and_train(tmp_path: Path) -> None:
    spec = "{files: {test: t.jsonl}, side: {interactions: {file: log.csv}}}"
    data = load(tmp_path, "sampled-recommendation", spec, {"t.jsonl": SAMPLED, "log.csv": "user,item\nu,b\nu,d\n"})
    assert data.test["history"].to_pylist() == [[1, 3], []]
    assert data.train.select(["user", "history", "item"]).to_pylist() == [{"user": "u", "history": [1], "item": 3}]
    with pytest.raises(InputError, match="sampled ranking needs test rows"):
        load(tmp_path, "sampled-recommendation", "{files: {train: t.jsonl}}", {})


def test_a_full_metric_is_not_for_sampled_ranking(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the metric 'hr@10' is not for sampled-recommendation"):
        load(tmp_path, "sampled-recommendation", "{files: {test: t.jsonl}}", {}, "metrics: [hr@10]\n")


QRELS = "query,document,relevance\nq1,d2,2\nq1,d1,0\nq2,d1,1\nq1,d2,1\n"
DOCUMENTS = "document,text\nd1,one\nd2,two\nd3,three\n"
SIDE = "{files: {test: q.csv}, side: {documents: {file: d.csv}, queries: {file: t.csv}}}"
TREC = {"q.csv": QRELS, "d.csv": DOCUMENTS, "t.csv": "query,text\nq1,first\nq2,second\n"}


def test_judgements_become_one_row_a_query(tmp_path: Path) -> None:
    data = load(tmp_path, "retrieval", SIDE, TREC)
    assert data.test.to_pylist() == [
        {
            "id": "q1",
            "query": "first",
            "relevant": [{"document": 0, "relevance": 0}, {"document": 1, "relevance": 2}],
        },
        {"id": "q2", "query": "second", "relevant": [{"document": 0, "relevance": 1}]},
    ]
    assert KINDS["retrieval"].targets(data.test, ()).tolist() == [1, 0]
    assert data.rows == {"train": 0, "validation": 0, "test": 2}
    inline = load(tmp_path, "retrieval", SIDE.replace(", queries: {file: t.csv}", ""), TREC)
    assert inline.test["query"].to_pylist() == ["q1", "q2"]


def test_unknown_documents_and_queries_come_together(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path, "retrieval", SIDE, {**TREC, "q.csv": "query,document\nq1,d9\nq7,d1\n"})
    assert [str(problem.message) for problem in error.value.problems] == [
        "test: the document 'd9' is not in the table of documents",
        "test: the query 'q7' is not in the table of queries",
    ]
    with pytest.raises(InputError, match="retrieval needs the table of documents"):
        load(tmp_path, "retrieval", "{files: {test: q.csv}}", TREC)


def test_a_ranking_is_stored_without_its_filling(tmp_path: Path) -> None:
    data = load(tmp_path, "sequential-recommendation", "{files: {train: log.csv}}", {"log.csv": LOG})
    kind = KINDS["sequential-recommendation"]
    table = predictions_table(kind, data.test, np.array([[3, 2, -1], [1, -1, -1]]), ())
    assert table["prediction"].to_pylist() == [[3, 2], [1]]
    assert table["gold"].to_pylist() == [2, 2]
    noted = kind.annotate(table, data.side)
    assert noted["gold_item"].to_pylist() == ["c", "c"]
    assert set(noted["catalogue"].to_pylist()) == {4}
    # counts 3, 1, 0, 1 of 5: with one added 4, 2, 1, 2 of 9
    bits = noted["self_information"].to_pylist()
    assert bits == [pytest.approx([-math.log2(2 / 9), -math.log2(1 / 9)]), pytest.approx([-math.log2(2 / 9)])]
    assert noted["popularity"].to_pylist() == [pytest.approx([0.5, 0.125]), pytest.approx([0.5])]
    assert isinstance(noted["prediction"].type, pa.ListType)
