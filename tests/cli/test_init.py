from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmbench.cli import main
from fmbench.run.check import check_suite
from fmbench.suite.loader import load_suite
from fmbench.suite.schema import Suite

ROWS = [(f"{'lovely' if i % 2 else 'awful'} thing {i}", "good" if i % 2 else "bad") for i in range(40)]
CONLL = "Ann B-PER\nleft O\n\nthey O\nsleep O\n\n" * 20
ODD_NAMES = [
    '"',
    "it's",
    "a: b",
    "# c",
    "{x}",
    "[y]",
    "naïve 文 😀",
    "back\\slash",
    "%",
    "null",
    "3",
    "yes",
    "\u2028x",
    "\x7f",
    "a,b",
]


def invoke(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    return left.value.code, out, err


def made(arguments: list[str], target: Path, capsys: pytest.CaptureFixture[str]) -> Suite:
    """Run init, see that `check` accepts what it wrote, and return it loaded."""
    code, out, err = invoke(["init", *arguments], capsys)
    assert (code, err) == (0, "")
    assert out == f"wrote {target}; next: fmbench check {target} && fmbench run {target}\n"
    code, out, err = invoke(["check", str(target)], capsys)
    assert (code, err) == (0, "")
    return load_suite(target)


def separated(names: list[str], rows: list[tuple[str, ...]], delimiter: str) -> str:
    if delimiter == "\t":
        return "".join("\t".join(row) + "\n" for row in [tuple(names), *rows])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([names, *rows])
    return stream.getvalue()


def write(path: Path, names: tuple[str, str] = ("text", "label")) -> Path:
    if path.name.endswith((".csv", ".tsv")):
        path.write_text(separated(list(names), list(ROWS), "\t" if path.suffix == ".tsv" else ","), encoding="utf-8")
    elif path.name.endswith((".jsonl", ".ndjson")):
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in ROWS))
    elif path.suffix == ".parquet":
        columns = zip(*ROWS, strict=True)
        pq.write_table(pa.table({name: list(values) for name, values in zip(names, columns, strict=True)}), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(separated(list(names), list(ROWS), ",").encode()))
    else:
        path.write_text(CONLL)
    return path


@pytest.mark.parametrize("name", ["my.csv", "my.tsv", "my.jsonl", "my.ndjson", "my.parquet", "my.csv.gz", "my.CSV"])
def test_a_suite_for_texts(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / name.lower()).rename(tmp_path / name)
    suite = made([str(data)], tmp_path / "my.yaml", capsys)
    assert suite.name == "my"
    assert [task.spec.kind for task in suite.tasks] == ["text-classification"]
    assert check_suite(suite)["my"].labels == ("bad", "good")
    assert [model.name for model in suite.models] == ["majority", "tfidf-logreg", "minilm-l6"]


@pytest.mark.parametrize("name", ["my.conll", "my.bio", "my.iob"])
def test_a_suite_for_entities(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = made([str(write(tmp_path / name))], tmp_path / "my.yaml", capsys)
    assert [task.spec.kind for task in suite.tasks] == ["token-classification"]
    assert check_suite(suite)["my"].labels == ("PER",)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_column_names_survive(name: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / f"my{suffix}", (name, name + " label"))
    suite = made([str(data), "--text", name, "--label", name + " label"], tmp_path / "my.yaml", capsys)
    assert suite.tasks[0].source_spec.columns == {"text": name, "label": name + " label"}


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("2024", "2024"),
        ("1e5", "1e5"),
        ("true", "true"),
        ("null", "null"),
        ("0x1F", "0x1F"),
        ("my data: {v2} #1", "my-data-v2-1"),
        ("../x".replace("/", "_"), "x"),
        ("文", "my-data"),
        ("-.-", "my-data"),
        ("a" * 120, "a" * 80),
        ('it\'s "quoted"', "it-s-quoted"),
        ("line\nbreak", "line-break"),
    ],
)
def test_any_file_name_makes_a_good_suite_name(
    stem: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = made([str(write(tmp_path / f"{stem}.csv"))], tmp_path / f"{stem}.yaml", capsys)
    assert suite.name == suite.tasks[0].name == name


def test_columns_are_guessed_by_their_usual_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "my.csv", ("Review", "STARS"))
    suite = made([str(data)], tmp_path / "my.yaml", capsys)
    assert suite.tasks[0].source_spec.columns == {"text": "Review", "label": "STARS"}


def test_paths_are_relative_to_the_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    data, target = write(tmp_path / "data" / "my.csv"), tmp_path / "deep" / "suites" / "s.yaml"
    made([str(data), "--out", str(target)], target, capsys)
    assert "../../data/my.csv" in target.read_text()


def test_nothing_is_overwritten_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, target = write(tmp_path / "my.csv"), tmp_path / "my.yaml"
    target.write_text("mine")
    code, out, err = invoke(["init", str(data)], capsys)
    assert (code, out, err) == (2, "", f"{target}: exists already; --force replaces it\n")
    assert target.read_text() == "mine"
    made([str(data), "--force"], target, capsys)


def test_data_without_a_suffix_of_its_own_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "my.yaml"
    data.write_text("text,label\n")
    code, _, err = invoke(["init", str(data), "--force"], capsys)
    assert code == 2
    assert "the name ends in none of" in err
    assert data.read_text() == "text,label\n"


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("my.csv", b"a,b\nx,y\n", [], ":1: cannot tell which column is the text: the columns are a, b; name it"),
        ("my.csv", b"text,b\nx,y\n", [], ":1: cannot tell which column is the label: the columns are text, b; name it"),
        ("my.csv", b"text,label\n", ["--text", "txt"], ":1: no column 'txt': the columns are text, label; did"),
        ("my.csv", b"", [], ":1: the file is empty"),
        ("my.csv", b"\n", [], ":1: the first line is empty"),
        ("my.csv", b"t\xe9xt,label\n", [], ":1: not UTF-8 text"),
        ("my.jsonl", b"{text: 1}\n", [], ":1: not valid JSON: "),
        ("my.jsonl", b"[1, 2]\n", [], ":1: not a JSON object"),
        ("my.csv.gz", b"text,label\n", [], ": not a whole gzip file: Not a gzipped file"),
        ("my.csv.gz", gzip.compress(b"text,label\n", mtime=0)[:12], [], ": not a whole gzip file: Compressed file"),
        ("my.parquet", b"PAR1", [], ": cannot be read: "),
        ("my.xlsx", b"", [], ": the name ends in none of .csv"),
        ("my", b"", [], ": the name ends in none of .csv"),
    ],
)  # fmt: skip
def test_clear_errors(
    name: str, content: bytes, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / name
    data.write_bytes(content)
    code, out, err = invoke(["init", str(data), *arguments], capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"{data}{message}")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "reviews.csv")
    code, _, err = invoke(["init", str(tmp_path / "review.csv")], capsys)
    assert (code, err) == (2, f"{tmp_path / 'review.csv'}: no such file; did you mean 'reviews.csv'?\n")
