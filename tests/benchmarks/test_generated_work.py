"""The bars of generated texts: both sides find the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from sacrebleu.metrics import BLEU, CHRF

from benchmarks import generated
from benchmarks.bars import BARS


@pytest.mark.data
def test_both_sides_find_the_same_scores(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    table = generated.sentences()
    assert len(table) == 1012
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        (found,) = generated.ours([name], table)
        assert found == pytest.approx(generated.sacrebleus(metric, table), abs=1e-9)
        assert 0.5 < found < 0.99
    summaries = generated.summaries()
    assert generated.ours(list(generated.ROUGES), summaries) == pytest.approx(
        generated.rouge_scores(summaries), abs=1e-9
    )
    assert {"bleu", "chrf", "chrf++", "ter", "rouge"} <= {bar.name for bar in BARS}
