"""Probes choose their layer, frozen layers run once, and what is cached is what the predictor gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_adaptations import accuracy, context, examples, load

from fmbench.adapt.probe import Probe, few_shots
from fmbench.engine import features
from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.context import FitContext
from fmbench.engine.packed import PackedEncoder
from fmbench.errors import CellFailed
from fmbench.registry import ADAPTATIONS
from fmbench.tasks.kind import IGNORED


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
