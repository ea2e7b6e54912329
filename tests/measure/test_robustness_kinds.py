"""Robustness of forecasts, paths, recommendations and retrieval: what the model reads, and what it is judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scenes import Model, scene_of

from fmbench.measure.measurement import Measurement
from fmbench.measure.robustness import Entry, Robustness
from fmbench.measure.scene import Scene, Stored
from fmbench.perturb.perturbation import Perturbation
from fmbench.registry import KINDS, PERTURBATIONS
from fmbench.tasks.kind import of_pass
from fmbench.tasks.perturbed import equipped, refusal

N = 40
HORIZON = 3
RNG = np.random.default_rng(0)


def measured(scene: Scene, predictions: pa.Table, *names: str, control: int = 0) -> tuple[Any, dict[Any, Measurement]]:
    """The table with the passes at severities 1 and 5, and its rows by metric, perturbation and severity."""
    entries = {name: Entry(severity=[1, 5]) for name in names}
    asked = Robustness.Settings(perturbations=entries, control=control)
    table = Robustness.collect(scene, asked, predictions)
    metric = scene.kind.metrics[0]
    rows = Robustness.judge(Stored(table, (metric,), scene.labels, scene.kind.name), asked).measurements
    return table, {(row.metric, row.perturbation, row.severity): row for row in rows}


def of_sort(modality: str) -> list[str]:
    return [name for name, one in PERTURBATIONS.items() if modality in one.inputs]


def forecasts(model: Model) -> tuple[Scene, pa.Table]:
    past = (5 + np.sin(np.arange(N)[:, None] + np.arange(24) / 3) + 0.1 * RNG.standard_normal((N, 24))).tolist()
    columns = {
        "past": past,
        "known": [{"hour": ["1"] * HORIZON}] * N,
        "future": (5 + np.sin(np.arange(N)[:, None] + np.arange(24, 24 + HORIZON) / 3)).tolist(),
        "window_of": ["s"] * N,
        "window_start": [str(i) for i in range(N)],
    }
    return scene_of("time-series-forecasting", columns, tuple(f"step {i}" for i in range(HORIZON)), model)


def test_series_are_perturbed_inside_of_their_windows_and_judged_by_what_came() -> None:
    model = Model(lambda window: [np.mean(window.past[-4:])] * HORIZON)
    scene, predictions = forecasts(model)
    table, rows = measured(scene, predictions, *of_sort("series"))
    assert len(of_sort("series")) >= 10 and scene.notes == {}
    assert all(window.known == {"hour": ["1"] * HORIZON} and len(window.past) == 24 for window in model.asked)
    for name in of_sort("series"):
        assert rows["changed_share", name, 5].value > 0.5, name
        assert rows["prediction_shift", name, 5].value >= 0
        assert of_pass(table, name, 5)["gold"].to_pylist()[0] in scene.test["future"].to_pylist()
    assert rows["mae_drop", "series-zeros", 5].low > 0
    assert rows["mae_drop", "series-zeros", 5].value > rows["mae_drop", "series-noise", 1].value


def test_a_model_to_which_units_are_the_same_loses_nothing_by_them() -> None:
    """A forecast in other units is turned back; one that clings to numbers it has learned is wrong in them."""
    scene, predictions = forecasts(Model(lambda window: [window.past[-1]] * HORIZON))
    _, rows = measured(scene, predictions, "series-units")
    assert rows["mae_drop", "series-units", 5].value == pytest.approx(0, abs=1e-9)
    assert rows["prediction_shift", "series-units", 5].value == pytest.approx(0, abs=1e-9)
    scene, predictions = forecasts(Model(lambda window: [5.0] * HORIZON))
    _, rows = measured(scene, predictions, "series-units")
    assert rows["mae_drop", "series-units", 5].low > 1


def test_persistence_that_forecasts_are_compared_with_is_that_of_the_clean_window() -> None:
    scene, predictions = forecasts(Model(lambda window: [window.past[-1]] * HORIZON))
    table, _ = measured(scene, predictions, "series-noise")
    found = of_pass(table, "series-noise", 5)
    last = dict(zip(scene.test["id"].to_pylist(), (past[-1] for past in scene.test["past"].to_pylist()), strict=True))
    assert found["last_value"].to_pylist() == [last[name] for name in found["example_id"].to_pylist()]


def paths(model: Model) -> tuple[Scene, pa.Table]:
    steps = RNG.normal(0.4, 0.1, (N, 8 + 4, 2))
    steps[:5] = 0
    walks = np.cumsum(steps, axis=1) + RNG.uniform(-9, 9, (N, 1, 2))
    columns = {"observed": walks[:, :8].reshape(N, -1).tolist(), "future": walks[:, 8:].reshape(N, -1).tolist()}
    return scene_of("trajectory-forecasting", columns, tuple(f"{axis} {i}" for i in range(4) for axis in "xy"), model)


def constant_velocity(path: np.ndarray) -> np.ndarray:
    return (path[-1] + np.arange(1, 5)[:, None] * (path[-1] - path[-2])).ravel()


def test_a_path_turned_round_leaves_who_has_no_map_as_he_was() -> None:
    scene, predictions = paths(Model(constant_velocity))
    _, rows = measured(scene, predictions, *of_sort("path"))
    assert rows["prediction_shift", "path-rotation", 5].value == pytest.approx(0, abs=1e-9)
    assert not [key for key in rows if key[0].startswith("ade") and key[1] == "path-rotation"]
    assert rows["changed_share", "path-noise", 5].value == pytest.approx(35 / 40), "who stands still is left alone"
    assert rows["ade_drop", "path-noise", 5].low > 0
    assert rows["ade_drop", "path-missing", 5].low > 0
    eastward = Model(lambda path: (path[-1] + np.arange(1, 5)[:, None] * [0.4, 0.0]).ravel())
    _, rows = measured(*paths(eastward), "path-rotation")
    assert rows["prediction_shift", "path-rotation", 5].low > 0.3


def follows(item: list[Any]) -> list[int]:
    """The numbers after the last one of the history; of candidates, those in this order."""
    after = [(item[1][-1] + i) % 50 for i in range(1, 21)] if item[1] else list(range(20))
    return after if len(item) < 3 else ([one for one in after if one in item[2]] + [-1] * 20)[:20]


ITEMS = pa.table({"item": [f"i{i}" for i in range(50)], "count": [1] * 50})


def histories(kind: str, model: Model) -> tuple[Scene, pa.Table]:
    starts = RNG.integers(0, 30, N)
    columns: dict[str, list[Any]] = {
        "user": [f"u{i}" for i in range(N)],
        "history": [[] if i == 0 else list(range(int(a), int(a) + 8)) for i, a in enumerate(starts)],
        "item": [int(a) + 8 for a in starts],
    }
    if kind == "sampled-recommendation":
        columns["candidates"] = [sorted({item, *range(0, 50, 3)}) for item in columns["item"]]
    scene, predictions = scene_of(kind, columns, (), model, side={"items": ITEMS})
    return scene, scene.kind.annotate(predictions, scene.side)


@pytest.mark.parametrize("kind", ["sequential-recommendation", "sampled-recommendation"])
def test_histories_are_perturbed_and_nothing_else_of_the_input(kind: str) -> None:
    model = Model(follows)
    scene, predictions = histories(kind, model)
    _, rows = measured(scene, predictions, *of_sort("events"))
    assert len(of_sort("events")) >= 5 and scene.notes == {}
    metric = scene.kind.metrics[0]
    for name in of_sort("events"):
        assert rows["changed_share", name, 5].value == pytest.approx(39 / 40), "who took nothing has nothing to lose"
    assert rows[f"{metric}_drop", "events-injected", 5].low > 0
    assert rows[f"{metric}_drop", "events-truncated", 5].value == 0, "it reads the last one only"
    gold = dict(zip(scene.test["user"].to_pylist(), scene.test["item"].to_pylist(), strict=True))
    users = {row[0]: row for row in scene.inputs}
    assert all(gold[one[0]] not in one[1] for one in model.asked), "what is to be found comes in nowhere"
    assert all(one[2:] == users[one[0]][2:] for one in model.asked)


def test_injected_events_are_those_of_the_training_rows() -> None:
    train = pa.table({"history": [[1, 2], []], "item": [3, 1]})
    found: Perturbation = equipped(PERTURBATIONS["events-injected"], KINDS["sequential-recommendation"], train)
    assert list(found.options["items"]) == [1, 2, 3, 1], "as often as they are taken"
    assert equipped(PERTURBATIONS["events-dropped"], KINDS["sequential-recommendation"], train).options == {}


def test_every_perturbation_of_texts_goes_for_queries() -> None:
    texts = [f"Where is the big house number {i} in London, and why?" for i in range(N)]
    columns = {"query": texts, "relevant": [[{"document": i, "relevance": 1}] for i in range(N)]}
    model = Model(lambda query: [next((int(w) for w in query.split() if w.isdecimal()), 0), 99])
    scene, predictions = scene_of("retrieval", columns, (), model)
    names = [name for name in of_sort("text") if refusal(PERTURBATIONS[name], scene.kind, "en") is None]
    table, rows = measured(scene, predictions, "typos", "uppercase", "numbers", "word-drop")
    assert len(names) > 25
    assert rows["ndcg@10_drop", "uppercase", 5].value == 0
    assert rows["flip_rate", "numbers", 5].value > 0.5
    assert ("ndcg@10_drop", "numbers", 5) not in rows, "another number may be another question"
    assert of_pass(table, "typos", 5)["gold"].to_pylist() == scene.test["relevant"].to_pylist()


def test_kinds_whose_inputs_cannot_be_perturbed_say_so() -> None:
    for kind, name in (("rating-prediction", "typos"), ("imitation-control", "series-noise")):
        assert refusal(PERTURBATIONS[name], KINDS[kind], "en") == (
            f"perturbation {name!r}: the inputs of {kind} cannot be perturbed"
        )


def test_what_kind_of_example_it_is_decides_the_cell() -> None:
    """Kinds that could not be perturbed before must not keep the results of then; texts keep theirs."""
    settings = Robustness.Settings(perturbations={"typos": Entry()})

    class Asked:
        class spec:
            language, kind = "en", "retrieval"

    assert Robustness.depends(settings, Asked, {})[-1] == "text"  # type: ignore[arg-type]
    Asked.spec.kind = "text-classification"
    assert Robustness.depends(settings, Asked, {}) == ["en", {"typos": PERTURBATIONS["typos"].version}]  # type: ignore[arg-type]
