"""The source `files`: several files, every format by its name, values renamed, all problems at once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmbench.data.dataset import Dataset
from fmbench.errors import InputError
from fmbench.suite.schema import Task

Load = Callable[..., Dataset]

ROWS = [("a fine day", "good"), ("rain, again", "bad"), ("no “quotes” here", "good"), ("é", "bad")] * 3


def write_csv(path: Path, rows: list[tuple[str, str]] = ROWS) -> None:
    text = "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def write_any(path: Path) -> None:
    """ROWS in the format that the name tells."""
    name = path.name.removesuffix(".gz")
    if name.endswith("csv"):
        return write_csv(path)
    if name.endswith("parquet"):
        return pq.write_table(pa.table({"text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]}), path)
    if name.endswith("tsv"):
        text = "label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in ROWS)
    else:
        text = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return None


@pytest.mark.parametrize(
    "name",
    ["d.csv", "d.CSV", "d.csv.gz", "d.v2.tsv", "d.tsv.gz", "d.jsonl", "d.jsonl.gz", "d.ndjson", "d.parquet"],
)
def test_the_name_tells_the_format_and_every_format_gives_the_same_rows(tmp_path: Path, load: Load, name: str) -> None:
    if name == "d.CSV":
        write_csv(tmp_path / name)
    else:
        write_any(tmp_path / name)
    write_csv(tmp_path / "reference.csv")
    made, reference = load({"files": {"train": name}}), load({"files": {"train": "reference.csv"}})
    assert made.train["text"].to_pylist() == reference.train["text"].to_pylist()
    assert made.fingerprint == reference.fingerprint
    assert made.source == f"files: {name}"


@pytest.mark.parametrize("name", ["d.conll", "d.bio", "d.iob", "d.txt"])
def test_tagged_files(tmp_path: Path, load: Load, name: str) -> None:
    (tmp_path / name).write_text("Ada I-PER\nLovelace I-PER\nspoke O\n\n" * 5 + "Ur I-LOC\nrose O\n\n" * 5)
    data = {"files": {"train": name}} | ({"format": "conll"} if name == "d.txt" else {})
    made = load(data, kind="token-classification", split={"seed": 1, "test": 0.3, "validation": 0.3})
    assert made.labels == ("LOC", "PER")
    assert ["B-PER", "I-PER", "O"] in made.train["tags"].to_pylist()


def test_iob1_tags_become_iob2(tmp_path: Path, load: Load) -> None:
    (tmp_path / "t.conll").write_text("Ada I-PER\nBob B-PER\nUr I-LOC\nCo I-ORG\nLtd I-ORG\n\n")
    made = load({"files": dict.fromkeys(("train", "validation", "test"), "t.conll")}, kind="token-classification")
    assert made.test["tags"].to_pylist() == [["B-PER", "B-PER", "B-LOC", "B-ORG", "I-ORG"]]


def test_several_files_of_one_split_follow_each_other(tmp_path: Path, load: Load) -> None:
    write_csv(tmp_path / "one.csv", ROWS[:3])
    (tmp_path / "two.csv").write_text("label,text\ngood,last\n")
    made = load({"files": {"train": ["one.csv", "two.csv"], "validation": "one.csv", "test": "one.csv"}})
    assert made.train["text"].to_pylist() == [text for text, _ in ROWS[:3]] + ["last"]
    assert made.source == "files: one.csv, two.csv, one.csv, one.csv"
    assert len(set(made.train["id"].to_pylist())) == 4


def test_paths_are_relative_to_the_file_that_names_them(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    write_csv(tmp_path / "deep" / "a.csv")
    monkeypatch.chdir("/")
    assert len(load({"files": {"train": "deep/../deep/a.csv"}}).splits["train"])
    assert len(load({"files": {"train": str(tmp_path / "deep" / "a.csv")}}).splits["train"])


def test_values_are_renamed_and_others_stay(tmp_path: Path, load: Load) -> None:
    (tmp_path / "n.csv").write_text("text,label\n" + "a,0\nb,1\nc,other\n" * 3)
    splits = dict.fromkeys(("train", "validation", "test"), "n.csv")
    made = load({"files": splits, "values": {"label": {"0": "negative", "1": "positive"}}})
    assert made.labels == ("negative", "other", "positive")
    assert made.test["label"].to_pylist() == ["negative", "positive", "other"] * 3


def test_numbers_in_json_are_renamed_also_inside_lists(tmp_path: Path, load: Load) -> None:
    row = json.dumps({"tokens": ["Ada", "spoke"], "tags": [1, 0]}) + "\n"
    (tmp_path / "n.jsonl").write_text(row * 3)
    made = load(
        {
            "files": dict.fromkeys(("train", "validation", "test"), "n.jsonl"),
            "values": {"tags": {"0": "O", "1": "B-PER"}},
        },
        kind="token-classification",
    )
    assert made.test["tags"].to_pylist() == [["B-PER", "O"]] * 3


def test_the_problems_of_all_files_come_together(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.csv").write_text("text,label\nx\n")
    (tmp_path / "b.jsonl").write_text("\n[1]\n")
    (tmp_path / "empty.csv").write_text("text,label\n")
    (tmp_path / "folder.csv").mkdir()
    train = ["a.csv", "nowhere/c.csv", "folder.csv"]
    files = {"train": train, "validation": "b.jsonl", "test": ["empty.csv", "B.jsonl"]}
    with pytest.raises(InputError) as caught:
        load({"files": files, "columns": {"texts": 0}, "values": {"lables": {}}})
    found = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert found == [
        "columns: this task has no field 'texts' (it has text, label); did you mean 'text'?",
        "values: this task has no field 'lables' (it has text, label); did you mean 'label'?",
        "a.csv:2: 1 columns where the first line has 2",
        "nowhere/c.csv: no such folder as nowhere",
        "folder.csv: is a folder, not a file; set `format: image-folder` or `format: wav-folder` if it holds those",
        "b.jsonl:2: not a JSON object",
        "empty.csv: no rows",
        "B.jsonl: no such file; did you mean 'b.jsonl'?",
    ]


def test_rows_that_do_not_fit_the_kind_are_named_by_line(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.csv").write_text('text,label\n" ",x\n"two\nlines",\nfine,y\n')
    (tmp_path / "b.jsonl").write_text('{"text": 7, "label": "x"}\n{"text": "a", "label": null}\n')
    with pytest.raises(InputError) as caught:
        load({"files": {"train": "a.csv", "test": "b.jsonl"}})
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "a.csv:2: the text is empty",
        "a.csv:3: the label is empty or not a word",
        "b.jsonl:1: the text is not a string",
        "b.jsonl:2: the label is empty or not a word",
    ]


def test_a_format_that_lacks_the_fields_says_so(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.conll").write_text("a O\n")
    with pytest.raises(InputError, match="the format conll has no 'text'"):
        load({"files": {"train": "a.conll"}})


def test_a_name_that_tells_nothing(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.dat").write_text("a O\n")
    with pytest.raises(InputError, match="the name does not tell the format; set `format` to one of csv, tsv"):
        load({"files": {"train": "a.dat"}})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"files": {"train": "a.csv"}, "format": "cvs"}, "did you mean 'csv'"),
        ({"files": {"train": "a.csv"}, "delimiter": ";;"}, "delimiter"),
        ({"files": {}}, "files"),
        ({"files": {"dev": "a.csv"}}, "dev"),
        ({"files": {"train": "a.csv"}, "headers": False}, "did you mean 'header'"),
    ],
)
def test_settings_are_checked(make_task: Callable[..., Task], data: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_task(data)


def test_a_public_data_set_that_is_not_there_says_which_folder_is_wanted(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"files": {"train": "$FMBENCH_DATA/reviews/train.csv"}}
    monkeypatch.setenv("FMBENCH_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"no such folder: \$FMBENCH_DATA \(.*\) must hold reviews/"):
        load(data)
    monkeypatch.delenv("FMBENCH_DATA")
    with pytest.raises(InputError, match=r"\$FMBENCH_DATA is not set; it must name a folder that holds reviews/"):
        load(data)
