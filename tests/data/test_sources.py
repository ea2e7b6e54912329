"""Archives, encodings, JSON and spans: what is inside comes out whole, and what cannot be read is named."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from fmbench.data.dataset import Dataset
from fmbench.data.formats import Wanted
from fmbench.data.rows import Rows
from fmbench.errors import InputError
from fmbench.registry import FORMATS
from fmbench.tasks.tags import iob2, spans

Load = Callable[..., Dataset]
FIELDS = {"conll": ("tokens", "tags"), "inline-entities": ("tokens", "tags"), "span-jsonl": ("tokens", "tags")}
OURS = ("csv", "tsv", "jsonl", "json", "conll", "parquet", "inline-entities", "span-jsonl")
CSV = "text,label\n" + "".join(f"text {i},{'xy'[i % 2]}\n" for i in range(40))


def pack(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("archive", ["d.tar", "d.tar.gz", "d.tgz"])
@pytest.mark.parametrize("member", ["inner/a.csv", "inner/a.csv.gz"])
def test_a_member_of_an_archive_is_a_file(tmp_path: Path, load: Load, archive: str, member: str) -> None:
    content = CSV.encode()
    pack(tmp_path / archive, {f"./{member}": gzip.compress(content) if member.endswith(".gz") else content})
    (tmp_path / "a.csv").write_text(CSV)
    assert (
        load({"files": {"train": f"{archive}//{member}"}}).fingerprint
        == load({"files": {"train": "a.csv"}}).fingerprint
    )
    with pytest.raises(InputError, match=r"holds no file 'inner/b.csv.*; did you mean 'inner/a.csv"):
        load({"files": {"train": f"{archive}//{member.replace('a.', 'b.')}"}})


def test_a_broken_archive_is_named(tmp_path: Path, load: Load) -> None:
    (tmp_path / "d.tar.gz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a whole tar archive"):
        load({"files": {"train": "d.tar.gz//a.csv"}})


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("café olé, señor", "cp1252"),
        ("这是我们的国家和他们的人民在一起的时候", "gb18030"),
        ("這是我們的國家和他們的人民在一起的時候", "big5"),
        ("これはわたしたちのことばです", "shift_jis"),
        ("우리는 그 나라의 사람들과 함께 있었다", "euc_kr"),
        ("это было написано по русски", "cp1251"),
        ("plain text", "utf-16"),
    ],
)
def test_a_wrong_encoding_is_named_with_the_likely_one(tmp_path: Path, load: Load, text: str, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(f"text,label\n{text},x\n".encode(encoding))
    with pytest.raises(InputError) as caught:
        load({"files": {"train": "a.csv"}})
    said = str(caught.value)
    assert "not utf-8 (byte 0x" in said and encoding in said
    if encoding != "utf-16":
        assert text[:6] in said


def test_mixed_encodings_are_said_to_be_mixed(tmp_path: Path, load: Load) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\nüber,x\n".encode() + "naïve café,y\n".encode("cp1252"))
    with pytest.raises(
        InputError, match=r"a.csv:3: not utf-8 .*the file mixes encodings; as cp1252 it reads 'naïve café,y'"
    ):
        load({"files": {"train": "a.csv"}})


@pytest.mark.parametrize("keyed", [False, True])
def test_json_lists_and_records_by_id(tmp_path: Path, load: Load, keyed: bool) -> None:
    rows = [{"text": f"text {i}", "label": "xy"[i % 2]} for i in range(40)]
    content: Any = {f"r{i}": row for i, row in enumerate(rows)} if keyed else rows
    (tmp_path / "a.json").write_text(json.dumps(content, indent=1))
    data = load({"files": {"train": "a.json"}})
    assert sum(data.rows.values()) == 40
    assert data.train["id"][0].as_py().startswith("r" if keyed else "train-")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[\n{"text": "a", "label": "x"},\n{"text": "a"}\n]', r"a.json:3: no key 'label'"),
        (
            '{"a": {"text": "a", "label": "x"},\n "a": {"text": "b", "label": "x"}}',
            r"a.json:1: the key 'a' stands twice",
        ),
        ('{"data": [1]}', "the value of 'data' is no object"),
        ("7", "a list of objects, or id -> object, is expected"),
        ('[{"text": }]', r"a.json:1:11: not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, load: Load, content: str, said: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=said):
        load({"files": {"train": "a.json"}})


def read_spans(tmp_path: Path, *rows: dict[str, Any], **more: Any) -> Rows:
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FORMATS["span-jsonl"](tmp_path / "s.jsonl", Wanted(("tokens", "tags"), **more))  # type: ignore[no-any-return]


def test_spans_become_tags_in_every_notation(tmp_path: Path) -> None:
    text = "Ada met Bo Li."
    expected = ["B-PER", "O", "B-PER", "I-PER", "O"]
    for spans_ in (
        {"label": {"PER": {"Ada": [[0, 2]], "Bo Li": [[8, 12]]}}},
        {"label": [[0, 3, "PER"], [8, 13, "PER"]]},
        {"entities": [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 13, "label": "PER"}]},
    ):
        rows = read_spans(tmp_path, {"text": text, **spans_})
        assert rows.columns["tokens"] == [["Ada", "met", "Bo", "Li", "."]]
        assert rows.columns["tags"] == [expected]
    rows = read_spans(tmp_path, {"text": "在北京AB", "label": [[1, 3, "LOC"]]}, characters=True)
    assert rows.columns == {"tokens": [list("在北京AB")], "tags": [["O", "B-LOC", "I-LOC", "O", "O"]]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "Adam", "label": [[0, 3, "PER"]]}, "ends inside of a token; set `characters: true`"),
        ({"text": "Ada", "label": [[0, 9, "PER"]]}, "outside of the text, which has 3 characters"),
        ({"text": "Ada", "label": {"PER": {"Bob": [[0, 2]]}}}, "characters 0 to 2 are 'Ada', not 'Bob'"),
        ({"text": "Ada", "label": [[0, "x", "PER"]]}, "not a span"),
        ({"text": "Ada", "label": 3}, "neither a list nor an object"),
        ({"text": 3, "label": []}, "the text is not a string"),
    ],
)
def test_spans_that_do_not_fit_are_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_spans(tmp_path, row)


@pytest.mark.data
def test_cluener_comes_whole(public_data: Path) -> None:
    for split, n, entities in (("train", 10748, 23971 - 2), ("dev", 1343, 3072)):
        path = public_data / "cluener2020" / f"{split}.json.gz"
        rows = FORMATS["span-jsonl"](path, Wanted(("tokens", "tags"), characters=True))
        assert len(rows) == n
        assert sum(len(spans(tags)) for tags in rows.columns["tags"]) == entities
        assert len(rows.notes) == (split == "train")


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "scheme"),
    [("conll2003-en/eng.testb.gz", IOB1), ("ncbi-disease/test.tsv", IOB2), ("resume-ner-zh/test.char.bmes", IOBES)],
)
def test_entities_of_real_files_are_those_of_seqeval(public_data: Path, file: str, scheme: Any) -> None:
    path = public_data / file
    if not path.is_file():
        path = next((public_data / file.split("/")[0]).glob("test*"))
    tags = FORMATS["conll"](path, Wanted(("tokens", "tags"))).columns["tags"]
    assert sum(map(len, tags)) > 10_000
    if scheme is IOBES:  # seqeval has no M; within an entity it is what I is in IOBES
        tags = [[f"I{tag[1:]}" if tag.startswith("M-") else tag for tag in one] for one in tags]
    theirs = [{(e.tag, e.start, e.end) for e in one} for one in Entities(tags, scheme).entities]
    assert [set(spans(one)) for one in tags] == theirs


TYPES = st.sampled_from(["A", "B"])
entities = st.lists(st.tuples(TYPES, st.integers(1, 3), st.integers(0, 2)), max_size=5)


@given(entities)
def test_every_scheme_gives_the_entities_that_it_was_written_from(drawn: list[tuple[str, int, int]]) -> None:
    found, at = [], 0
    for type_, length, gap in drawn:
        found.append((type_, at + gap, at + gap + length))
        at += gap + length
    at += 1
    plain = iob2(found, at)
    written: dict[str, list[str]] = {
        "IOB2": plain,
        "IOB1": list(plain),
        "BIOES": list(plain),
        "BILOU": list(plain),
        "BMES": list(plain),
    }
    for i, (type_, start, end) in enumerate(found):
        if not (i and found[i - 1][0] == type_ and found[i - 1][2] == start):
            written["IOB1"][start] = f"I-{type_}"
        for scheme, last, single, inner in (
            ("BIOES", "E", "S", "I"),
            ("BILOU", "L", "U", "I"),
            ("BMES", "E", "S", "M"),
        ):
            written[scheme][start + 1 : end] = [f"{inner}-{type_}"] * (end - start - 1)
            written[scheme][end - 1] = f"{last if end - start > 1 else single}-{type_}"
    for scheme, tags in written.items():
        assert spans(tags) == found, scheme
    assert [(t, s, e + 1) for t, s, e in get_entities(written["IOB2"])] == found
    for scheme, kind in (("IOB2", IOB2), ("BIOES", IOBES), ("BILOU", BILOU), ("IOB1", IOB1)):
        theirs = {(e.tag, e.start, e.end) for one in Entities([written[scheme]], kind).entities for e in one}
        assert theirs == set(found), scheme


SOME = (st.text(max_size=60), st.text('text,labe"[]{}:\\ \t\n0O-', max_size=60))


@pytest.mark.parametrize("format", OURS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=80), *(text.map(str.encode) for text in SOME)), packed=st.booleans())
def test_no_bytes_give_a_traceback(tmp_path: Path, format: str, content: bytes, packed: bool) -> None:
    path = tmp_path / ("fuzz.gz" if packed else "fuzz")
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        rows = FORMATS[format](path, Wanted(FIELDS.get(format, ("text", "label"))))
    except InputError as error:
        assert error.problems and all(problem.place and problem.place.file == str(path) for problem in error.problems)
    else:
        assert {len(values) for values in rows.columns.values()} == {len(rows)}
        assert rows.lines is None or len(rows.lines) == len(rows)


LINES = [
    '{"text": "a", "label": "x"}',
    '{"text": "b"}',
    "[]",
    "{",
    '{"label": 1, "text": "c", "more": 2}',
    "7",
    '{"text": "d", "label": null}',
]


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=30))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_is_a_row_or_a_problem(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    good = Counter(line in (LINES[0], LINES[4], LINES[6]) for line in lines)
    try:
        rows = FORMATS["jsonl"](path, Wanted(("text", "label")))
    except InputError as error:
        shown, last = error.problems[:20], str(error.problems[-1])
        more = int(last.split("and ")[1].split()[0]) if len(error.problems) > 20 else 0
        assert len(shown) + more == good[False]
    else:
        assert good[False] == 0 and len(rows) == good[True]
