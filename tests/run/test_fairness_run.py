"""A suite that asks for fairness: declared slices, swaps, and what stands in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmbench.run.rescore import rescore
from fmbench.tasks.kind import clean


def test_a_run_with_slices(bench: Any, tmp_path: Path) -> None:
    rows = [
        f"{'good' if i % 2 else 'bad'}\t{'his lovely' if i % 2 else 'her dull'} thing {i}\t{'xy'[i % 4 < 2]}\n"
        for i in range(600)
    ]
    (tmp_path / "tiny.tsv").write_text("label\ttext\tregion\n" + "".join(rows))
    bench.edit("    data:", "    slices: [region]\n    data:")
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {fairness: true}\n")
    bench.run(seeds=[0])
    results = {result.model: result for result in bench.results().values()}
    assert {result.status for result in results.values()} == {"ok"}
    for model, result in results.items():
        found = {(row.metric, row.slice, row.perturbation): row for row in result.measurements}
        assert found[("group_accuracy", "region=x", None)].n + found[("group_accuracy", "region=y", None)].n == 120
        gap = found[("gap_accuracy", "region", None)]
        assert gap.low == 0 <= gap.value < gap.high
        flips = found[("counterfactual_flip_rate", None, "gender-swap")]
        assert flips.n == 120
        if model == "majority":
            assert flips.value == 0
        assert found[("counterfactual_flip_rate", None, "name-swap")].value is None


def test_scoring_again_gives_the_same_numbers_without_a_model(bench: Any, tmp_path: Path) -> None:
    rows = [
        f"{'good' if i % 2 else 'bad'}\t{'his lovely' if i % 3 else 'her dull'} thing {i}\t{'xy'[i % 4 < 2]}\n"
        for i in range(600)
    ]
    (tmp_path / "tiny.tsv").write_text("label\ttext\tregion\n" + "".join(rows))
    bench.edit("    data:", "    slices: [region]\n    data:")
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {fairness: true, robustness: [gender-swap: {severity: [5]}]}\n")
    bench.run(seeds=[0])
    before = bench.results()
    for name, result in before.items():
        spoiled = [row.model_copy(update={"value": 0.123, "low": None, "n": 1}) for row in result.measurements]
        bench.store.replace_result(name, result.model_copy(update={"measurements": spoiled}))
    rescore(bench.store)
    for name, result in bench.results().items():
        assert len(result.measurements) == len(before[name].measurements)
        for ours, theirs in zip(result.measurements, before[name].measurements, strict=True):
            assert ours.model_copy(update={"value": None, "low": None, "high": None}) == theirs.model_copy(
                update={"value": None, "low": None, "high": None}
            )
            numbers = [[np.nan if x is None else x for x in (one.value, one.low, one.high)] for one in (ours, theirs)]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-12, nan_ok=True), ours
        names = {row.metric for row in result.measurements}
        assert {
            "group_accuracy",
            "gap_accuracy",
            "equalised_odds_gap",
            "counterfactual_flip_rate",
            "flip_rate",
        } <= names


def test_swaps_of_a_report_without_their_passes_stay_as_they_were(bench: Any) -> None:
    """Reports of before the passes were stored."""
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {fairness: true}\n")
    bench.run(seeds=[0], models=["majority"])
    ((name, result),) = bench.store.all()
    table = bench.store.predictions(name)
    bench.store.save(name, result, clean(table).replace_schema_metadata({"labels": "bad\ngood"}))
    rescore(bench.store)
    again = {(row.metric, row.perturbation): row for row in bench.results()[name].measurements}
    assert again == {(row.metric, row.perturbation): row for row in result.measurements}
    assert ("counterfactual_changed", "gender-swap") in again
