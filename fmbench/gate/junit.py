"""A verdict as JUnit XML: a test case for each check, a failure for a regression, skipped where it is undecided."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from fmbench.gate import text
from fmbench.gate.verdict import Check, Verdict

NUMBERS = ("base", "new", "change", "low", "high", "margin", "p", "adjusted", "n", "detectable", "needed")


def junit(verdict: Verdict) -> bytes:
    """The XML, with what could not be compared as errors."""
    suite = ET.Element(
        "testsuite",
        name=_valid(f"fmbench gate {verdict.suite}"),
        tests=str(len(verdict.checks) + len(verdict.refused)),
        failures=str(len(verdict.of("regression"))),
        errors=str(len(verdict.refused)),
        skipped=str(len(verdict.of("inconclusive"))),
    )
    for check in verdict.checks:
        _case(suite, verdict, check)
    for one in verdict.refused:
        case = ET.SubElement(suite, "testcase", classname=_valid(verdict.suite), name=_valid(one.what))
        ET.SubElement(case, "error", message=_valid(one.why))
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
    if check.outcome == "regression":
        failure = ET.SubElement(case, "failure", message=message)
        failure.text = _valid("\n".join(text.flip(one) for one in check.flips))
    elif check.outcome == "inconclusive":
        ET.SubElement(case, "skipped", message=message)


def _valid(content: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", content)
