"""The suites of public data sets: they load everywhere, and hold their rows where the data is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.data.dataset import Dataset, at_hand, load_dataset
from fmbench.errors import InputError
from fmbench.registry import KINDS
from fmbench.run.check import check_suite
from fmbench.run.execute import execute
from fmbench.run.progress import Silent
from fmbench.run.store import Store
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import Selection, plan

LIKELIHOODS = ("crows-pairs", "winobias", "winogender")
"""See test_likelihood_suites.py."""
FOLDER = Path(__file__).parents[2] / "suites" / "public"
SUITES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem not in LIKELIHOODS)
ROWS = {
    "banking77": (9003, 1000, 3080),
    "conll2003": (14041, 3250, 3453),
    "ncbi-disease": (5432, 923, 940),
    "sst2": (6920, 872, 1821),
    "stsb": (5749, 1500, 1379),
    "mnist": (9000, 1000, 10000),
    "cifar10-jpg": (1800, 200, 10000),
    "fashion-mnist-sprite": (567, 63, 270),
    "gtsrb": (690, 170, 1290),
    "fsdd": (192, 48, 300),
    "bc5cdr": (4560, 4581, 4797),
    "resume-ner-zh": (3821, 463, 477),
    "cluener2020": (9673, 1075, 1343),
    "chnsenticorp": (9600, 1200, 1200),
    "vader-tweets": (3024, 336, 840),
    "vader-movies": (7636, 848, 2121),
    "vader-amazon": (2669, 297, 742),
    "vader-nyt": (3737, 415, 1038),
    "symptom2disease": (864, 96, 240),
    "financial-phrasebank": (3489, 388, 969),
    "tweet-financial-news": (8589, 954, 2388),
    "mohler-asag": (1292, 278, 703),
    "clinc150": (15000, 3000, 4500),
    "talk2car": (1047, 116, 2447),
    "mrpc": (3668, 408, 1725),
    "rte3": (1080, 120, 800),
    "pubmedqa": (450, 50, 500),
    "movielens-100k-ratings": (72000, 8000, 20000),
    "movielens-100k-next": (943, 943, 943),
    "ml1m-ncf": (0, 0, 6040),
    "amazon-beauty-seq": (22363, 22363, 22363),
    "medquad": (0, 0, 2710),
    "german-credit": (720, 80, 200),
    "credit-card-default": (21600, 2400, 6000),
    "breast-cancer": (409, 46, 114),
    "bike-hours": (12512, 1391, 3476),
    "bike-series": (2465, 57, 144),
    "metro-hours": (29214, 3246, 8115),
    "metro-series": (2673, 123, 295),
    "traffic-speed": (49266, 2691, 6831),
    "comma-speed": (2926, 81, 204),
    "dialogsum": (450, 50, 500),
    "gsm8k": (6726, 747, 1319),
    "multi30k-de": (913, 101, 1000),
    "multi30k-fr": (913, 101, 1000),
    "eth-ucy-eth": (28742, 5165, 2313),
    "eth-ucy-hotel": (29357, 5750, 1053),
    "eth-ucy-univ": (10043, 3417, 24334),
    "eth-ucy-zara1": (28337, 5754, 2105),
    "eth-ucy-zara2": (25869, 4817, 5638),
}
every_suite = pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
LARGE = {"credit-card-default", "eth-ucy", "traffic-speed-tgcn"}
slow_if_large = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LARGE else []) for path in SUITES
]


@pytest.fixture
def read(public_data: Path, monkeypatch: pytest.MonkeyPatch, path: Path) -> Dataset:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    (data,) = check_suite(load_suite(path)).values()
    return data


@every_suite
def test_it_says_what_it_is_and_pins_its_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMBENCH_DATA", raising=False)
    suite = load_suite(path)
    assert suite.name == path.stem
    assert suite.seeds == (0, 1, 2)
    assert suite.measures
    for task in suite.tasks:
        assert task.spec.license
        assert task.source in ("hub", "files", "sklearn")
        if task.source == "hub":
            assert task.source_spec.rows_sha256 and task.source_spec.local.folder
            assert not at_hand(task)
            continue
        if task.source == "sklearn":
            continue
        with pytest.raises(InputError, match=r"\$FMBENCH_DATA is not set; it must name a folder that holds "):
            load_dataset(task)
    used = {(cell.model.name, cell.adaptation) for cell in plan(suite)}
    assert {model for model, _ in used} == {model.name for model in suite.models}


@pytest.mark.data
@pytest.mark.parametrize("path", slow_if_large)
def test_its_local_rows_are_the_pinned_ones(path: Path, public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    suite = load_suite(path)
    for task in suite.tasks:
        read = load_dataset(task)
        assert tuple(read.rows.values()) == ROWS[task.name]
        if task.source == "hub":
            assert read.fingerprint == task.source_spec.rows_sha256
            assert read.source.startswith("local copy: ")


@pytest.mark.data
@pytest.mark.parametrize("path", [FOLDER / "stsb.yaml"], ids=["stsb"])
def test_the_scores_of_sts_benchmark_go_from_0_to_5(path: Path, read: Dataset) -> None:
    assert read.score_range == (0.0, 5.0)
    assert KINDS["sentence-similarity"].score_range(read.train.to_pydict()) == read.score_range
    assert read.labels == ()


@pytest.mark.data
@pytest.mark.parametrize("path", [FOLDER / "banking77.yaml"], ids=["banking77"])
def test_the_validation_split_of_banking77_has_every_intent(path: Path, read: Dataset) -> None:
    intents = {split: rows["label"].to_pylist() for split, rows in read.splits.items()}
    assert len(read.labels) == 77
    assert all(set(labels) == set(read.labels) for labels in intents.values())
    assert read.notes[0] == "validation cut from train: 10% of the rows, stratified, seed 0"


@pytest.mark.data
@pytest.mark.parametrize("path", [FOLDER / "dialogsum.yaml", FOLDER / "gsm8k.yaml"], ids=["dialogsum", "gsm8k"])
def test_published_answers_reach_the_published_scores(
    path: Path, public_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The numbers of the sources of both sets, to the last digit; see docs/text-generation.md."""
    published = {
        "bart-large (published)": {"rouge1_stem": 45.91, "rouge2_stem": 21.32, "rougel_stem": 38.71,
                                   "rouge1": 43.85, "rouge2": 20.08, "rougel": 37.24},
        "gpt3-6b (published)": {"numeric_match": 21.7},
        "gpt3-6b-verifier (published)": {"numeric_match": 39.0},
        "gpt3-175b (published)": {"numeric_match": 34.7},
        "gpt3-175b-verifier (published)": {"numeric_match": 56.3},
    }  # fmt: skip
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    suite = load_suite(path)
    stored = [model.name for model in suite.models if model.spec.loader == "outputs"]
    cells = plan(suite, Selection(models=stored, seeds=[0]))
    outcome = execute(suite, cells, Store(tmp_path / "reports"), {}, Silent(), "cpu")
    assert len(outcome.results) == len(stored) > 0
    for _, result in outcome.results:
        assert result.status == "ok", result.error
        for metric, expected in published[result.model].items():
            row = result.find(metric)
            assert row is not None and row.value is not None
            assert abs(100 * row.value - expected) <= (0.005 if metric.startswith("rouge") else 0.05), metric
