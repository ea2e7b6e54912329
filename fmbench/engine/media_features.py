"""What frozen encoders make of images and recordings: the pooled states of every layer, once for the same files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fmbench.data.sound import resampled
from fmbench.engine.cache import ArrayCache, content_key
from fmbench.engine.devices import device_of
from fmbench.engine.features import Layers, once
from fmbench.models.encoder import weights_sha256
from fmbench.models.media_encoder import MediaEncoder

VERSION = 1
IMAGES = 32
"""Images in a batch; recordings are read one at a time, as padding would change what some encoders make of them."""


class FrozenMedia:
    """A pretrained encoder of images or recordings that only reads.

    Args:
        sample_rate: of the recordings that it will be given; None for images.
    """

    path = "transformers"

    def __init__(self, model: MediaEncoder, sample_rate: int | None, device: str) -> None:
        self.model, self.sample_rate, self.device = model, sample_rate, device
        self.network = model.network.to(device_of(device).place).eval()
        self.parameters = sum(p.numel() for p in self.network.parameters())
        self._key = [VERSION, weights_sha256(model.folder), model.settings.pooling, sample_rate, device]

    def features(self, inputs: Sequence[Any], layer: int) -> np.ndarray:
        """float32 [n, hidden] after one layer; 0 is the embeddings."""
        return self._all_layers(inputs)[layer]

    def layers(self, inputs: Sequence[Any], cache: ArrayCache) -> Layers:
        """Features after the embeddings and every layer, from one pass or from the cache."""
        digests = [hashlib.sha256(f"{one.shape}".encode() + one.tobytes()).hexdigest() for one in inputs]
        base = content_key(["media", *self._key, digests])

        def make() -> list[np.ndarray]:
            arrays = self._all_layers(inputs)
            return [np.concatenate(arrays, axis=1), np.array([array.shape[1] for array in arrays])]

        (joined, widths), known = once(cache, [base, content_key(["widths", base])], make)
        arrays = [np.ascontiguousarray(part) for part in np.split(joined, np.cumsum(widths)[:-1], axis=1)]
        return Layers(arrays, known, [content_key(["features", base, layer]) for layer in range(len(arrays))])

    def _all_layers(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        with torch.inference_mode():
            batches = [[state.float().cpu().numpy() for state in states] for states in self._batches(inputs)]
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def _batches(self, inputs: Sequence[Any]) -> Iterator[list[Tensor]]:
        if self.sample_rate is None:
            for start in range(0, len(inputs), IMAGES):
                images = [_coloured(image) for image in inputs[start : start + IMAGES]]
                yield self._states(self.model.processor(images=images, return_tensors="pt"), None)
            return
        for wave in inputs:
            yield self._heard(wave, self.sample_rate)

    def _heard(self, wave: np.ndarray, rate: int) -> list[Tensor]:
        wanted = self.model.sampling_rate or rate
        wave = resampled(wave, rate, wanted)
        wave = np.pad(wave, (0, max(0, wanted // 10 - len(wave))))
        ready = self.model.processor(wave, sampling_rate=wanted, return_tensors="pt")
        whole = getattr(self.model.processor, "n_samples", None)
        return self._states(ready, None if whole is None else min(1.0, len(wave) / whole))

    def _states(self, ready: Any, share: float | None) -> list[Tensor]:
        """One vector an input [n, hidden] after each layer; of the first `share` of the frames, where that is known."""
        place = device_of(self.device).place
        output = self.network(**{name: value.to(place) for name, value in ready.items()}, output_hidden_states=True)
        states = list(getattr(output, "hidden_states", None) or ())
        if not states or states[-1].shape == output.last_hidden_state.shape:
            states = [*states[:-1], output.last_hidden_state]
        return [self._pooled(state, share) for state in states]

    def _pooled(self, state: Tensor, share: float | None) -> Tensor:
        if state.ndim == 4:  # [n, channels, height, width]
            return state.mean(dim=(2, 3))
        if self.model.settings.pooling == "cls":
            return state[:, 0]
        real = state.shape[1] if share is None else max(1, math.ceil(share * state.shape[1]))
        return state[:, :real].mean(dim=1)


def _coloured(image: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3]."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
