"""What frozen encoders make of texts: one forward pass for a model and its data, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.classifier import Pooling, read, vectors
from fmbench.engine.devices import device_of
from fmbench.engine.predict import computed_tokens, run_batches
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.tokenize import Readout, model_tokenizer, tokenize_once
from fmbench.engine.trunks import execution_path, hidden_state, hidden_states, trunk_of
from fmbench.engine.work import Work
from fmbench.models.encoder import Encoder, weights_sha256

VERSION = 2


@dataclass(frozen=True)
class Layers:
    """Features of the same inputs after the embeddings and every layer.

    Args:
        arrays: float32 [n_targets, hidden] each.
        from_cache: whether they were made before.
        keys: what each is stored under; the same key, the same numbers.
    """

    arrays: list[np.ndarray]
    from_cache: bool
    keys: list[str]


class FrozenEncoder:
    """A pretrained encoder that only reads.

    Args:
        model: network, tokenizer and settings of the encoder.
        readout: one vector a text, one a token, or two for a pair of texts.
    """

    def __init__(self, model: Encoder, readout: Readout, device: str) -> None:
        static = device_of(device).static_shapes
        self.trunk = trunk_of(model.network, 0.0, static).to(device_of(device).place).eval()
        self.path = execution_path(self.trunk)
        self.width = int(model.network.config.hidden_size)
        self.tokenize = model_tokenizer(model, readout)
        self.pooling: Pooling = model.settings.pooling
        self.device = device
        self.parameters = sum(p.numel() for p in model.network.parameters())
        self.n_layers = int(model.network.config.num_hidden_layers)
        self._key = [VERSION, weights_sha256(model.folder), self.pooling, self.path, device]

    def features(self, inputs: Sequence[Any], layer: int) -> np.ndarray:
        """float32 [n_targets, hidden] after one layer; 0 is the embeddings."""
        return self.read_layer(self.tokenize(inputs), layer)

    def read_layer(self, sequences: Sequences, layer: int) -> np.ndarray:
        """The same from tokens."""

        def compute(batch: Batch) -> Tensor:
            if layer == self.n_layers:
                return vectors(self.trunk, batch, self.pooling)
            return read(hidden_state(self.trunk, batch.input_ids, batch.lengths, layer), batch, self.pooling)

        return run_batches(compute, sequences, self.width, self.device)

    def work(self, sequences: Sequences, layer: int) -> Work:
        """What reading one layer has to do."""
        tokens = int(sequences.lengths.sum())
        lengths = torch.from_numpy(sequences.lengths)
        if self.path == "packed":
            flops = self.trunk.flops(lengths, stop=layer)
        else:
            flops = self.trunk.flops(lengths) * layer / self.n_layers
        width = self.width
        padded = computed_tokens(self.trunk, sequences, self.device)
        return Work(tokens, flops, padded, gemm=(min(tokens, device_of(self.device).predict_tokens), width, 4 * width))

    def layers(self, inputs: Sequence[Any], cache: ArrayCache) -> Layers:
        """Features after the embeddings and every layer, from one pass or from the cache.

        The cache is keyed by tokens, weights and layer: seeds, settings and tasks with the same text share it.
        """
        sequences = tokenize_once(self.tokenize, inputs, cache)
        reads = sequences.reads if sequences.reads is not None else np.empty(0, np.int64)
        base = content_key(self._key, sequences.ids, sequences.offsets, reads)
        keys = [content_key(["features", base, layer]) for layer in range(self.n_layers + 1)]
        return Layers(*once(cache, keys, lambda: self._all_layers(sequences)), keys)

    def _all_layers(self, sequences: Sequences) -> list[np.ndarray]:
        def compute(batch: Batch) -> Tensor:
            states = hidden_states(self.trunk, batch.input_ids, batch.lengths)
            return torch.cat([read(hidden, batch, self.pooling) for hidden in states], dim=1)

        stacked = run_batches(compute, sequences, self.width * (self.n_layers + 1), self.device)
        return [np.ascontiguousarray(part) for part in np.split(stacked, self.n_layers + 1, axis=1)]


def with_states(
    trunk: Any, weights: str, layer: int, device: str, cache: ArrayCache, sequences: Sequences
) -> Sequences:
    """`sequences` with what the first `layer` layers of a packed trunk make of every token.

    Args:
        weights: hash of the trunk's weights.
    """
    everything = replace(sequences, reads=np.arange(len(sequences.ids)), read_offsets=sequences.offsets)

    def make() -> list[np.ndarray]:
        trunk.eval()

        def compute(batch: Batch) -> Tensor:
            return hidden_state(trunk, batch.input_ids, batch.lengths, layer)

        return [run_batches(compute, everything, trunk.hidden_size, device)]

    key = content_key(["states", VERSION, weights, layer, device], sequences.ids, sequences.offsets)
    (states,), _ = once(cache, [key], make)
    return replace(sequences, states=states, layer=layer)


def once(cache: ArrayCache, keys: list[str], make: Callable[[], list[np.ndarray]]) -> tuple[list[np.ndarray], bool]:
    """The arrays of `keys`, from the cache if all are there, else made and kept; and whether from there."""
    found = _all_of(cache, keys)
    if found is not None:
        return found, True
    with cache.lock(keys[0]):
        found = _all_of(cache, keys)
        if found is not None:
            return found, True
        made = make()
        for key, array in zip(keys, made, strict=True):
            cache.store(key, array)
    return made, False


def _all_of(cache: ArrayCache, keys: list[str]) -> list[np.ndarray] | None:
    found = [array for key in keys if (array := cache.load(key)) is not None]
    return found if len(found) == len(keys) else None
