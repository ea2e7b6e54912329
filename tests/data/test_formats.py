"""Every reader gives what stands in the file, and names file and line of what it cannot read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench.data.formats import MAX_PROBLEMS, Wanted, read_csv, read_parquet, read_tsv
from fmbench.data.json_files import read_jsonl
from fmbench.data.rows import Rows
from fmbench.data.tagged import read_conll, read_inline_entities
from fmbench.errors import InputError

CLASSIFICATION = ("text", "label")
TAGGING = ("tokens", "tags")
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes, name: str = "data", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return to_file


def wanted(fields: tuple[str, ...] = CLASSIFICATION, **settings: Any) -> Wanted:
    return Wanted(fields, **settings)


def problems(read: Callable[..., Rows], path: Path, want: Wanted) -> list[str]:
    """What the reader says, without the folder."""
    with pytest.raises(InputError) as caught:
        read(path, want)
    assert all(problem.place is not None and problem.place.file == str(path) for problem in caught.value.problems)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in caught.value.problems]


class TestCsv:
    def test_quotes_commas_and_line_breaks(self, write: Write) -> None:
        path = write('text,label\n"a, ""b""",x\n"two\nlines",y\nplain,"z"\n')
        rows = read_csv(path, wanted())
        assert rows.columns == {"text": ['a, "b"', "two\nlines", "plain"], "label": ["x", "y", "z"]}
        assert rows.lines == [2, 3, 5]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_all_systems(self, write: Write, end: str) -> None:
        path = write(f"text,label{end}one,x{end}{end}two,y")
        rows = read_csv(path, wanted())
        assert rows.columns == {"text": ["one", "two"], "label": ["x", "y"]}
        assert rows.lines == [2, 4]

    @pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "utf_8", "utf-8-sig"])
    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, write: Write, encoding: str) -> None:
        path = write("\ufefftext,label\nö,x\n")
        assert read_csv(path, wanted(encoding=encoding)).columns == {"text": ["ö"], "label": ["x"]}

    @pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
    def test_other_encodings(self, write: Write, encoding: str) -> None:
        path = write("text,label\ncafé,x\n", encoding=encoding)
        assert read_csv(path, wanted(encoding=encoding)).columns["text"] == ["café"]

    def test_without_a_header_columns_have_numbers(self, write: Write) -> None:
        path = write("1,good thing,x\n0,bad thing,y\n")
        rows = read_csv(path, wanted(header=False, columns={"text": 1, "label": -3}))
        assert rows.columns == {"text": ["good thing", "bad thing"], "label": ["1", "0"]}
        assert rows.lines == [1, 2]

    def test_numbers_work_beside_a_header(self, write: Write) -> None:
        path = write("a,b\nt,l\n")
        assert read_csv(path, wanted(columns={"text": 0, "label": "b"})).columns == {"text": ["t"], "label": ["l"]}

    def test_another_delimiter(self, write: Write) -> None:
        path = write('text;label\n"a;b";x,y\n')
        assert read_csv(path, wanted(delimiter=";")).columns == {"text": ["a;b"], "label": ["x,y"]}

    def test_a_book_fits_in_one_field(self, write: Write) -> None:
        limit = csv.field_size_limit()
        path = write(f"text,label\n{'word ' * 100_000},x\n")
        assert len(read_csv(path, wanted()).columns["text"][0]) == 500_000
        assert csv.field_size_limit() == limit

    def test_optional_columns_come_along_if_they_are_there(self, write: Write) -> None:
        path = write("id,text,label\n7,t,l\n")
        assert read_csv(path, wanted(optional=("id", "author"))).columns["id"] == ["7"]
        assert "author" not in read_csv(path, wanted(optional=("id", "author"))).columns

    def test_an_optional_column_that_is_named_must_be_there(self, write: Write) -> None:
        path = write("nr,text,label\n7,t,l\n")
        want = wanted(columns={"id": "number"})
        assert problems(read_csv, path, want) == [
            "data:1: no column 'number' for the field 'id': the columns are nr, text, label"
        ]

    def test_missing_columns_are_all_named_with_those_that_exist(self, write: Write) -> None:
        path = write("texts,lable\na,b\n")
        assert problems(read_csv, path, wanted()) == [
            "data:1: no column 'text' for the field 'text': the columns are texts, lable; did you mean 'texts'?",
            "data:1: no column 'label' for the field 'label': the columns are texts, lable; did you mean 'lable'?",
        ]

    def test_a_name_without_a_header_is_a_mistake(self, write: Write) -> None:
        path = write("a,b\n")
        found = problems(read_csv, path, wanted(header=False, columns={"label": 2}))
        assert found == [
            "data:1: no column 'text' for the field 'text': it has no header, so give its number",
            "data:1: no column 2: there are 2",
        ]

    def test_ragged_rows_are_all_named_by_their_first_line(self, write: Write) -> None:
        path = write('text,label\na\n"b\nb",x,y\nc,z\nd,\n,,\n')
        assert problems(read_csv, path, wanted()) == [
            "data:2: 1 columns where the first line has 2",
            "data:3: 3 columns where the first line has 2",
            "data:7: 3 columns where the first line has 2",
        ]

    def test_a_quote_that_never_closes_is_named_where_it_opens(self, write: Write) -> None:
        path = write('text,label\na,x\n"b,y\nc,z\nd,z\n')
        assert problems(read_csv, path, wanted()) == ["data:3: not valid: unexpected end of data"]

    def test_very_many_problems_are_counted(self, write: Write) -> None:
        path = write("text,label\n" + "a\n" * 100)
        found = problems(read_csv, path, wanted())
        assert len(found) == MAX_PROBLEMS + 1
        assert found[-1] == f"data:{MAX_PROBLEMS + 2}: and {100 - MAX_PROBLEMS} more problems in this file"

    def test_wrong_bytes_are_named_by_line_even_far_into_the_file(self, write: Write) -> None:
        path = write(b"text,label\n" + b"fine,x\n" * 3000 + b"caf\xe9,y\n" + b"fine,x\n" * 3000)
        assert problems(read_csv, path, wanted()) == [
            "data:3002: not utf-8 (byte 0xe9); set `encoding`: as cp1252 it reads 'café,y'"
        ]

    def test_utf_16_without_a_mark_is_said_to_be_wrong(self, write: Write) -> None:
        path = write("text,label\na,x\n".encode("utf-16-be"))
        (found,) = problems(read_csv, path, wanted(encoding="utf-16"))
        assert found.startswith("data: not utf-16")

    @pytest.mark.parametrize("encoding", ["klingon", "base64"])
    def test_an_unknown_encoding(self, write: Write, encoding: str) -> None:
        path = write("text,label\na,x\n")
        assert problems(read_csv, path, wanted(encoding=encoding)) == [f"data: unknown encoding {encoding!r}"]

    @given(rows=st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"), max_size=12)] * 2), max_size=6))
    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_what_the_csv_module_wrote_comes_back(self, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
        path = tmp_path / "round.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
            writer.writerows([("text", "label"), *rows])
        columns = read_csv(path, wanted()).columns
        assert list(zip(columns["text"], columns["label"], strict=True)) == rows


class TestTsv:
    def test_quotes_are_ordinary_characters(self, write: Write) -> None:
        path = write('text\tlabel\n"Unclosed, she said\tx\n 5" of rain \ty\n')
        columns = read_tsv(path, wanted()).columns
        assert columns == {"text": ['"Unclosed, she said', ' 5" of rain '], "label": ["x", "y"]}

    def test_a_tab_too_many_is_named(self, write: Write) -> None:
        path = write("text\tlabel\na\tb\tc\n")
        assert problems(read_tsv, path, wanted()) == ["data:2: 3 columns where the first line has 2"]


class TestJsonl:
    def test_values_keep_their_types_and_blank_lines_do_not_count(self, write: Write) -> None:
        path = write('\n{"text": "a\\r\\nb", "label": 1, "more": [1]}\n  \n{"label": true, "text": "c"}')
        rows = read_jsonl(path, wanted())
        assert rows.columns == {"text": ["a\r\nb", "c"], "label": [1, True]}
        assert rows.lines == [2, 4]

    def test_other_keys(self, write: Write) -> None:
        path = write('{"sentence": "a", "y": "b", "uid": 7}\n')
        rows = read_jsonl(path, wanted(columns={"text": "sentence", "label": "y", "id": "uid"}))
        assert rows.columns == {"text": ["a"], "label": ["b"], "id": [7]}

    def test_an_optional_key_that_is_named_must_be_there(self, write: Write) -> None:
        path = write('{"text": "a", "label": "b"}\n')
        found = problems(read_jsonl, path, wanted(columns={"id": "uid"}))
        assert found == ["data:1: no key 'uid': the keys are text, label"]

    def test_every_bad_line_is_named(self, write: Write) -> None:
        good = '{"text": "a", "label": "b"}\n'
        path = write(
            good + '{"text": "a",}\n' + "[1]\n" + '{"text": "a", "lable": "b"}\n' + good + "[" * 100_000 + "\n"
            f'{{"text": "a", "label": {"1" * 5000}}}\n' + '{"text": "\\ud83d", "label": "b"}\n'
        )
        found = problems(read_jsonl, path, wanted())
        assert found[0].startswith("data:2:14: not valid JSON: ")
        assert found[1:] == [
            "data:3: not a JSON object",
            "data:4: no key 'label': the keys are text, lable; did you mean 'lable'?",
            "data:6: not valid JSON: nested too deep",
            "data:7: not valid JSON: a number of too many digits",
            "data:8: not valid JSON: half of a surrogate pair",
        ]

    def test_gzip(self, write: Write) -> None:
        path = write(gzip.compress(b'{"text": "a", "label": "b"}\n'), "data.jsonl.gz")
        assert read_jsonl(path, wanted()).columns == {"text": ["a"], "label": ["b"]}

    def test_broken_gzip_is_said_to_be_broken(self, write: Write) -> None:
        whole = gzip.compress(b"".join(b'{"text": "%d", "label": "b"}\n' % i for i in range(2000)))
        damaged = whole[:60] + bytes(byte ^ 255 for byte in whole[60:90]) + whole[90:]
        for name, content in (("not.gz", b"plain"), ("cut.gz", whole[:-20]), ("damaged.gz", damaged)):
            (found,) = problems(read_jsonl, write(content, name), wanted())
            assert found.startswith(f"{name}: not a whole gzip file: ")


class TestConll:
    def test_spaces_and_four_columns(self, write: Write) -> None:
        path = write("EU NNP B-NP B-ORG\nrejects  VBZ B-VP   O\n\nPeter NNP B-NP B-PER \n")
        rows = read_conll(path, wanted(TAGGING))
        assert rows.columns["tokens"] == [["EU", "rejects"], ["Peter"]]
        assert rows.columns["tags"] == [["B-ORG", "O"], ["B-PER"]]
        assert rows.lines == [1, 4]

    def test_tabs_and_column_numbers(self, write: Write) -> None:
        path = write("1\tNew York\tB-LOC\tx\n2\tis\tO\ty\n")
        rows = read_conll(path, wanted(TAGGING, columns={"tokens": 1, "tags": 2}))
        assert rows.columns["tokens"] == [["New York", "is"]]
        assert rows.columns["tags"] == [["B-LOC", "O"]]

    def test_only_spaces_and_tabs_separate(self, write: Write) -> None:
        path = write("10\u00a0000 O\n\u2003 O\n\u200b O\n")
        assert read_conll(path, wanted(TAGGING)).columns["tokens"] == [["10\u00a0000", "\u2003", "\u200b"]]

    def test_documents_open_at_docstart_and_differ_between_files(self, write: Write) -> None:
        text = "-DOCSTART- -X- O\n\na X O\n\nb X O\n-DOCSTART- -X- O\nc X O\n"
        one, two = (read_conll(write(text, name), wanted(TAGGING)) for name in ("one.conll", "two.conll"))
        assert one.columns["tokens"] == [["a"], ["b"], ["c"]]
        first = one.columns["document"]
        assert first[0] == first[1] != first[2]
        assert not set(first) & set(two.columns["document"])

    def test_a_docstart_line_of_one_column(self, write: Write) -> None:
        assert read_conll(write("-DOCSTART-\n\na O\n"), wanted(TAGGING)).columns["tokens"] == [["a"]]

    def test_lines_of_blanks_end_a_sentence(self, write: Write) -> None:
        path = write("a O\r\n  \r\nb O\r\n\t\r\nc O\r\n")
        assert read_conll(path, wanted(TAGGING)).columns["tokens"] == [["a"], ["b"], ["c"]]

    def test_uneven_lines_are_all_named(self, write: Write) -> None:
        path = write("a X O\nb O\n\nc X O Y\n")
        assert problems(read_conll, path, wanted(TAGGING)) == [
            "data:2: 2 columns where the first token has 3",
            "data:4: 4 columns where the first token has 3",
        ]

    def test_a_file_of_one_column_has_no_tags(self, write: Write) -> None:
        found = problems(read_conll, write("a\nb\n"), wanted(TAGGING))
        assert found == ["data:1: only one column", "data:2: only one column"]

    def test_a_column_that_is_not_there(self, write: Write) -> None:
        found = problems(read_conll, write("a O\n"), wanted(TAGGING, columns={"tags": 4}))
        assert found == ["data:1: no column 4: there are 2"]

    def test_a_column_has_no_name(self, write: Write) -> None:
        (found,) = problems(read_conll, write("a O\n"), wanted(TAGGING, columns={"tags": "ner"}))
        assert "conll columns are numbers" in found


class TestInlineEntities:
    def test_entities_documents_and_topics(self, write: Write) -> None:
        first = "# doc a01 health research\n[ORG Bank of England] rose .\nIt fell .\n"
        path = write(f"{first}\n# doc b2\n[PER Ada][LOC Ur]\n")
        rows = read_inline_entities(path, wanted(TAGGING))
        assert rows.columns == {
            "tokens": [["Bank", "of", "England", "rose", "."], ["It", "fell", "."], ["Ada", "Ur"]],
            "tags": [["B-ORG", "I-ORG", "I-ORG", "O", "O"], ["O", "O", "O"], ["B-PER", "B-LOC"]],
            "document": ["a01", "a01", "b2"],
            "topic": ["health research", "health research", ""],
        }
        assert rows.lines == [2, 3, 6]

    @pytest.mark.parametrize(
        ("line", "column"), [("a [ORG Acme", 3), ("a] b", 2), ("[ORG [LOC Ur] Co]", 1), ("[ORG]", 1), ("[]", 1)]
    )
    def test_a_bracket_out_of_place_is_named(self, write: Write, line: str, column: int) -> None:
        found = problems(read_inline_entities, write(f"Fine .\n{line}\n"), wanted(TAGGING))
        assert found == [f"data:2:{column}: unbalanced bracket"]


class TestParquet:
    def parquet(self, write: Write, **columns: Any) -> Path:
        stream = io.BytesIO()
        pq.write_table(pa.table(columns), stream)
        return write(stream.getvalue(), "data.parquet")

    def test_only_wanted_columns_are_read(self, write: Write) -> None:
        path = self.parquet(write, more=[1, 2], label=["x", "y"], text=["a", "b"])
        rows = read_parquet(path, wanted())
        assert rows.columns == {"text": ["a", "b"], "label": ["x", "y"]}
        assert rows.lines == range(1, 3)

    def test_lists_dictionaries_and_other_names(self, write: Write) -> None:
        label = pa.array([["O", "B-X"]], pa.list_(pa.string()))
        path = self.parquet(write, words=[["a", "b"]], ner=label, uid=pa.array(["u"]).dictionary_encode())
        rows = read_parquet(path, wanted(TAGGING, columns={"tokens": "words", "tags": "ner", "id": "uid"}))
        assert rows.columns == {"tokens": [["a", "b"]], "tags": [["O", "B-X"]], "id": ["u"]}

    def test_columns_by_number(self, write: Write) -> None:
        path = self.parquet(write, a=["t"], b=["x"], c=["l"])
        assert read_parquet(path, wanted(columns={"text": 0, "label": -1})).columns == {"text": ["t"], "label": ["l"]}

    @pytest.mark.parametrize("column", ["lable", 7, -4])
    def test_a_missing_column_is_named(self, write: Write, column: str | int) -> None:
        path = self.parquet(write, text=["t"], label=["x"])
        (found,) = problems(read_parquet, path, wanted(columns={"label": column}))
        assert found.startswith(f"data.parquet: no column {str(column)!r}: the columns are text, label")

    def test_a_named_optional_column_must_be_there(self, write: Write) -> None:
        path = self.parquet(write, text=["t"], label=["x"])
        (found,) = problems(read_parquet, path, wanted(columns={"id": "uid"}))
        assert found.startswith("data.parquet: no column 'uid'")

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 not parquet PAR1"])
    def test_what_is_not_parquet(self, write: Write, content: bytes) -> None:
        (found,) = problems(read_parquet, write(content, "data.parquet"), wanted())
        assert found.startswith("data.parquet: not a readable parquet file: ")


def test_an_empty_file_gives_no_rows(write: Write) -> None:
    for read, fields in ((read_csv, CLASSIFICATION), (read_jsonl, CLASSIFICATION), (read_conll, TAGGING)):
        assert len(read(write(""), wanted(fields))) == 0


text_and_label = st.fixed_dictionaries({"text": st.text(st.characters(codec="utf-8")), "label": st.integers()})


@given(st.lists(text_and_label, min_size=1))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_json_wrote_comes_back(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "round.jsonl"
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_bytes(content.encode())
    columns = read_jsonl(path, wanted()).columns
    assert [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] == records
