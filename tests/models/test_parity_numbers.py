"""Reference numbers of baselines on public tables, series and trajectories, from the suites' own data sections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.files import Files
from fmbench.data.rows import Asked
from fmbench.models.classical.group_mean import GroupMean
from fmbench.models.classical.paths import ConstantVelocity, LinearPath
from fmbench.models.classical.series import Naive
from fmbench.models.classical.tables import TableLogreg
from fmbench.registry import KINDS, METRICS
from fmbench.stats.intervals import mean_t
from fmbench.suite.loader import load_suite
from fmbench.suite.schema import Task
from fmbench.tasks.examples import Examples

FOLDER = Path(__file__).parents[2] / "suites" / "public"
pytestmark = pytest.mark.data


@pytest.fixture(autouse=True)
def data(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))


def task(suite: str, at: int = 0, **options: Any) -> Task:
    found = load_suite(FOLDER / f"{suite}.yaml").tasks[at]
    return replace(found, options=found.options.model_copy(update=options)) if options else found


def examples(of: Task, data: Dataset, train: pa.Table, validation: pa.Table) -> Examples:
    return Examples(KINDS[of.spec.kind], data.labels, train, validation, data.score_range, data.side, of.options)


@pytest.mark.parametrize(
    ("suite", "accuracy", "auc"),
    [("german-credit", 0.748, 0.788), pytest.param("credit-card-default", 0.810, 0.723, marks=pytest.mark.slow)],
)
def test_logistic_regression_in_five_folds(suite: str, accuracy: float, auc: float) -> None:
    """The folds are other ones than the reference's, which must lie in the interval of the five."""
    of = task(suite)
    data = load_dataset(of)
    rows = pa.concat_tables([data.train, data.validation, data.test])
    targets = KINDS[of.spec.kind].targets(rows, data.labels)
    found = []
    for learned, held in StratifiedKFold(5, shuffle=True, random_state=0).split(targets, targets):
        fold = examples(of, data, rows.take(learned), rows.take(held))
        scores = TableLogreg(TableLogreg.Settings()).fit(fold, 0).predict(fold.inputs(fold.validation))
        right = (scores.argmax(axis=1) == targets[held]).mean()
        found.append((right, roc_auc_score(targets[held], scores[:, 1])))
    for values, reference in zip(np.transpose(found), (accuracy, auc), strict=True):
        assert mean_t(values).low <= reference <= mean_t(values).high
        assert values.mean() == pytest.approx(reference, abs=0.015)


def whole_train(of: Task) -> tuple[Dataset, Examples]:
    """The references know no validation split: their training rows are both of ours."""
    data = load_dataset(of)
    return data, examples(of, data, pa.concat_tables([data.train, data.validation]), data.validation)


def errors(of: Task, data: Dataset, scores: np.ndarray) -> dict[str, float]:
    kind = KINDS[of.spec.kind]
    rows = kind.predictions(lambda inputs: scores, kind.inputs(data.test), data.test, data.labels, of.options)
    names = of.spec.metrics or kind.metrics
    return {name: METRICS[name].score(METRICS[name].statistics(rows, data.labels)) for name in names}


@pytest.mark.parametrize(
    ("suite", "by", "of_mean", "of_groups"),
    [("bike-sharing", ["workingday", "hr"], 175.0, 101.6), ("metro-traffic", ["weekday", "hour"], 1724, 277)],
)
def test_means_of_the_last_fifth_of_time(suite: str, by: list[str], of_mean: float, of_groups: float) -> None:
    of = task(suite)
    data, both = whole_train(of)
    mean = both.targets(both.train).mean()
    assert errors(of, data, np.full((len(data.test), 1), mean))["mae"] == pytest.approx(of_mean, rel=5e-4)
    found = GroupMean(GroupMean.Settings(by=by)).fit(both, 0).predict(both.inputs(data.test))
    reached = errors(of, data, found)
    assert reached["mae"] == pytest.approx(of_groups, rel=1e-3)
    if suite == "metro-traffic":
        assert reached["r2"] == pytest.approx(0.936, abs=5e-4)


@pytest.mark.parametrize(("suite", "share"), [("german-credit", 0.700), ("credit-card-default", 0.779)])
def test_the_majority_of_tables(suite: str, share: float) -> None:
    data = load_dataset(task(suite))
    labels = pa.concat_tables([data.train, data.validation, data.test])["label"].to_pylist()
    assert max(map(labels.count, data.labels)) / len(labels) == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize(("encoder", "pearson"), [("elmo", 0.464), ("bert", 0.250), ("gpt", 0.127), ("gpt2", 0.059)])
