"""The tables inside scikit-learn: every value as scikit-learn gives it; what is asked for in vain is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn import datasets

from fmbench.data.bundled import Bundled
from fmbench.data.rows import Asked
from fmbench.errors import InputError

CLASSES = Asked(("features", "label"), gather="features")


@pytest.mark.parametrize(("name", "target", "rows"), [("wine", "label", 178), ("diabetes", "score", 442)])
def test_values_and_targets_are_those_of_scikit_learn(name: str, target: str, rows: int) -> None:
    raw = Bundled.read(Bundled.Spec(sklearn=name), Path(), Asked(("features", target), gather="features"))
    (piece,) = raw.splits["train"]
    data = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    assert len(piece) == rows
    assert list(piece.columns["features"][7].values()) == data.data[7].tolist()
    if target == "label":
        assert piece.columns["label"][0] == data.target_names[data.target[0]]
    else:
        assert piece.columns["score"] == data.target.tolist()
    assert name in raw.source


def test_columns_may_be_dropped_and_other_kinds_are_refused() -> None:
    raw = Bundled.read(Bundled.Spec(sklearn="wine", drop=["hue"]), Path(), CLASSES)
    assert "hue" not in raw.splits["train"][0].columns["features"][0]
    with pytest.raises(InputError, match="drop: wine has no column 'huge'"):
        Bundled.read(Bundled.Spec(sklearn="wine", drop=["huge"]), Path(), CLASSES)
    with pytest.raises(InputError, match="wine is a table for the kind tabular-classification"):
        Bundled.read(Bundled.Spec(sklearn="wine"), Path(), Asked(("text", "label")))
