"""Features of frozen encoders: one forward pass for a model and its data, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.classifier import execution_path, hidden_state, hidden_states, read, run_batches, trunk_of
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.tokenize import Readout, model_tokenizer
from fmbench.models.encoder import Encoder, weights_sha256

VERSION = 1


class FrozenEncoder:
    """A pretrained encoder that only reads.

    Args:
        model: network, tokenizer and settings of the encoder.
        readout: one vector a text, or one a token.
    """

    def __init__(self, model: Encoder, readout: Readout, device: str) -> None:
        self.trunk = trunk_of(model.network, 0.0).to(device).eval()
        self.path = execution_path(self.trunk)
        self.width = int(model.network.config.hidden_size)
        self.tokenize = model_tokenizer(model, readout)
        self.pooling, self.device = model.settings.pooling, device
        self.parameters = sum(p.numel() for p in model.network.parameters())
        self.n_layers = int(model.network.config.num_hidden_layers)
        self._key = [VERSION, weights_sha256(model.folder), readout, self.pooling, self.path, device]

    def features(self, inputs: Sequence[Any], layer: int) -> np.ndarray:
        """float32 [n_targets, hidden] after one layer; 0 is the embeddings."""

        def compute(batch: Batch) -> Tensor:
            hidden = hidden_state(self.trunk, batch.input_ids, batch.lengths, layer)
            return read(hidden, batch, self.pooling)

        return run_batches(compute, self.tokenize(inputs), self.width, self.device)

    def layers(self, inputs: Sequence[Any], cache: ArrayCache) -> tuple[list[np.ndarray], bool]:
        """Features after the embeddings and every layer, from one pass, or from the cache; and whether from there.

        The cache is keyed by tokens, weights and layer: seeds, settings and tasks with the same text share it.
        """
        sequences = self.tokenize(inputs)
        reads = sequences.reads if sequences.reads is not None else np.empty(0, np.int64)
        base = content_key(self._key, sequences.ids, sequences.offsets, reads)
        keys = [content_key(["features", base, layer]) for layer in range(self.n_layers + 1)]
        with cache.lock(base):
            found = [cache.load(key) for key in keys]
            if all(array is not None for array in found):
                return [array for array in found if array is not None], True
            made = self._all_layers(sequences)
            for key, array in zip(keys, made, strict=True):
                cache.store(key, array)
        return made, False

    def _all_layers(self, sequences: Sequences) -> list[np.ndarray]:
        def compute(batch: Batch) -> Tensor:
            states = hidden_states(self.trunk, batch.input_ids, batch.lengths)
            return torch.cat([read(hidden, batch, self.pooling) for hidden in states], dim=1)

        stacked = run_batches(compute, sequences, self.width * (self.n_layers + 1), self.device)
        return [np.ascontiguousarray(part) for part in np.split(stacked, self.n_layers + 1, axis=1)]