def test_cosines_that_come_with_mohlers_answers(encoder: str, pearson: float) -> None:
    """The file has the cosines of four encoders, in 2,278 rows and one empty one."""
    columns = {"gold": "score_avg", "prediction": f"{encoder}_similarity_score"}
    layout = Files.Spec(
        files={"train": "$FMBENCH_DATA/mohler-asag/answers_with_similarity_score.csv.gz"}, columns=columns
    )
    (rows,) = Files.read(layout, Path(), Asked(("gold", "prediction"), ())).splits["train"]
    pairs = [(float(a), float(b)) for a, b in zip(rows.columns["gold"], rows.columns["prediction"], strict=True) if a]
    assert (len(rows), len(pairs)) == (2279, 2278)
    gold, prediction = zip(*pairs, strict=True)
    metric = METRICS["pearson"]
    table = pa.table({"gold": gold, "prediction": prediction})
    assert metric.score(metric.statistics(table, ())) == pytest.approx(pearson, abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "mae", "rmse"), [(3, 3.54, 6.40), (6, 4.34, 8.17), (12, 5.77, 10.86)])
def test_persistence_of_traffic_speeds(steps: int, mae: float, rmse: float) -> None:
    """The reference starts from speeds of the last fifth itself, so the window that starts at its edge is left out."""
    of = task("traffic-speed-tgcn", context=1, horizon=steps, stride=1, train_stride=600)
    data = load_dataset(of)
    first = min(map(int, data.test["window_start"].to_pylist()))
    kept = [i for i, start in enumerate(data.test["window_start"].to_pylist()) if int(start) > first]
    test = data.test.take(kept)
    last = np.array([past[-1] for past in test["past"].to_pylist()])
    wrong = np.array([future[-1] for future in test["future"].to_pylist()]) - last
    assert abs(wrong).mean() == pytest.approx(mae, abs=0.006)
    assert np.sqrt((wrong**2).mean()) == pytest.approx(rmse, abs=0.006)
    found = (
        Naive(None).fit(examples(of, data, data.train, data.validation), 0).predict(KINDS[of.spec.kind].inputs(test))
    )
    assert found.tolist() == np.repeat(last[:, None], steps, axis=1).tolist()


def test_persistence_of_a_cars_speed() -> None:
    """All windows of the whole file, test and training alike: only those that straddle a cut are not among them."""
    of = task("comma-speed", context=1, horizon=20, stride=1, train_stride=1)
    data = load_dataset(of)
    rows = pa.concat_tables([data.train, data.validation, data.test])
    past, future = (np.array(rows[name].to_pylist()) for name in ("past", "future"))
    assert len(rows) == 20_400 - 20 - 2 * 19
    assert ((future[:, -1] - past[:, -1]) ** 2).mean() == pytest.approx(0.508, abs=0.002)
    assert ((past[:, 0] - past[:, 0].mean()) ** 2).mean() == pytest.approx(67.3, abs=0.3)


def path_errors(loader: type[Any], scene: int) -> tuple[float, float]:
    """ADE and FDE of a model that learns nothing, in metres over the 12 steps."""
    of = task("eth-ucy", scene)
    data = load_dataset(of)
    fitted = loader(None).fit(examples(of, data, data.train, data.validation), 0)
    found = errors(of, data, fitted.predict(KINDS[of.spec.kind].inputs(data.test)))
    return found["ade"], found["fde"]


@pytest.mark.parametrize(
    ("scene", "published", "reached"),
    [(1, (0.39, 0.72), (0.258, 0.470)), (3, (0.62, 1.21), (0.612, 1.196))],
    ids=["hotel", "zara1"],
)
def test_straight_lines_of_pedestrians(
    scene: int, published: tuple[float, float], reached: tuple[float, float]
) -> None:
    """Zara 1 is as in Social GAN (2018, table 1); hotel is not, see docs/parity."""
    found = path_errors(LinearPath, scene)
    assert found == pytest.approx(reached, abs=1e-3)
    if scene == 3:
        assert found == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize(
    ("scene", "published"),
    [
        pytest.param(2, 0.52, id="univ"),
        pytest.param(3, 0.43, id="zara1"),
        pytest.param(4, 0.32, id="zara2"),
    ],
)
def test_constant_velocity_of_pedestrians(scene: int, published: float) -> None:
    """ADE of Scholler et al. (2020, RA-L 5) as listings quote it, to the digits given."""
    assert path_errors(ConstantVelocity, scene)[0] == pytest.approx(published, abs=5e-3)
