"""Reference numbers of the public data on the same files: through the suites' own data, with the same baselines.

The references were trained on all training rows, so the validation rows that a suite cuts go back to them here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fmbench.data.dataset import load_dataset
from fmbench.data.formats import Wanted, read_csv
from fmbench.registry import KINDS, LOADERS
from fmbench.stats.intervals import wilson
from fmbench.suite.loader import load_suite
from fmbench.tasks.examples import Examples, model_inputs

SUITES = Path(__file__).parents[2] / "suites" / "public"


def correct(
    name: str, loader: str, public_data: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[int, int]:
    """How many test rows a baseline gets right that was fitted on all training rows, and how many there are."""
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    (task,) = load_suite(SUITES / f"{name}.yaml").tasks
    data, kind, owner = load_dataset(task), KINDS[task.spec.kind], LOADERS[loader]
    train = pa.concat_tables([data.train, data.validation])
    examples = Examples(kind, data.labels, train, data.validation, options=task.options)
    fitted = owner(owner.Settings(**settings)).fit(examples, 0)
    scores = fitted.predict(model_inputs(kind, data.test, task.options))
    return int((scores.argmax(axis=1) == kind.targets(data.test, data.labels)).sum()), len(data.test)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("loader", "reference"), [("pixel-logreg", 90.5), ("pixel-knn", 94.6)])
def test_mnist(loader: str, reference: float, public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    k, n = correct("mnist", loader, public_data, monkeypatch)
    assert n == 10_000
    assert 100 * k / n == pytest.approx(reference, abs=0.05)


@pytest.mark.data
def test_the_majority_of_gtsrbs_whole_test(public_data: Path) -> None:
    wanted = Wanted(("label",), columns={"label": "ClassId"}, delimiter=";")
    labels = read_csv(public_data / "gtsrb" / "GT-final_test.csv.gz", wanted).columns["label"]
    assert len(labels) == 12_630
    assert max(map(labels.count, set(labels))) / len(labels) == pytest.approx(0.059, abs=5e-4)


@pytest.mark.data
def test_gtsrb_with_even_light_and_colour(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean 0 and deviation 1 in every channel of every image: 706 of 1,290, the reference to its last digit."""
    k, n = correct("gtsrb", "pixel-logreg", public_data, monkeypatch, even_light=True, by_channel=True)
    assert n == 1290
    assert 100 * k / n == pytest.approx(54.73, abs=0.2)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "loader", "settings", "reference"),
    [
        ("fsdd", "spectrogram-logreg", {}, 0.900),
    ],
)
def test_a_reference_lies_in_our_interval(
    name: str,
    loader: str,
    settings: dict[str, Any],
    reference: float,
    public_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interval = wilson(*correct(name, loader, public_data, monkeypatch, **settings))
    assert interval.low <= reference <= interval.high
