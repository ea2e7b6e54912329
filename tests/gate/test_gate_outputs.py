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
from fmbench.gate.text import remarks, summary
from fmbench.gate.verdict import Cells, Check, Flip, Part, Policy, Refused, Verdict, worst_first

NASTY = "a|b`c<script>,::error::%0A\x1b[31m\nx"
FLIP = Flip("id|1", 0, True, gold="good", base="good", new=NASTY)
BAD = Check(
    Cells("task", NASTY, "fit"), "quality", "accuracy", "regression", 0.9, 0.85, -0.05, -0.07, -0.03, 0.05, 0.01, 1000,
    p=1e-9, adjusted=1e-8, lost=60, gained=10, flips=(FLIP,), method="McNemar exact, Tango",
)  # fmt: skip
GOOD = replace(BAD, outcome="pass", change=0.0, worse=0.0, low=0.0, high=0.0, method="identical", flips=())
LACKING = Part(Cells("t", "m", "a"), (0,))
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
        (verdict(GOOD, absent=(LACKING,)), 0, 3, 0),
        (verdict(UNSURE, absent=(LACKING,)), 0, 3, 4),
        (verdict(GOOD, BAD, absent=(LACKING,)), 1, 1, 1),
        (verdict(GOOD, base_failed=(LACKING,), only_new=(LACKING,)), 0, 0, 0),
    ],
)
def test_every_output_agrees_with_the_exit_code(given: Verdict, plain: int, strict: int, fail: int) -> None:
    words = {1: ("regression",), 3: ("not measured",), 4: ("inconclusive",), 0: ("pass", "inconclusive")}
    for policy, code in ((Policy(), plain), (Policy(strict=True), strict), (Policy(inconclusive="fail"), fail)):
        judged = replace(given, policy=policy)
        assert judged.exit_code == code
        assert judged.word() in words[code]
        assert document(judged, code)["verdict"] == judged.word()
        assert markdown(judged).startswith(f"### fmbench gate: {judged.word()}: ")
        suite = ET.fromstring(junit(judged)).find("testsuite")
        assert suite is not None
        found = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
        assert found["tests"] == len(suite.findall("testcase"))
        assert bool(found["failures"] + found["errors"]) == bool(code)
        if code in (1, 4):
            assert found["failures"]
        if code == 3:
            assert found["errors"]
        assert any(line.startswith("::error") for line in annotation_lines(judged)) == bool(code)


def test_what_is_undecided_looks_like_a_failure_where_it_is_one() -> None:
    warned = verdict(UNSURE)
    failed = replace(warned, policy=Policy(inconclusive="fail"))
    assert "⚠️ inconclusive" in markdown(warned)
    assert "❌ inconclusive" in markdown(failed)
    assert summary(warned).startswith("inconclusive: 0 regressions, 1 inconclusive, 0 passed")
    assert summary(failed).startswith("inconclusive: 0 regressions, 1 inconclusive (fails), 0 passed")
    assert annotation_lines(warned)[0].startswith("::warning ")
    assert 'failure message="90.0' in junit(failed).decode()
    assert document(failed, 4)["policy"] == {"strict": False, "inconclusive": "fail"}


def test_what_one_side_lacks_is_a_remark_and_a_test_case_of_its_own() -> None:
    cells = Cells("t", "m", "a")
    given = verdict(
        GOOD,
        absent=(Part(cells, (1, 2), whole=False),),
        base_failed=(Part(replace(cells, model="broken"), (0,), why="out of\nmemory"),),
        only_new=(Part(replace(cells, model="added"), (0, 1, 2)),),
    )
    assert remarks(given) == [
        "not run in new: t/m[a] (seeds 1, 2)",
        "failed in the base, nothing to compare with: t/broken[a]: out of memory",
        "only in new, nothing to compare with: t/added[a]",
    ]
    assert [line.split(" ")[0] for line in annotation_lines(given)] == ["::notice"] * 3
    names = {case.attrib["name"]: [part.tag for part in case] for case in ET.fromstring(junit(given)).iter("testcase")}
    assert [names[name] for name in ("t/m[a] (seeds 1, 2)", "t/broken[a]", "t/added[a]")] == [["skipped"]] * 3
    content = document(given, 0)
    assert content["absent"] == [
        {"task": "t", "model": "m", "adaptation": "a", "seeds": [1, 2], "whole": False, "why": ""}
    ]
    assert content["base_failed"][0]["why"] == "out of\nmemory"
    assert content["only_new"][0]["model"] == "added"
    assert content["remarks"] == remarks(given)
    strict = replace(given, policy=Policy(strict=True))
    assert remarks(strict)[0] == "not run in new, which fails under --strict: t/m[a] (seeds 1, 2)"
    assert [line.split(" ")[0] for line in annotation_lines(strict)] == ["::error", "::notice", "::notice"]


def test_a_remark_names_twenty_cells_and_counts_the_rest() -> None:
    given = verdict(GOOD, absent=tuple(Part(Cells("t", f"m{i}", "a"), (0,)) for i in range(25)))
    assert "t/m19[a]; and 5 more" in remarks(given)[0]
    assert "t/m20" not in remarks(given)[0]
    assert len(document(given, 0)["absent"]) == 25


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
