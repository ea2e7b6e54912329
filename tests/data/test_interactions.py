"""Readers of interaction and question-answering files: what they make of good ones, and what they say of bad ones."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench.data.formats import Wanted
from fmbench.data.interactions import read_candidates, read_medquad, read_sequences
from fmbench.errors import InputError

WANTED = Wanted(("user", "item"))


def archive(path: Path, pages: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in pages.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def page(*pairs: tuple[str, str]) -> str:
    inner = "".join(
        f'<QAPair pid="{i}"><Question>{q}</Question><Answer>{a}</Answer></QAPair>' for i, (q, a) in enumerate(pairs, 1)
    )
    return f"<Document><QAPairs>{inner}</QAPairs></Document>"


def test_a_line_of_items_becomes_a_row_each(tmp_path: Path) -> None:
    path = tmp_path / "log.txt.gz"
    path.write_bytes(gzip.compress(b"1 10 11\n\n2 12\n"))
    rows = read_sequences(path, WANTED)
    assert rows.columns == {"user": ["1", "1", "2"], "item": ["10", "11", "12"], "time": [0, 1, 0]}
    assert rows.lines == [1, 1, 3]
    path.write_bytes(gzip.compress(b"1 10 11\n2\n"))
    with pytest.raises(InputError, match=r"log.txt.gz:2: a user without items"):
        read_sequences(path, WANTED)


def test_candidates_stand_behind_the_pair(tmp_path: Path) -> None:
    path = tmp_path / "test.negative"
    path.write_text("(0,25)\t1064\t174\n(1, 7)\t3\n")
    rows = read_candidates(path, WANTED)
    assert rows.columns == {"user": ["0", "1"], "item": ["25", "7"], "candidates": [["1064", "174"], ["3"]]}
    path.write_text("(0,25)\t1\n0,25\t1064\n(0,25)\n(0,2)\t\t3\n")
    with pytest.raises(InputError) as error:
        read_candidates(path, WANTED)
    assert [problem.place.line for problem in error.value.problems if problem.place] == [2, 3, 4]


def test_equal_answers_are_one_document(tmp_path: Path) -> None:
    pages = {"a/2.xml": page(("What?", "That.")), "a/1.xml": page(("Who &amp; why?", "He  did."), ("When?", "That."))}
    rows = read_medquad(archive(tmp_path / "qa.tar.gz", {**pages, "a/readme.txt": "no page"}), WANTED)
    assert rows.columns == {
        "query": ["Who & why?", "When?", "What?"],
        "document": ["a/1-1", "a/1-2", "a/1-2"],
        "text": ["He did.", "That.", "That."],
    }


def test_pages_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    pages = {"1.xml": "<Document>", "2.xml": page(("What?", " "))}
    with pytest.raises(InputError) as error:
        read_medquad(archive(tmp_path / "qa.tar.gz", pages), WANTED)
    first, second = (str(problem) for problem in error.value.problems)
    assert "qa.tar.gz/1.xml: not valid XML" in first
    assert "qa.tar.gz/2.xml: a QAPair without question or answer" in second
    whole = (tmp_path / "qa.tar.gz").read_bytes()
    for bad in (b"", b"no archive", whole[: len(whole) // 2]):
        (tmp_path / "bad.tar.gz").write_bytes(bad)
        with pytest.raises(InputError, match=r"bad.tar.gz: not a readable tar file"):
            read_medquad(tmp_path / "bad.tar.gz", WANTED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=st.one_of(st.binary(max_size=60), st.text("(),\t\n 12", max_size=40).map(str.encode)))
def test_no_input_gives_anything_but_rows_or_problems(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    for read in (read_sequences, read_candidates, read_medquad):
        try:
            rows = read(path, WANTED)
        except InputError as error:
            assert error.problems
        else:
            assert len({len(values) for values in rows.columns.values()}) == 1
