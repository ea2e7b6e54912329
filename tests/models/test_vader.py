"""VADER through its loader: the references on the sentences that it was published with, and its scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fmbench.data.dataset import load_dataset
from fmbench.models.classical import vader
from fmbench.models.classical.vader import Vader
from fmbench.registry import KINDS, METRICS
from fmbench.suite.loader import load_suite
from fmbench.tasks.examples import Examples

SUITE = Path(__file__).parents[2] / "suites" / "public" / "vader.yaml"
KIND = KINDS["text-regression"]
REFERENCES = {"vader-tweets": 0.872, "vader-movies": 0.427, "vader-amazon": 0.590, "vader-nyt": 0.503}
NOTHING = Examples(KIND, (), pa.table({"text": []}), pa.table({"text": []}))


def test_without_the_package_its_check_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vader, "PACKAGE", "no-such-package")
    assert Vader.check(None) == ["the package 'no-such-package' is needed here: pip install 'fmbench[sentiment]'"]  # type: ignore[arg-type]


def test_the_compound_is_stretched_to_the_range_of_the_scores() -> None:
    pytest.importorskip("vaderSentiment")
    texts = ["It is wonderful!", "It is a chair.", "It is horrible!"]
    plain = Vader(None).fit(NOTHING, 0).predict(texts)
    assert plain[0] > 0.5 and plain[1] == 0 and plain[2] < -0.5
    ranged = Vader(None).fit(replace(NOTHING, score_range=(-4.0, 4.0)), 0).predict(texts)
    assert ranged == pytest.approx(4 * plain)
    grades = Vader(None).fit(replace(NOTHING, score_range=(0.0, 1.0)), 0).predict(texts)
    assert grades == pytest.approx((plain + 1) / 2)


@pytest.mark.data
@pytest.mark.parametrize("name", REFERENCES)
def test_the_references_on_all_rows(name: str, public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is learned, so that the references are of the rows of all splits together."""
    pytest.importorskip("vaderSentiment")
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    of = next(one for one in load_suite(SUITE).tasks if one.spec.name == name)
    data = load_dataset(of)
    rows = pa.concat_tables([data.train, data.validation, data.test])
    examples = Examples(KIND, data.labels, data.train, data.validation, data.score_range)
    scores = Vader(None).fit(examples, 0).predict(examples.inputs(rows))[:, 0]
    metric = METRICS["pearson"]
    found = metric.score(metric.statistics(pa.table({"gold": np.array(rows["score"]), "prediction": scores}), ()))
    assert found == pytest.approx(REFERENCES[name], abs=5e-4)
