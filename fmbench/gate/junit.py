"""A verdict as JUnit XML: a test case for each check and for what was not compared.

What is enough to end the gate with 1 or 4 is a failure, with 3 an error; the rest that is not a pass is skipped.
"""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from fmbench.gate import text
from fmbench.gate.verdict import Check, Verdict

NUMBERS = ("base", "new", "change", "low", "high", "margin", "p", "adjusted", "n", "detectable", "needed")


def junit(verdict: Verdict) -> bytes:
    """The XML; its suite counts failures, errors and skipped cases."""
    suite = ET.Element("testsuite", name=_valid(f"fmbench gate {verdict.suite}"))
    for check in verdict.checks:
        _case(suite, verdict, check)
    for refused in verdict.refused:
        _without_check(suite, verdict, refused.what, "error", refused.why)
    for one in text.unmatched(verdict):
        result = "error" if one.fails else "skipped"
        for part in one.parts:
            _without_check(suite, verdict, str(part), result, f"{one.why}: {part.why}" if part.why else one.why)
        if not one.parts:
            _without_check(suite, verdict, verdict.suite, result, one.why)
    suite.set("tests", str(len(suite)))
    for result, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{result}"))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _case(suite: ET.Element, verdict: Verdict, check: Check) -> None:
    case = ET.SubElement(suite, "testcase", classname=_valid(verdict.suite), name=_valid(check.name))
    properties = ET.SubElement(case, "properties")
    for name in NUMBERS:
        value = getattr(check, name)
        if value is not None and not (isinstance(value, float) and math.isnan(value)):
            ET.SubElement(properties, "property", name=name, value=f"{value:.6g}")
    message = _valid(text.sentence(check))
    if verdict.fails(check):
        failure = ET.SubElement(case, "failure", message=message, type=check.outcome)
        failure.text = _valid("\n".join(text.flip(one) for one in check.flips))
    elif check.outcome == "inconclusive":
        ET.SubElement(case, "skipped", message=message)


def _without_check(suite: ET.Element, verdict: Verdict, name: str, result: str, message: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=_valid(verdict.suite), name=_valid(name))
    ET.SubElement(case, result, message=_valid(message))


def _valid(content: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", content)
