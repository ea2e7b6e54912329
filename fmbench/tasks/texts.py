"""What the kinds that read texts have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem

PAIR = "text_pair"
STRATA = 10


def text_problems(rows: Rows, fields: Sequence[str]) -> list[Problem]:
    """A problem for each text of `fields` that is empty or no string; fields that are not there are passed over."""
    return [
        Problem(
            f"{'the text' if field == 'text' else field} is {'empty' if isinstance(text, str) else 'not a string'}",
            rows.place(i),
        )
        for field in fields
        if field in rows.columns
        for i, text in enumerate(rows.columns[field])
        if not isinstance(text, str) or not text.strip()
    ]


def one_or_two_texts(table: pa.Table) -> list[Any]:
    """Each row's `text`, or a list of `text` and `text_pair` where there is one."""
    texts = table["text"].to_pylist()
    if PAIR not in table.column_names:
        return texts
    return [list(pair) for pair in zip(texts, table[PAIR].to_pylist(), strict=True)]


def joined(text: str | Sequence[str]) -> str:
    """One string, for models that know nothing of pairs."""
    return text if isinstance(text, str) else " | ".join(text)


def number(value: Any) -> float | None:
    """`value` in float32 precision if it is a finite number or the text of one, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    with np.errstate(over="ignore"):
        short = np.float32(found)
    return float(str(short)) if math.isfinite(short) else None


def score_column(rows: Rows) -> tuple[list[float | None], list[Problem]]:
    """The column `score` as numbers, and a problem for each that is none."""
    scores = [number(value) for value in rows.columns["score"]]
    return scores, [
        Problem(f"the score is not a number: {rows.columns['score'][i]!r}", rows.place(i))
        for i, score in enumerate(scores)
        if score is None
    ]


def score_strata(scores: Sequence[float]) -> list[str]:
    """Tenths of the rows by score; equal scores share a stratum."""
    values = np.asarray(scores, dtype=np.float64)
    edges = np.quantile(values, np.arange(1, STRATA) / STRATA, method="lower")
    return [f"{i} of {STRATA}" for i in np.searchsorted(edges, values)]


def one_score(scores: Sequence[float]) -> str | None:
    """Why nothing can be learned from these scores, or None."""
    low, high = min(scores), max(scores)
    return f"the train split has only one score ({low:g}), so there is nothing to learn" if low == high else None
