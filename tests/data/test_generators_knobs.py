"""Every knob of every generator is turned in some test, and here those that no other test turns."""

from __future__ import annotations

import ast
import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from fmbench.data.generator import Generated
from fmbench.registry import GENERATORS

SIZES = {"seed", "train", "validation", "test", "users", "series", "counters"}
"""How many rows there are: no knobs."""
TURNED = {
    "readmission": {"strength": "people:lowers", "clutter": "people:test_clutter_hides"},
    "card-fraud": {
        "fraud": "knobs:test_more_fraud",
        "mimicry": "people:lowers",
        "lookalikes": "people:lowers",
        "journeys": "people:lowers",
        "payments": "knobs:test_harder",
    },
    "credit-drift": {
        "strength": "people:lowers",
        "covariate_drift": "people:test_drift_of_the_concept",
        "concept_drift": "people:test_drift_of_the_concept",
    },
    "preference-logs": {
        "items": "knobs:test_harder",
        "cold_items": "knobs:test_harder",
        "history": "knobs:test_histories",
        "strength": "people:lowers",
        "popularity": "readers:test_popularity_is_worth",
        "change": "people:lowers",
        "cold": "knobs:test_new_novels",
        "wordings": "knobs:test_wordings",
    },
    "knowledge-tracing": {
        "guess": "people:lowers",
        "slip": "people:lowers",
        "forget": "knobs:test_harder",
        "exercises": "knobs:test_harder",
    },
    "lane-keeping": {
        "seconds": "driving:test_longer_scenarios",
        "disturbance": "driving:test_disturbance",
        "label_noise": "driving:test_noise_of_the_record",
    },
    "car-following": {
        "seconds": "driving:test_longer_scenarios",
        "disturbance": "driving:test_disturbance",
        "label_noise": "driving:test_noise_of_the_record",
        "braking": "driving:test_harder_braking",
    },
    "spoken-digits": {"speakers": "knobs:test_speakers", "snr": "signals:test_noise_lowers_the_ceiling_down"},
    "regime-forecast": {
        "context": "knobs:test_harder",
        "horizon": "knobs:test_harder",
        "stay": "knobs:test_harder",
        "noise": "signals:test_a_learner_lies_between_persistence",
        "futures": "knobs:test_more_futures",
    },
    "traffic-flow": {
        "context": "knobs:test_a_longer_context",
        "horizon": "knobs:test_harder",
        "incidents": "signals:test_incidents_and_noise",
        "lasting": "knobs:test_harder",
        "noise": "signals:test_incidents_and_noise",
    },
    "intersection-paths": {"noise": "signals:test_early_notice", "notice": "signals:test_early_notice"},
    "road-scenes": {"noise": "signals:test_what_is_hidden", "hidden": "signals:test_what_is_hidden"},
}
"""Generator -> knob -> the file tests/data/test_generators_*.py and the (beginning of the) test that turns it."""
SMALL: dict[str, dict[str, Any]] = {
    "card-fraud": {"train": 20, "validation": 10},
    "knowledge-tracing": {"train": 20, "validation": 10, "test": 2000},
    "preference-logs": {"users": 400},
    "regime-forecast": {"train": 60, "validation": 60, "futures": 100},
    "traffic-flow": {"train": 14, "validation": 4},
    "spoken-digits": {"train": 60, "validation": 30, "test": 60},
}
ERRORS = ("mae", "rmse")


@cache
def made(name: str, **settings: Any) -> Generated:
    owner = GENERATORS[name]
    found: Generated = owner.generate(owner.Settings.model_validate({**SMALL[name], **settings}))
    return found


def test_every_knob_is_turned_in_a_test_that_names_it() -> None:
    assert set(TURNED) == set(GENERATORS)
    sources = {
        part: _tests(Path(__file__).with_name(f"test_generators_{part}.py").read_text(encoding="utf-8"))
        for part in ("people", "readers", "signals", "driving", "knobs")
    }
    for name, knobs in TURNED.items():
        assert set(knobs) == set(GENERATORS[name].Settings.model_fields) - SIZES, name
        for knob, where in knobs.items():
            part, start = where.split(":")
            start = {"lowers": "test_difficulty_lowers"}.get(start, start)
            bodies = [body for test, body in sources[part].items() if test.startswith(start)]
            assert len(bodies) == 1, where
            assert f'"{knob}"' in bodies[0] or f"{knob}=" in bodies[0], (name, knob)


