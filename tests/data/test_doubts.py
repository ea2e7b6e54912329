"""Slips that could pass for data: they are refused with the way out, or named as a doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmbench.cli import main

REVIEWS = "text,label\n" + "".join(f"word {i} stands here,{'good' if i % 2 else 'bad'}\n" for i in range(40))
LOANS = "loan,income,paid\n" + "".join(f"l{i},{i * 10},{'no' if i % 3 else 'yes'}\n" for i in range(40))
SUITE = """\
suite: mine
models: [majority]
tasks:
  - name: mine
    kind: {kind}
    data: {{files: {{train: data.csv}}{data}}}{task}
adaptations: {{fit: {{}}}}
"""
Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """`fmbench check` of a table: exit code, and what it says on both streams."""
    monkeypatch.chdir(tmp_path)

    def run(table: str, kind: str = "text-classification", data: str = "", task: str = "") -> tuple[int, str, str]:
        Path("data.csv").write_text(table)
        Path("mine.yaml").write_text(SUITE.format(kind=kind, data=data, task=task))
        with pytest.raises(SystemExit) as left:
            main(["check", "mine.yaml"])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


def test_nan_is_no_label_unless_it_is_declared(check: Check) -> None:
    assert check(REVIEWS + "odd,NaN\nodder,nan\n")[::2] == (
        2,
        "data.csv:42: the label is 'NaN': give the row one, leave it out, or declare it in `labels` if it is one\n"
        "data.csv:43: the label is 'nan': give the row one, leave it out, or declare it in `labels` if it is one\n",
    )
    code, _, err = check(REVIEWS + "odd,nan\nodder,nan\n", task="\n    labels: [good, bad, nan]")
    assert (code, err) == (0, "")


def test_labels_that_differ_in_case_are_named(check: Check) -> None:
    code, out, _ = check(REVIEWS.replace("word 1 stands here,good", "word 1 stands here,Good "))
    assert code == 0
    assert "mine: warning: labels that differ in case or blanks only: 'Good', 'good'" in out
    assert "warning" not in check(REVIEWS)[1]


def test_check_says_what_runs_warn_of(check: Check) -> None:
    out = check("text,label\n" + 20 * "the same,good\n" + 20 * "as ever,bad\n")[1]
    assert "mine: warning: 8 of 8 test rows also stand in train (the same text)" in out


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_delimiter_is_guessed(check: Check, mark: str) -> None:
    header = f"text{' ' if mark.isspace() else mark}label"
    assert check(REVIEWS.replace(",", mark))[2].splitlines()[0] == (
        f"data.csv:1: no column 'text' for the field 'text': the columns are {header}"
        f"; set `delimiter: {mark!r}` if that stands between them"
    )
    assert check(REVIEWS.replace(",", mark), data=f', delimiter: "{mark}"'.replace("\t", r"\t"))[0] == 0


def test_a_split_that_cannot_be_cut_says_why(check: Check) -> None:
    rows = "text,label,who\n" + "".join(f"word {i},{'good' if i % 3 else 'bad'},c{i % 2}\n" for i in range(30))
    assert check(rows, task="\n    cluster_key: who")[2] == (
        "mine.yaml:4:5: task 'mine': the validation split has no rows: 30 rows of 2 values of who are too few to "
        "cut it from train; name a file for it, or bring more rows\n"
    )


def test_a_column_to_leave_out_must_be_there(check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "drop: no column 'loans': the columns are loan, income, paid; did you mean 'loan'?\n"
    data = ", columns: {label: paid}, drop: [loans]"
    assert check(LOANS, "tabular-classification", data)[::2] == (2, f"data.csv:1: {said}")
    rows = [line.split(",") for line in LOANS.splitlines()]
    table = pa.table(dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True)))
    pq.write_table(table, tmp_path / "data.parquet")
    suite = (tmp_path / "mine.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(suite.replace("data.csv", "data.parquet"))
    with pytest.raises(SystemExit):
        main(["check", "mine.yaml"])
    assert capsys.readouterr().err == f"data.parquet:1: {said}"


def test_a_column_that_is_nearly_a_number_is_a_doubt(check: Check) -> None:
    rows = LOANS + 'l99,"2.400,50",no\n'
    data = ", columns: {label: paid}, drop: [loan]"
    out = check(rows, "tabular-classification", data)[1]
    assert (
        "mine: warning: 1 of 41 cells of column 'income' are not numbers, '2.400,50' first: it is a category now; "
        "options: {numeric: [income]} would refuse them"
    ) in out
    assert "warning" not in check(rows, "tabular-classification", data, "\n    options: {categorical: [income]}")[1]
    code, _, err = check(rows, "tabular-classification", data, "\n    options: {numeric: [income]}")
    assert (code, err) == (2, "data.csv:42: column 'income' is not a number: '2.400,50'\n")
