"""Features of frozen encoders: one forward pass for a model and its data, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.classifier import execution_path, read, run_batches, trunk_of
from fmbench.engine.sequences import Batch
from fmbench.engine.tokenize import Readout, model_tokenizer
from fmbench.models.encoder import Encoder, weights_sha256

VERSION = 1


class FrozenEncoder:
    """A pretrained encoder that only reads.

    Args:
        model: folder and settings of the encoder.
        readout: one vector a text, or one a token.
    """

    def __init__(self, model: Encoder, readout: Readout, device: str) -> None:
        network = model.network()
        self.trunk = trunk_of(network, 0.0).to(device).eval()
        self.path = execution_path(self.trunk)
        self.width = int(network.config.hidden_size)
        self.tokenize = model_tokenizer(model, network.config, readout)
        self.pooling, self.device = model.settings.pooling, device
        self.parameters = sum(p.numel() for p in network.parameters())
        self._key = [VERSION, weights_sha256(model.folder), readout, self.pooling, self.path, device]

    def features(self, inputs: Sequence[Any]) -> np.ndarray:
        """float32 [n_targets, hidden]"""
        return self._run(self.tokenize(inputs))

    def cached_features(self, inputs: Sequence[Any], cache: ArrayCache) -> tuple[np.ndarray, bool]:
        """The same, from the cache if the same tokens went through the same weights before; and whether they had."""
        sequences = self.tokenize(inputs)
        reads = sequences.reads if sequences.reads is not None else np.empty(0, np.int64)
        key = content_key(["features", *self._key], sequences.ids, sequences.offsets, reads)
        return cache.get(key, lambda: self._run(sequences))

    def _run(self, sequences: Any) -> np.ndarray:
        def compute(batch: Batch) -> Tensor:
            return read(self.trunk(batch.input_ids, batch.lengths), batch, self.pooling)

        return run_batches(compute, sequences, self.width, self.device)
