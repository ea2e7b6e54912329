"""Metrics again from stored predictions: the same numbers, and no model for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from fmbench.errors import NothingMeasured
from fmbench.run.rescore import rescore

SCRIPT = """\
import sys
from fmbench.cli import main
try:
    main(["score", sys.argv[1]])
except SystemExit as left:
    assert not left.code, left.code
sys.exit(10 * ("torch" in sys.modules) + 20 * ("transformers" in sys.modules) + 40 * ("sklearn" in sys.modules))
"""


def by_name(result: Any) -> dict[Any, Any]:
    return {(row.metric, row.slice): row for row in result.measurements}


def test_scoring_again_gives_the_same_numbers_without_a_model(bench: Any) -> None:
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {efficiency: {repeats: 2, latency_samples: 2}}\n")
    bench.edit("tasks:\n", "tasks:\n  - ner-news\n")
    bench.run(seeds=[0], models=["majority", "tfidf-logreg"], limit=40)
    before = bench.results()
    assert len(before) == 3
    predictions = {name: content for name, content in bench.files().items() if name.endswith(".parquet")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(bench.store.folder)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "3 cells scored again" in done.stdout
    after = bench.results()
    assert {name: by_name(result) for name, result in after.items()} == {
        name: by_name(result) for name, result in before.items()
    }
    for name, result in after.items():
        assert result.model_copy(update={"measurements": []}) == before[name].model_copy(update={"measurements": []})
        assert result.measurements[0].metric == result.main_metric
    assert {name: content for name, content in bench.files().items() if name.endswith(".parquet")} == predictions
    assert bench.run(seeds=[0], models=["majority", "tfidf-logreg"], limit=40).computed == 0


def test_wrong_numbers_are_put_right(bench: Any) -> None:
    bench.run(seeds=[0])
    (name, result), *_ = bench.store.all()
    wrong = [row.model_copy(update={"value": 0.123}) for row in result.measurements]
    bench.store.replace_result(name, result.model_copy(update={"measurements": wrong}))
    rescore(bench.store)
    assert by_name(bench.results()[name]) == by_name(result)


def test_without_predictions_there_is_nothing_to_score(bench: Any) -> None:
    bench.run(seeds=[0])
    for path in list(bench.store.folder.rglob("predictions.parquet"))[1:]:
        path.unlink()
    scored, without = rescore(bench.store)
    assert (len(scored), without) == (1, 1)
    for path in bench.store.folder.rglob("predictions.parquet"):
        path.unlink()
    with pytest.raises(NothingMeasured, match="no cell has stored predictions"):
        rescore(bench.store)
