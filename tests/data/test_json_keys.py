"""A key that stands twice in a JSON object is an error with its line: no value is dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmbench.data.formats import Wanted
from fmbench.data.json_files import STRICT, KeyTwice, json_value, read_json, read_jsonl
from fmbench.errors import InputError

FIELDS = ("text", "label")


def told(path: Path, content: str, read: Any, **settings: Any) -> list[str]:
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read(path, Wanted(FIELDS, **settings)) if read is not json_value else read(path)
    return [str(problem).replace(str(path), path.name) for problem in error.value.problems]


def test_every_line_with_a_key_twice_is_named(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "label": "x"}',
        '{"text": "a", "label": "x", "text": "b"}',
        '{"text" : "a: b", "label" : "x", "label": "y"}',
        '  {"text": "at 10:30", "label": "x", "more": {"k": 1, "k": 1}}',
        '{"text": "a", "l\\u0061bel": "x", "label": "x"}',
    ]
    assert told(tmp_path / "d.jsonl", "\n".join(lines) + "\n", read_jsonl) == [
        "d.jsonl:2: the key 'text' stands twice in one object",
        "d.jsonl:3: the key 'label' stands twice in one object",
        "d.jsonl:4: the key 'k' stands twice in one object",
        "d.jsonl:5: the key 'label' stands twice in one object",
    ]


def test_the_same_key_in_different_objects_and_colons_in_texts_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "\\"text\\": : :", "label": {"text": 1, "label": {"text": 2}}}\n')
    assert read_jsonl(path, Wanted(FIELDS)).columns["text"] == ['"text": : :']


def test_lists_mappings_and_parts_of_a_json_file(tmp_path: Path) -> None:
    path, good, bad = tmp_path / "d.json", '{"text": "a", "label": "x"}', '{"text": "a", "label": "x", "text": ""}'
    twice = "the key 'text' stands twice in one object"
    assert told(path, f"[{good},\n{bad},\n{bad}]", read_json) == [f"d.json:2: {twice}", f"d.json:3: {twice}"]
    assert told(path, f'{{"1": {good},\n"2": {bad}}}', read_json) == [f"d.json:2: {twice}"]
    assert told(path, f'{{"dev": [{bad}],\n"test":\n[{bad}]}}', read_json, within="test") == [f"d.json:3: {twice}"]


def test_a_part_that_stands_twice(tmp_path: Path) -> None:
    content = '{"test": [{"text": "a", "label": "x"}],\n"train": [],\n"test": []}'
    found = told(tmp_path / "d.json", content, read_json, within="test")
    assert found == ["d.json:3: the key 'test' stands twice in one object"]


def test_a_mapping_of_ids(tmp_path: Path) -> None:
    assert told(tmp_path / "ids.json", '{"1": "a", "1": "b"}', json_value) == [
        "ids.json: the key '1' stands twice in one object"
    ]


class Pairs(list):  # type: ignore[type-arg]
    """An object as it is written, keys and values in a row."""


trees = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(st.text(max_size=2), inner), max_size=4).map(Pairs),
    max_leaves=12,
)


def written(tree: Any, colon: str) -> str:
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}{colon}{written(value, colon)}" for key, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(written(value, colon) for value in tree) + "]"
    return json.dumps(tree)


def any_twice(tree: Any) -> bool:
    if isinstance(tree, Pairs):
        return len({key for key, _ in tree}) < len(tree) or any(any_twice(value) for _, value in tree)
    return isinstance(tree, list) and any(any_twice(value) for value in tree)


@given(trees, st.sampled_from([":", ": ", " : "]))
def test_it_is_found_in_any_json_and_only_there(tree: Any, colon: str) -> None:
    content = written(tree, colon)
    if any_twice(tree):
        with pytest.raises(KeyTwice):
            STRICT.decode(content)
    else:
        assert STRICT.decode(content) == json.loads(content)
