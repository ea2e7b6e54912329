"""Pairs of sides made of chosen right and wrong answers, and changed copies of reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmbench.cli import main
from fmbench.gate.quality import Pair
from fmbench.gate.verdict import Cells
from fmbench.registry import METRICS

CELLS = Cells("task", "model", "fit")


def answers(right: np.ndarray) -> np.ndarray:
    """Statistics of accuracy: two classes, gold is always the first."""
    table = pa.table({"gold": ["a"] * len(right), "prediction": np.where(right, "a", "b").tolist()})
    return METRICS["accuracy"].statistics(table, ("a", "b"))


def accuracy_pair(base: list[np.ndarray], new: list[np.ndarray], margin: float = 0.01, **others: object) -> Pair:
    """One array of bool [n] a seed and side."""
    ids = [str(i) for i in range(len(base[0]))]
    runs = (tuple(answers(run) for run in base), tuple(answers(run) for run in new))
    return Pair(CELLS, METRICS["accuracy"], ids, tuple(range(len(base))), *runs, margin, **others)  # type: ignore[arg-type]


def shares(n: int, both: int, only_base: int, only_new: int) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of both sides with these numbers of agreements and disagreements."""
    base, new = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    base[: both + only_base] = True
    new[:both] = True
    new[both + only_base : both + only_base + only_new] = True
    return base, new


def broken_copy(report: Path, target: Path, share: float = 0.0, model: str = "tfidf-logreg") -> Path:
    """A copy of the report whose `model` answers a share of the test rows wrongly."""
    shutil.copytree(report, target)
    for path in target.glob(f"*/{model}/*/*/predictions.parquet"):
        table = pq.read_table(path)
        predictions = table["prediction"].to_pylist()
        for row in range(int(share * len(predictions))):
            predictions[row] = "bad" if table["gold"][row].as_py() == "good" else "good"
        column = table.column_names.index("prediction")
        pq.write_table(table.set_column(column, "prediction", pa.array(predictions)), path)
    return target


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `fmbench` with these arguments."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def edit_results(report: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Every result.json with `change` made to its content."""
    for path in report.glob("*/*/*/*/result.json"):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
