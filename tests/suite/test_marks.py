from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fmbench.errors import InputError
from fmbench.suite.marks import MAX_DEPTH, parse_yaml, plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("-0.25", -0.25),
        ("17", 17),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("+3", 3),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        ("-", "-"),
        ("１", "１"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1" * 5000, math.inf),
        ("tRue", "tRue"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(plain_scalar(".nan"))


@pytest.mark.parametrize("text", ["3", "true", "null", "5e-4", "~", ""])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_scalars_stay_strings(text: str, quote: str) -> None:
    assert parse_yaml(f"a: {quote}{text}{quote}\n", "f").value == {"a": text}


def test_keys_are_always_strings() -> None:
    assert parse_yaml("{1: a, true: b, null: c, 1.5: d}", "f").value == {"1": "a", "true": "b", "null": "c", "1.5": "d"}


def test_an_empty_value_is_none() -> None:
    assert parse_yaml("a:\nb: ''\n", "f").value == {"a": None, "b": ""}


def test_places_of_keys_and_values() -> None:
    document = parse_yaml("# first\na:\n  - x\n  - {b: 1, c:  [2, 3]}\nd: e\n", "f.yaml")
    assert str(document.place(("a",), key=True)) == "f.yaml:2:1"
    assert str(document.place(("a",))) == "f.yaml:3:3"
    assert str(document.place(("a", 0))) == "f.yaml:3:5"
    assert str(document.place(("a", 1, "c"), key=True)) == "f.yaml:4:12"
    assert str(document.place(("a", 1, "c", 1))) == "f.yaml:4:20"
    assert str(document.place(("d",))) == "f.yaml:5:4"
    assert str(document.place()) == "f.yaml:2:1"


def test_what_has_no_place_gets_that_of_its_nearest_parent() -> None:
    document = parse_yaml("a:\n  b: {c: 1}\n", "f")
    assert document.place(("a", "b", "nothing", "at", "all")) == document.place(("a", "b"))
    assert document.place(("nothing",), key=True) == document.place()


def test_a_byte_order_mark_and_windows_line_ends_change_no_place() -> None:
    document = parse_yaml("a: 1\r\nb: 2\r\n", "f")
    assert document.value == {"a": 1, "b": 2}
    assert str(document.place(("b",), key=True)) == "f:2:1"


def test_an_alias_is_a_copy_with_its_own_place_in_the_tree() -> None:
    document = parse_yaml("a: &x {k: 1}\nb: *x\n", "f")
    assert document.value == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.value["a"] is not document.value["b"]


def test_all_duplicate_keys_and_tags_are_told_at_once() -> None:
    with pytest.raises(InputError) as error:
        parse_yaml("a: 1\na: 2\nb: !!int '3'\nc: !mine x\n", "f")
    assert [str(problem.place) for problem in error.value.problems] == ["f:2:1", "f:3:4", "f:4:4"]


@pytest.mark.parametrize("extra", [0, 1])
def test_nesting_is_limited(extra: int) -> None:
    text = "[" * (MAX_DEPTH + extra) + "]" * (MAX_DEPTH + extra)
    if extra:
        with pytest.raises(InputError, match="nested more than"):
            parse_yaml(text, "f")
    else:
        assert str(parse_yaml(text, "f").value) == text


def stays_a_string(text: str) -> bool:
    return plain_scalar(text) == text


characters = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], exclude_characters="\ufeff\u2028\u2029")
words = st.text(characters, max_size=12).filter(stays_a_string)
scalars = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | words
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(values, st.booleans())
def test_reads_back_what_yaml_dumps(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    assert parse_yaml(text, "f").value == value


@given(st.text(characters | st.sampled_from("[]{}:-#&*!|>'\"%@`, \n\t"), max_size=40))
def test_any_text_is_a_document_or_bad_input(text: str) -> None:
    try:
        document = parse_yaml(text, "f")
    except InputError as error:
        assert error.problems
        assert all(problem.place is not None and problem.place.line for problem in error.problems)
    else:
        assert () in document.values
