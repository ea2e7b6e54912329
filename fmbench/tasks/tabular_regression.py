"""tabular-regression: a number for a row of a table."""

from __future__ import annotations

from typing import Any, ClassVar

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.kind import Readout
from fmbench.tasks.sentence_similarity import ScoredTexts
from fmbench.tasks.tables import FEATURES, Tabular
from fmbench.tasks.texts import score_column


class TabularRegression(Tabular, ScoredTexts):
    """Field `score`, a number; all other columns are features, which text encoders read as `name: value; ...`."""

    name: ClassVar[str] = "tabular-regression"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = (FEATURES, "score")
    input_fields: ClassVar[tuple[str, ...]] = (FEATURES,)
    label_field: ClassVar[str] = "score"
    readout: ClassVar[Readout] = "sequence"
    metrics: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2")

    @classmethod
    def conform(cls, rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        scores, problems = score_column(rows)
        features, found = Tabular.cells(rows)
        return {**rows.columns, "score": scores, FEATURES: list(features)}, problems + found