def _tests(source: str) -> dict[str, str]:
    """Name of a test -> its text, decorators included."""
    lines = source.splitlines()
    return {
        node.name: "\n".join(
            lines[min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1 : node.end_lineno]
        )
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(
    ("name", "knob", "values", "metrics"),
    [
        ("card-fraud", "payments", (8, 20, 60), ("accuracy", "macro_f1", "auroc", "average_precision")),
        ("knowledge-tracing", "forget", (0.0, 0.05, 0.3), ("macro_f1", "auroc", "average_precision")),
        ("knowledge-tracing", "exercises", (24, 6, 1), ("accuracy", "macro_f1", "auroc", "average_precision")),
        ("preference-logs", "items", (100, 300, 900), ("hr@1", "hr@10", "ndcg@10", "mrr")),
        ("preference-logs", "cold_items", (10, 60, 200), ("hr@1", "hr@10", "ndcg@10", "mrr")),
        ("regime-forecast", "stay", (0.99, 0.96, 0.8), ERRORS),
        ("regime-forecast", "context", (24, 2), ERRORS),
        ("regime-forecast", "horizon", (1, 3, 12), ERRORS),
        ("traffic-flow", "lasting", (0.0, 0.4, 0.7, 0.9), ERRORS),
        ("traffic-flow", "horizon", (1, 6, 24), ERRORS),
    ],
)
def test_harder_values_lower_the_ceiling_step_by_step(
    name: str, knob: str, values: tuple[float, ...], metrics: tuple[str, ...]
) -> None:
    """From the easiest value to the hardest."""
    knobs: list[dict[str, Any]] = [{knob: value} for value in values]
    for easy, hard in itertools.pairwise(knobs):
        better, worse = made(name, **easy).ceiling, made(name, **hard).ceiling
        for metric in metrics:
            sign = -1 if metric in ERRORS else 1
            assert sign * better[metric] > sign * worse[metric] + 0.004, (metric, easy, hard)


def test_more_fraud_is_found_with_more_precision_and_less_accuracy_and_told_apart_as_well() -> None:
    few, usual, many = (made("card-fraud", fraud=share).ceiling for share in (0.05, 0.2, 0.5))
    assert few["accuracy"] > usual["accuracy"] + 0.02 > many["accuracy"] + 0.04
    assert few["average_precision"] < usual["average_precision"] - 0.05 < many["average_precision"] - 0.1
    assert max(abs(one["auroc"] - usual["auroc"]) for one in (few, many)) < 0.02
    for share in (0.05, 0.2, 0.5):
        labels = made("card-fraud", fraud=share).splits["test"]["label"]
        assert np.mean(np.array(labels) == "stolen") == pytest.approx(share, abs=0.04)


def test_more_futures_bring_the_median_nearer_and_leave_the_mean() -> None:
    few, some, many = (made("regime-forecast", futures=n).ceiling for n in (10, 50, 400))
    assert few["mae"] > some["mae"] + 0.01 > many["mae"] + 0.015
    assert few["rmse"] == some["rmse"] == many["rmse"]


def test_a_longer_context_helps_to_know_of_long_incidents() -> None:
    short, long = (made("traffic-flow", context=n, noise=0.5, lasting=0.9, horizon=2).ceiling for n in (2, 24))
    assert all(long[metric] < short[metric] - 1 for metric in ERRORS)


def test_speakers_are_as_many_as_asked_and_the_bound_is_the_same() -> None:
    for speakers, halves in ((2, 2), (4, 2), (30, 15)):
        generated = made("spoken-digits", speakers=speakers)
        counts = [len(set(generated.splits[split]["speaker"])) for split in ("train", "validation", "test")]
        assert counts[0] <= speakers < counts[0] + 8
        assert max(counts[1:]) <= halves < min(counts[1:]) + 5
        assert generated.ceiling == {"accuracy": 1.0}


def test_histories_are_as_long_as_asked() -> None:
    for history in ((2, 4), (20, 30)):
        train = made("preference-logs", history=history).splits["train"]
        lengths = np.unique(train["user"], return_counts=True)[1]
        assert (lengths.min(), lengths.max()) == history


def test_new_novels_are_as_many_as_asked_and_sixty_are_found_sooner_than_three_hundred() -> None:
    """No new ones, a share of them, nothing else: one who does not know which of both it is has the least chance."""
    found = {}
    for share in (0.0, 0.25, 1.0):
        generated = made("preference-logs", cold=share)
        assert np.mean(np.array(generated.splits["test"]["novelty"]) == "new") == pytest.approx(share, abs=0.05)
        found[share] = generated.ceiling["hr@10"]
    assert found[0.25] < found[0.0] - 0.01 < found[1.0] - 0.2


def test_wordings_hide_likeness_from_who_counts_words_and_leave_the_ceiling() -> None:
    """How much better than other pairs are novels of one genre, place and mood alike in words?"""
    gaps = {}
    for wordings in (1, 2, 5):
        generated = made("preference-logs", wordings=wordings)
        texts = generated.side["items"]["text"]
        counts = CountVectorizer(stop_words="english", binary=True).fit_transform(texts).toarray().astype(float)
        counts /= np.linalg.norm(counts, axis=1, keepdims=True)
        gaps[wordings] = np.sort(counts @ counts.T, axis=1)[:, -4:-1].mean()
        assert generated.ceiling["hr@10"] == pytest.approx(made("preference-logs").ceiling["hr@10"], abs=0.01)
    assert gaps[1] > gaps[2] + 0.02 > gaps[5] + 0.07
