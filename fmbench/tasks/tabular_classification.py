"""tabular-classification: one label for a row of a table."""

from __future__ import annotations

from typing import Any, ClassVar

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.tables import FEATURES, Tabular
from fmbench.tasks.text_classification import TextClassification


class TabularClassification(Tabular, TextClassification):
    """Field `label`; all other columns are features, which text encoders read as `name: value; name: value`."""

    name: ClassVar[str] = "tabular-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = (FEATURES, "label")
    optional_fields: ClassVar[tuple[str, ...]] = ()
    input_fields: ClassVar[tuple[str, ...]] = (FEATURES,)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1", "auroc", "average_precision")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        columns, problems = TextClassification.conform(rows)
        features, found = Tabular.cells(rows)
        return {**columns, FEATURES: list(features)}, problems + found
