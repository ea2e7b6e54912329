"""A view as CSV, JSON, Markdown and LaTeX: byte for byte what the page's buttons save (board.js)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from fmbench.leaderboard.selection import Selected, plain

VIEW_SCHEMA = "fmbench.view/1"
Value = float | int | str | None
_TEX = {"\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#", "_": "\\_", "%": "\\%",
        "^": "\\^{}", "~": "\\~{}", "–": "--", "±": "$\\pm$"}  # fmt: skip


def view_csv(view: Selected, board: str) -> str:
    """Full numbers with their intervals; texts on one line and never formulas."""
    names, lists = _values(view)
    lines: list[list[Value]] = [[*names], *lists]
    return "".join(",".join(_quoted(_guarded(x)) for x in one) + "\n" for one in lines)


def view_json(view: Selected, board: str) -> str:
    """Full numbers with their intervals, schema fmbench.view/1."""
    names, lists = _values(view)
    columns = _listed([_json(name) for name in names], 1)
    rows = _listed([_listed([_json(x) for x in one], 2) for one in lists], 1)
    head = f' "schema": {_json(VIEW_SCHEMA)},\n "board": {_json(board)},\n'
    return f'{{\n{head} "columns": {columns},\n "rows": {rows}\n}}\n'


def view_markdown(view: Selected, board: str) -> str:
    """A table of what is read on the page."""

    def line(parts: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"[\\`*_{}\[\]<>|#!&]", r"\\\g<0>", part) for part in parts) + " |\n"

    rule = "| " + " | ".join("---" for _ in view.columns) + " |\n"
    return line(labels(view)) + rule + "".join(map(line, view.texts))


def view_latex(view: Selected, board: str) -> str:
    """A tabular of what is read on the page."""

    def line(parts: Sequence[str]) -> str:
        return " & ".join("".join(_TEX.get(c, c) for c in part) for part in parts) + " \\\\\n"

    body = "".join(map(line, [labels(view), *view.texts]))
    return f"\\begin{{tabular}}{{{'l' * len(view.columns)}}}\n\\hline\n{body}\\hline\n\\end{{tabular}}\n"


FORMATS: dict[str, Callable[[Selected, str], str]] = {
    "csv": view_csv,
    "json": view_json,
    "markdown": view_markdown,
    "latex": view_latex,
}


def labels(view: Selected) -> list[str]:
    """The columns' names as they are read."""
    return [plain(column.label) for column in view.columns]


def number_text(value: float) -> str:
    """A number as JavaScript writes it: the same digits as Python's, other exponents (ECMA-262, Number::toString)."""
    value = float(value)
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return re.sub(r"e([+-])0*", r"e\1", repr(value))


def _values(view: Selected) -> tuple[list[str], list[list[Value]]]:
    """Names and values, an interval in two columns of its own where any row has one."""
    spans = [any(cells[c].low is not None for cells in view.cells) for c in range(len(view.columns))]
    names = []
    for column, has in zip(view.columns, spans, strict=True):
        names += [column.name, f"{column.name}:low", f"{column.name}:high"] if has else [column.name]
    lists: list[list[Value]] = [
        [part for cell, has in zip(cells, spans, strict=True) for part in (cell[:3] if has else cell[:1])]
        for cells in view.cells
    ]
    return names, lists


def _guarded(value: Value) -> str:
    if not isinstance(value, str):
        return "" if value is None else number_text(value)
    text = plain(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[",\n]', text) else text


def _json(value: Value) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else number_text(value)


def _listed(parts: Sequence[str], depth: int) -> str:
    if not parts:
        return "[]"
    inner = " " * (depth + 1)
    return "[\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * depth + "]"
