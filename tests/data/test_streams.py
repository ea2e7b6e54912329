"""Large files go through the disk in chunks: the same rows, notes, fingerprints and errors as in memory."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench.data import files, mapped
from fmbench.data.dataset import Dataset
from fmbench.data.mapped import MappedRows, kept, record_batch
from fmbench.errors import InputError
from fmbench.files import cache_folder

Load = Callable[..., Dataset]


def both(load: Load, data: dict[str, Any], **more: Any) -> tuple[Any, Any]:
    """What is loaded, or the lines of the error, in memory and through the disk."""

    def run() -> Any:
        try:
            found = load(data, **more)
        except InputError as error:
            return str(error).splitlines()
        return (
            {split: table.to_pydict() for split, table in found.splits.items()},
            {split: table.schema for split, table in found.splits.items()},
            found.labels,
            found.notes,
            found.fingerprint,
            found.score_range,
        )

    with pytest.MonkeyPatch.context() as patch:
        whole = run()
        patch.setattr(files, "STREAMED_BYTES", -1)
        patch.setattr(files, "CHUNK_CHARACTERS", 40)
        return whole, run()


def written(format: str, rows: list[tuple[str, str]]) -> str:
    if format == "jsonl":
        return "".join(json.dumps({"text": t, "label": label, "who": t[:1]}) + "\n" for t, label in rows)
    if format == "conll":
        return "".join("".join(f"{w} {'B-' + label if i else 'O'}\n" for i, w in enumerate(t.split())) + "\n"
                       for t, label in rows)  # fmt: skip
    stream = io.StringIO()
    kind: Any = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "escapechar": "\\"} if format == "tsv" else {}
    csv.writer(stream, **kind).writerows([("text", "label", "who"), *((t, label, t[:1]) for t, label in rows)])
    return stream.getvalue()


words = st.lists(st.text("abcü漢", min_size=1, max_size=4), min_size=1, max_size=4).map(" ".join)
rows_of_text = st.lists(st.tuples(words, st.sampled_from(["x", "y", ""])), min_size=1, max_size=40)


@pytest.mark.parametrize("format", ["jsonl", "csv", "tsv", "conll"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_text, broken=st.booleans(), key=st.sampled_from([None, "who"]), declared=st.booleans())
def test_both_ways_agree_on_rows_and_on_errors(
    tmp_path: Path, load: Load, format: str, rows: list[tuple[str, str]], broken: bool, key: str | None, declared: bool
) -> None:
    text = written(format, rows)
    lines = text.splitlines(keepends=True)
    if broken:
        lines.insert(len(lines) // 2, "{[\n" if format == "jsonl" else "a b c d\te\n")
    name = f"{random.getrandbits(64):x}.{format}"
    (tmp_path / name).write_text("".join(lines), encoding="utf-8", newline="")
    more: dict[str, Any] = {"kind": "token-classification"} if format == "conll" else {"cluster_key": key}
    if declared:
        more["labels"] = ["x", "z"]
    whole, streamed = both(load, {"files": {"train": name}}, **more)
    assert whole == streamed
    if not isinstance(whole, list):
        assert sum(len(table["id"]) for table in whole[0].values()) == len(rows), "rows in are rows out"


def test_several_files_and_formats_with_scores(tmp_path: Path, load: Load) -> None:
    header = "sentence1,sentence2,score\n"
    (tmp_path / "a.csv").write_text(header + "".join(f"one {i},two {i},{i % 5}\n" for i in range(60)))
    (tmp_path / "b.csv").write_text(header + "".join(f"three {i},four {i},{i % 7 / 2}\n" for i in range(60)))
    data = {"files": {"train": ["a.csv", "b.csv"], "test": "b.csv"}}
    whole, streamed = both(load, data, kind="sentence-similarity")
    assert whole == streamed
    assert any("of 60 test rows also stand in train" in note for note in whole[3])


def test_parquet_streams_too(tmp_path: Path, load: Load) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"text": [f"text {i}" for i in range(200)], "label": [i % 3 for i in range(200)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=17)
    whole, streamed = both(load, {"files": {"train": "a.parquet"}})
    assert whole == streamed
    table = table.set_column(1, "label", pa.array([None if i == 77 else "x" for i in range(200)]))
    pq.write_table(table, tmp_path / "b.parquet", row_group_size=17)
    whole, streamed = both(load, {"files": {"train": "b.parquet"}})
    assert whole == streamed == [f"{tmp_path}/b.parquet:78: the label is empty or not a word"]


def test_all_unreadable_files_are_named_with_all_their_problems_counted(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.jsonl").write_text("[]\n" * 30)
    (tmp_path / "b.jsonl").write_text('{"text": "", "label": "x"}\n' * 30)
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "caf\xe9", "label": "x"}\n')
    data = {"files": {"train": ["a.jsonl", "b.jsonl"], "test": "c.jsonl"}}
    whole, streamed = both(load, data)
    assert whole == streamed
    assert len(whole) == 22 and "and 10 more problems in this file" in whole[20]
    whole, streamed = both(load, {"files": {"train": "b.jsonl"}})
    assert whole == streamed
    assert len(whole) == 21 and "b.jsonl:21: and 10 more problems in this file" in whole[20]
    assert not list((cache_folder() / "rows").glob("*/*.tmp"))


def test_equal_ids_are_errors_with_both_places(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"id": i % 7, "text": f"t {i}", "label": "xy"[i % 2]}) + "\n" for i in range(8))
    )
    whole, streamed = both(load, {"files": {"train": "a.jsonl"}})
    place = f"{tmp_path}/a.jsonl"
    assert whole == streamed == [f"{place}:8: its id is that of row {place}:1: ids must differ within a split"]


def test_notes_of_a_reader_are_there_the_second_time_too(tmp_path: Path, load: Load) -> None:
    good = {"text": "Ada met Bo", "label": [[0, 3, "PER"], [8, 10, "PER"]]}
    over = {"text": "New York City", "label": [[0, 8, "LOC"], [0, 13, "LOC"]]}
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [good, over] * 20))
    data = {"files": {"train": "s.jsonl"}, "format": "span-jsonl"}
    whole, streamed = both(load, data, kind="token-classification")
    again = both(load, data, kind="token-classification")[1]
    assert whole == streamed == again
    assert whole[3][0] == "s.jsonl: 20 spans left out that overlap a longer one (first in line 2)"


def test_a_changed_file_is_read_again(tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STREAMED_BYTES", -1)
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"t {i},{'xy'[i % 2]}\n" for i in range(20)))
    first = load({"files": {"train": "a.csv"}})
    path.write_text("text,label\n" + "".join(f"u {i},{'xy'[i % 2]}\n" for i in range(21)))
    second = load({"files": {"train": "a.csv"}})
    assert sum(first.rows.values()) == 20 and sum(second.rows.values()) == 21
    assert first.train["text"].to_pylist()[0].startswith("t"), "what is mapped stays readable"


def test_columns_of_a_file_are_sequences(tmp_path: Path) -> None:
    rows = kept("ab" * 32, lambda: ((record_batch({"a": list(range(i, i + 5))}, None), ()) for i in (0, 5, 10)))
    column = rows["a"]
    assert list(column) == list(range(15)) and len(column) == 15
    assert column[3:8] == [3, 4, 5, 6, 7] and column[-1] == 14 and column[::2] == list(range(0, 15, 2))
    assert column[::-1] == list(range(15))[::-1] and column[9:2] == []
    with pytest.raises(IndexError):
        column[15]
    assert isinstance(rows, MappedRows) and list(rows) == ["a"] and "b" not in rows


def test_the_longest_unused_rows_go_when_the_cache_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "cache_limit", lambda: 0)
    for key in ("cd" * 32, "ef" * 32):
        rows = kept(key, lambda: iter([(record_batch({"a": [1]}, None), ())]))
        assert rows["a"][0] == 1
    assert [path.stem for path in (cache_folder() / "rows").glob("*/*.arrow")] == ["ef" * 32]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STREAMED_BYTES", -1)
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FMBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"the cache folder .*file cannot be written: .*; set \$FMBENCH_CACHE"):
        load({"files": {"train": "a.csv"}})
