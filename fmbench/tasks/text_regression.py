"""text-regression: a number for a text, or for two texts read together."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa

from fmbench.tasks.kind import Readout
from fmbench.tasks.sentence_similarity import ScoredTexts
from fmbench.tasks.texts import PAIR, one_or_two_texts


class TextRegression(ScoredTexts):
    """Fields `text`, `score`, a number, and, if it is there, `text_pair`."""

    name: ClassVar[str] = "text-regression"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("text", "score")
    optional_fields: ClassVar[tuple[str, ...]] = (PAIR,)
    input_fields: ClassVar[tuple[str, ...]] = ("text",)
    readout: ClassVar[Readout] = "sequence"
    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson", "mae", "rmse", "r2")

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        return one_or_two_texts(table)
