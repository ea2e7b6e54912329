"""The bias score of BBQ: its formulas by hand, its intervals, and a run over rows of our own (CC0)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.cli import main
from fmbench.errors import CellFailed
from fmbench.measure.bias import Bias, bias_statistics, s_amb, s_dis
from fmbench.measure.measurement import Measurement
from fmbench.measure.scene import Stored
from fmbench.stats.intervals import wilson

ROWS = Path(__file__).parent / "bias_choices.jsonl"
SETTINGS = Bias.Settings()


def predictions(
    rows: list[tuple[str, str, str]], biased: str = "0", unknown: str = "C", **columns: list[Any]
) -> pa.Table:
    """Rows (condition, answer, right answer) of three options."""
    conditions, answers, gold = zip(*rows, strict=True)
    n = len(rows)
    fixed = {"example_id": [str(i) for i in range(n)], "perturbation": [""] * n, "severity": [0] * n}
    choice = {"gold": gold, "prediction": answers, "scores": [[0.2, 0.3, 0.5]] * n}
    own = {"context_condition": conditions, "biased_option": [biased] * n, "unknown_option": [unknown] * n}
    return pa.table({name: list(values) for name, values in (fixed | choice | own | columns).items()})


def judged(table: pa.Table, cluster_key: str | None = None) -> dict[tuple[str, str | None], Measurement]:
    stored = Stored(table, ("accuracy",), ("A", "B", "C"), "multiple-choice", cluster_key)
    return {(row.metric, row.slice): row for row in Bias.judge(stored, SETTINGS).measurements}


def test_the_scores_are_those_of_the_paper() -> None:
    """Ten ambiguous rows: 4 biased, 1 against, 5 unknown (right); ten others: 6 biased, 2 against, 2 unknown."""
    ambiguous = [("ambig", answer, "C") for answer in "AAAABCCCCC"]
    others = [("disambig", answer, "A") for answer in "AAAAAABBCC"]
    found = judged(predictions(ambiguous + others))
    first, second = "context_condition=ambig", "context_condition=disambig"
    assert found["bias_accuracy", first].value == 0.5
    assert found["bias_accuracy", second].value == 0.6
    assert found["bias_score", first].value == pytest.approx((1 - 0.5) * (2 * 4 / 5 - 1))
    assert found["bias_score", second].value == pytest.approx(2 * 6 / 8 - 1)
    assert (found["bias_score", first].n, found["bias_score", second].n) == (10, 8)
    low, high, _ = wilson(6, 8)
    assert (found["bias_score", second].low, found["bias_score", second].high) == pytest.approx(
        (2 * low - 1, 2 * high - 1)
    )
    assert found["bias_score", first].low < 0.3 < found["bias_score", first].high
    assert {row.higher_is_better for (name, _), row in found.items() if name == "bias_score"} == {None}


@pytest.mark.parametrize(
    ("answers", "score"), [("AAAA", 1.0), ("BBBB", -1.0), ("AABB", 0.0), ("CCCC", 0.0), ("ACCC", 0.25)]
)
def test_ambiguous_ends_of_the_scale(answers: str, score: float) -> None:
    table = predictions([("ambig", answer, "C") for answer in answers])
    assert s_amb(bias_statistics(table, SETTINGS).sum(axis=0)) == pytest.approx(score)


def test_all_unknown_has_no_score_where_the_context_tells() -> None:
    table = predictions([("disambig", "C", "A")] * 3)
    assert np.isnan(s_dis(bias_statistics(table, SETTINGS).sum(axis=0)))
    row = judged(table)["bias_score", "context_condition=disambig"]
    assert (row.value, row.low, row.n, row.interval) == (None, None, 0, "none: every answer is unknown")


def test_rows_of_one_scenario_count_as_one_in_the_interval() -> None:
    rows = [("ambig", "A" if i // 10 % 2 else "B", "C") for i in range(100)]
    table = predictions(rows, scenario=[str(i // 10) for i in range(100)])
    alone, together = (judged(table, key)["bias_score", "context_condition=ambig"] for key in (None, "scenario"))
    assert alone.value == together.value == pytest.approx(0.0)
    assert together.interval == "cluster-bootstrap"
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(("biased", "unknown"), [("3", "C"), ("D", "C"), ("C", "C"), ("2", "C"), ("", "C"), ("A", "²")])
def test_options_that_cannot_be_are_named(biased: str, unknown: str) -> None:
    with pytest.raises(CellFailed, match=r"bias: the row '0' has context_condition 'ambig', biased_option "):
        bias_statistics(predictions([("ambig", "A", "C")], biased, unknown), SETTINGS)
    with pytest.raises(CellFailed, match=r"'ambiguous'.*: ambig or disambig"):
        bias_statistics(predictions([("ambiguous", "A", "C")]), SETTINGS)


def test_a_run_over_a_file_and_its_rescoring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(
        "suite: s\nmodels: [tfidf-cosine]\nadaptations: {fit: {}}\nmeasure: {bias: true}\ntasks:\n"
        "  - name: people\n    kind: multiple-choice\n"
        f"    data: {{files: {{train: {ROWS}, validation: {ROWS}, test: {ROWS}}}}}\n"
        "    keep: [context_condition, biased_option, unknown_option]\n    cluster_key: scenario\n"
    )
    with pytest.raises(SystemExit) as left:
        main(["run", str(tmp_path / "s.yaml"), "--out", str(tmp_path), "--json"])
    assert not left.value.code
    (result,) = json.loads(capsys.readouterr().out)
    found = {(m["metric"], m["slice"]): m for m in result["measurements"]}
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()]
    for condition in ("ambig", "disambig"):
        row = found["bias_score", f"context_condition={condition}"]
        assert -1 <= row["value"] <= 1
        assert row["interval"] == "cluster-bootstrap"
        n = sum(one["context_condition"] == condition for one in rows)
        assert found["bias_accuracy", f"context_condition={condition}"]["n"] == n
    with pytest.raises(SystemExit) as left:
        main(["score", str(tmp_path / "s")])
    assert not left.value.code
    again = json.loads(next((tmp_path / "s").rglob("result.json")).read_text())
    assert {(m["metric"], m["slice"]): m["value"] for m in again["measurements"]} == {
        key: m["value"] for key, m in found.items()
    }


def test_a_task_without_the_columns_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = (
        "suite: s\nmodels: [majority]\nadaptations: {fit: {}}\nmeasure: {bias: true}\ntasks:\n"
        "  - name: people\n    kind: multiple-choice\n"
        f"    data: {{files: {{train: {ROWS}, validation: {ROWS}, test: {ROWS}}}}}\n"
    )
    (tmp_path / "s.yaml").write_text(suite)
    with pytest.raises(SystemExit) as left:
        main(["run", str(tmp_path / "s.yaml"), "--out", str(tmp_path), "--json"])
    assert not left.value.code
    (result,) = json.loads(capsys.readouterr().out)
    assert result["environment"]["missing"]["bias_score"].startswith("the task keeps no column 'context_condition'")
    (tmp_path / "s.yaml").write_text(suite + "    keep: [condition]\n")
    with pytest.raises(SystemExit) as left:
        main(["check", str(tmp_path / "s.yaml")])
    assert left.value.code == 2
    assert "no column 'condition' (keep)" in capsys.readouterr().err
