"""Pretrained encoders of images and recordings, tiny and random: how they are found, loaded, pooled and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media.samples import (
    RATE,
    image_folder,
    picture,
    tiny_resnet,
    tiny_vit,
    tiny_wav2vec2,
    tiny_whisper,
    tone,
    wav_folder,
)
from transformers import AutoImageProcessor, AutoModel

from fmbench.engine.cache import ArrayCache
from fmbench.engine.media_features import FrozenMedia
from fmbench.errors import CellFailed, InputError, Place
from fmbench.models.media_encoder import AudioEncoder, ImageEncoder
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan
from fmbench.suite.schema import Model, ModelFile, Weights

MAKERS = {"vit": tiny_vit, "resnet": tiny_resnet, "wav2vec2": tiny_wav2vec2, "whisper": tiny_whisper}
IMAGES = [picture("red", i, 20) for i in range(3)]
WAVES = [(tone("low", i) / 32768).astype(np.float32) for i in range(3)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: maker(tmp_path_factory.mktemp(name)) for name, maker in MAKERS.items()}


def load(loader: Any, folder: Path, **settings: Any) -> Any:
    spec = ModelFile(name="m", loader="image-encoder", weights=Weights(folder=str(folder)))
    return loader.load(Model(spec, loader.Settings(**settings), Path(), Place("here")))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_features_of_images_are_the_pooled_states(folders: dict[str, Path], pooling: str) -> None:
    encoder = FrozenMedia(load(ImageEncoder, folders["vit"], pooling=pooling), None, "cpu")
    network, processor = (
        AutoModel.from_pretrained(folders["vit"]).eval(),
        AutoImageProcessor.from_pretrained(folders["vit"]),
    )
    with torch.inference_mode():
        output = network(**processor(images=IMAGES, return_tensors="pt"), output_hidden_states=True)
    pooled = (lambda state: state[:, 0]) if pooling == "cls" else (lambda state: state.mean(dim=1))
    for layer, state in enumerate([*output.hidden_states[:-1], output.last_hidden_state]):
        np.testing.assert_allclose(encoder.features(IMAGES, layer), pooled(state).numpy(), atol=1e-5)


def test_layers_of_any_width_are_kept_in_the_cache(folders: dict[str, Path], tmp_path: Path) -> None:
    encoder, cache = FrozenMedia(load(ImageEncoder, folders["resnet"]), None, "cpu"), ArrayCache(tmp_path)
    first, again = encoder.layers(IMAGES, cache), encoder.layers(IMAGES, cache)
    assert [array.shape[1] for array in first.arrays] == [8, 8, 16]
    assert (first.from_cache, again.from_cache) == (False, True)
    for one, other in zip(first.arrays, again.arrays, strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.keys == again.keys
    assert encoder.layers(IMAGES[:2], cache).keys != first.keys
    grey = [image[..., :1] for image in IMAGES]
    assert encoder.layers(grey, cache).arrays[0].shape == (3, 8)


@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_recordings_are_brought_to_the_rate_of_the_encoder(folders: dict[str, Path], name: str) -> None:
    model = load(AudioEncoder, folders[name])
    assert model.sampling_rate == 16000
    encoder = FrozenMedia(model, RATE, "cpu")
    together = encoder.features(WAVES, 2)
    assert together.shape == (3, 16)
    np.testing.assert_allclose(encoder.features(WAVES[1:2], 2), together[1:2], atol=1e-6)
    assert np.isfinite(encoder.features([WAVES[0][:3]], 2)).all()


def test_whisper_is_pooled_over_what_was_heard(folders: dict[str, Path]) -> None:
    """The extractor fills one second up with silence; a recording of 0.2 s has the first 10 of 50 frames."""
    model = load(AudioEncoder, folders["whisper"])
    wave = np.sin(np.arange(3200) / 20).astype(np.float32)
    with torch.inference_mode():
        ready = model.processor(wave, sampling_rate=16000, return_tensors="pt")
        state = model.network(**ready).last_hidden_state
    assert state.shape == (1, 50, 16)
    found = FrozenMedia(model, 16000, "cpu").features([wave], 2)
    np.testing.assert_allclose(found, state[:, :10].mean(dim=1).numpy(), atol=1e-5)


def suite(folder: Path, models: list[str], kind: str) -> Path:
    formats = {"image-classification": "image-folder", "audio-classification": "wav-folder"}
    task = {"name": "t", "kind": kind, "data": {"files": {"train": "rows"}, "format": formats[kind]}}
    path = folder / "suite.yaml"
    content = {"suite": "s", "models": models, "tasks": [task], "adaptations": {"probe": {}, "fit": {}}}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "loader"),
    [
        ("vit", "image-classification", "image-encoder"),
        ("whisper", "audio-classification", "audio-encoder"),
        ("wav2vec2", "image-classification", "audio-encoder"),
    ],
)
def test_a_folder_tells_what_its_model_reads(
    folders: dict[str, Path], tmp_path: Path, name: str, kind: str, loader: str
) -> None:
    loaded = load_suite(suite(tmp_path, [str(folders[name])], kind))
    assert loaded.models[0].spec.loader == loader
    assert len(plan(loaded)) == (0 if name == "wav2vec2" else 1)


@pytest.mark.parametrize(
    ("kind", "loader"), [("image-classification", "image-encoder"), ("audio-classification", "audio-encoder")]
)
def test_a_hub_model_that_is_not_here_is_what_the_tasks_need(tmp_path: Path, kind: str, loader: str) -> None:
    (model,) = load_suite(suite(tmp_path, ["hf:org/net@" + "a" * 40], kind)).models
    assert model.spec.loader == loader


def test_what_is_not_an_encoder_of_that_sort_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CellFailed, match=r"no sampling_rate|cannot load"):
        load(AudioEncoder, folders["vit"])
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in folders["vit"].iterdir():
        if path.name != "preprocessor_config.json":
            (bare / path.name).write_bytes(path.read_bytes())
    spec = ModelFile(name="m", loader="image-encoder", weights=Weights(folder=str(bare)))
    model = Model(spec, ImageEncoder.Settings(), Path(), Place("here"))
    assert ImageEncoder.check(model) == [f"no preprocessor_config.json in {bare}"]
    item = {"name": "m", "loader": "image-encoder", "weights": {"folder": str(bare)}}
    with pytest.raises(InputError, match="no preprocessor_config"):
        load_suite(suite(tmp_path, [item], "image-classification"))  # type: ignore[list-item]


@pytest.mark.parametrize("make", [image_folder, wav_folder])
def test_how_input_is_prepared_belongs_to_the_identity(
    folders: dict[str, Path], tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    loader, name = (ImageEncoder, "vit") if make is image_folder else (AudioEncoder, "whisper")
    spec = ModelFile(name="m", loader="image-encoder", weights=Weights(folder=str(folders[name])))
    model = Model(spec, loader.Settings(), Path(), Place("here"))
    before = loader.identity(model).weights_sha256
    path = folders[name] / "preprocessor_config.json"
    content = path.read_text()
    path.write_text(content + " ")
    assert loader.identity(model).weights_sha256 != before
    path.write_text(content)
