"""Whether a generated answer is one of the right ones: as a text, or as a number."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa

from fmbench.measure.counted import CountMetric
from fmbench.measure.metric import Counts
from fmbench.measure.texts.pairs import KINDS, Texts
from fmbench.stats.sums import TP, divided

_NUMBER = re.compile(r"-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_SYMBOLS = str.maketrans("", "", string.punctuation)
MARK = "####"


def normalised(text: str) -> str:
    """Lower case, without punctuation, English articles and double blanks (Rajpurkar et al. 2016, SQuAD)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_SYMBOLS)).split())


def final_number(text: str) -> Decimal | None:
    """The last number of what stands after the last "####", or of the whole text without that mark; None without one.

    Commas inside numbers are dropped: "#### 1,234.50" is 1234.5 (Cobbe et al. 2021, GSM8K).
    """
    numbers = _NUMBER.findall(text.rpartition(MARK)[2])
    return Decimal(numbers[-1].replace(",", "")) if numbers else None


def _same_number(generated: str, references: Sequence[str]) -> bool:
    found = final_number(generated)
    return found is not None and any(found == final_number(reference) for reference in references)


def _same_text(generated: str, references: Sequence[str]) -> bool:
    return normalised(generated) in map(normalised, references)


def _metric(name: str, right: Callable[[str, Sequence[str]], bool]) -> CountMetric:
    def counts(predictions: pa.Table, labels: Sequence[str]) -> Counts:
        pairs = zip(*Texts.of(predictions), strict=True)
        found = np.array([right(generated, references) for generated, references in pairs], dtype=np.int64)
        ones = np.ones_like(found)
        return Counts((name,), np.stack([found, ones, ones], axis=-1)[:, None])

    return CountMetric(
        name, KINDS, counts, lambda sums: divided(sums[..., 0, TP], sums[..., 0, 2]), lambda n: 0.0, proportion=True
    )


exact_match = _metric("exact_match", _same_text)
numeric_match = _metric("numeric_match", _same_number)
