"""A suite that asks for fairness: declared slices, swaps, and what stands in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any


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
