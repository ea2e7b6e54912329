"""Outputs of a verdict: names and answers that look like markup stay text, and every format says the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from fmbench.errors import Place
from fmbench.gate.document import document, to_json
from fmbench.gate.github import MOST, SUMMARY_BYTES, annotation_lines, summary_of
from fmbench.gate.junit import junit
from fmbench.gate.markdown import markdown
from fmbench.gate.verdict import Cells, Check, Flip, Refused, Verdict, worst_first

NASTY = "a|b`c<script>,::error::%0A\x1b[31m\nx"
FLIP = Flip("id|1", 0, True, gold="good", base="good", new=NASTY)
BAD = Check(
    Cells("task", NASTY, "fit"), "quality", "accuracy", "regression", 0.9, 0.85, -0.05, -0.07, -0.03, 0.05, 0.01, 1000,
    p=1e-9, adjusted=1e-8, lost=60, gained=10, flips=(FLIP,), method="McNemar exact, Tango",
)  # fmt: skip
GOOD = replace(BAD, outcome="pass", change=0.0, worse=0.0, low=0.0, high=0.0, method="identical", flips=())
UNSURE = replace(BAD, outcome="inconclusive", worse=0.005, detectable=0.02, needed=4000)


def verdict(*checks: Check, **others: object) -> Verdict:
    return Verdict("suite", "base", "new", checks, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "plain", "strict", "fail"),
    [
        (verdict(GOOD), 0, 0, 0),
        (verdict(GOOD, BAD), 1, 1, 1),
        (verdict(GOOD, UNSURE), 0, 4, 4),
        (verdict(BAD, UNSURE, refused=(Refused("x", "y"),)), 1, 1, 1),
        (verdict(GOOD, refused=(Refused("x", "y"),)), 3, 3, 3),
        (verdict(UNSURE, refused=(Refused("x", "y"),)), 3, 3, 3),
        (verdict(), 3, 3, 3),
        (verdict(GOOD, absent=(Cells("t", "m", "a"),)), 0, 3, 0),
    ],
)
def test_exit_codes(given: Verdict, plain: int, strict: int, fail: int) -> None:
    assert given.exit_code() == plain
    assert given.exit_code(strict=True) == strict
    assert given.exit_code(inconclusive="fail") == fail


def test_the_worst_comes_first() -> None:
    worse = replace(BAD, worse=0.2)
    assert worst_first([GOOD, UNSURE, BAD, worse]) == [worse, BAD, UNSURE, GOOD]


def test_markdown_keeps_its_table_whatever_names_hold() -> None:
    text = markdown(verdict(BAD, GOOD))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 4
    bars = [line.replace("\\|", "").count("|") for line in rows]
    assert len(set(bars)) == 1, rows
    assert "<script>" not in text
    assert "-5.00 \\[" not in text


def test_junit_is_valid_xml_with_a_failure_and_a_skip() -> None:
    root = ET.fromstring(junit(verdict(BAD, UNSURE, GOOD, refused=(Refused("x", "crashed"),))))
    suite = root.find("testsuite")
    assert suite is not None
    assert {key: suite.attrib[key] for key in ("tests", "failures", "skipped", "errors")} == {
        "tests": "4", "failures": "1", "skipped": "1", "errors": "1",
    }  # fmt: skip
    failure = next(root.iter("failure"))
    assert "90.0 -> 85.0, change -5.00 points [-7.00, -3.00], margin 1.00 points" in failure.attrib["message"]
    skipped = next(root.iter("skipped"))
    assert "some 4,000 examples would settle it" in skipped.attrib["message"]


def test_annotations_are_one_line_each_and_at_most_ten() -> None:
    lines = annotation_lines(verdict(*[BAD] * 12, UNSURE), {"task": Place("s,uite.yaml", 7)})
    assert len(lines) == MOST
    assert all("\n" not in line for line in lines)
    assert lines[0].startswith("::error file=s%2Cuite.yaml,line=7,title=fmbench regression%3A task/")
    assert lines[0].split("title=")[1].split("::")[0].count(",") == 0


def test_a_long_summary_is_cut_below_the_limit() -> None:
    assert summary_of("short\n") == "short\n"
    cut = summary_of("ä line\n" * 200_000)
    assert len(cut.encode()) < SUMMARY_BYTES + 200
    assert cut.endswith("JSON and JUnit files\n")


def test_json_has_null_for_what_is_undefined() -> None:
    found = json.loads(to_json(verdict(GOOD), 0))
    assert found["checks"][0]["detectable"] is None
    assert math.isnan(GOOD.detectable)
    assert document(verdict(BAD), 1)["verdict"] == "regression"


def test_refusals_do_not_push_regressions_out() -> None:
    lines = annotation_lines(verdict(UNSURE, BAD, refused=(Refused("x", "crashed"),) * 12))
    assert "regression" in lines[0]
    assert lines[1].startswith("::error title=fmbench x")
