"""Loaders of the convolutional networks that are trained from scratch: images, recordings, images with texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from fmbench.models.loader import OwnModel
from fmbench.models.mel import frame_sizes, log_mel
from fmbench.models.stack import Stack, Untrained, cost_of
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.media import SoundOptions

if TYPE_CHECKING:
    from fmbench.models.nets.conv import ConvTrunk


class _ConvSettings(Spec):
    widths: list[int] = Field(
        default=[32, 64, 128, 256], min_length=1, description="channels of each block, multiples of 8"
    )
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    patience: int | None = Field(default=4, ge=1, description="epochs without improvement before stopping")

    @field_validator("widths")
    @classmethod
    def _in_groups(cls, widths: list[int]) -> list[int]:
        if any(width < 8 or width % 8 for width in widths):
            raise ValueError("every width must be a multiple of 8")
        return widths


class _Conv(OwnModel):
    version: ClassVar[int] = 1
    provides: ClassVar[Literal["network"]] = "network"
    Settings: ClassVar[type[Spec]]


class ImageCNN(_Conv):
    """A small convolutional network for images; learns everything from the training rows."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-classification"})

    class Settings(_ConvSettings):
        shift: int = Field(default=0, ge=0, le=64, description="in training, pixels by which images may move")
        flip: bool = Field(default=False, description="in training, mirror half of the images")

    def build_for(self, data: Examples) -> Untrained:
        """torch's random state decides the weights."""
        from fmbench.models.nets.conv import ConvClassifier

        trunk = _image_trunk(data.inputs(data.train), self.settings)
        return Untrained(ConvClassifier(trunk, len(data.outputs), self.settings.dropout), stack_of_images)


class AudioCNN(_Conv):
    """A small convolutional network on log-mel spectrograms; learns everything from the training rows."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio-classification"})

    class Settings(_ConvSettings):
        n_mels: int = Field(default=40, ge=8, le=256)
        window_ms: float = Field(default=25.0, gt=0)
        hop_ms: float = Field(default=10.0, gt=0)
        learning_rate: float = Field(default=1e-3, gt=0)
        epochs: int = Field(default=25, ge=1)
        patience: int | None = Field(default=8, ge=1, description="epochs without improvement before stopping")

    def build_for(self, data: Examples) -> Untrained:
        """The longest training recording decides how many frames are read; others end in mean energies."""
        import torch

        from fmbench.models.nets.conv import ConvClassifier, ConvTrunk

        own = self.settings
        rate = (data.options or SoundOptions()).sample_rate
        waves = data.inputs(data.train)
        window, hop = frame_sizes(rate, own.window_ms, own.hop_ms)
        frames = max(1 + max(0, -(-(len(wave) - window) // hop)) for wave in waves)

        bands = np.concatenate([log_mel(w, rate, own.n_mels, own.window_ms, own.hop_ms) for w in waves])
        mean, std = bands.mean(axis=0), bands.std(axis=0) + 1e-3

        def prepare(waves: Sequence[Any]) -> Stack:
            array = np.zeros((len(waves), 1, own.n_mels, frames), dtype=np.float16)
            for row, wave in zip(array, waves, strict=True):
                found = log_mel(wave, rate, own.n_mels, own.window_ms, own.hop_ms)[:frames]
                row[0, :, : len(found)] = ((found - mean) / std).T
            return Stack(array, cost_of(array))

        trunk = ConvTrunk(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), tuple(own.widths))
        return Untrained(ConvClassifier(trunk, len(data.outputs), own.dropout), prepare)


class ImageTextNet(_Conv):
    """Convolutions for the image and a BiLSTM for the text, joined before the last layer; trained from scratch."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-text-classification"})

    class Settings(_ConvSettings):
        embedding_size: int = Field(default=64, ge=1)
        hidden_size: int = Field(default=64, ge=1, description="of each direction of the BiLSTM")
        buckets: int = Field(default=8192, ge=16, description="hash buckets of character n-grams")
        max_length: int = Field(default=256, ge=1, description="words; the rest of longer texts is not read")

    def build_for(self, data: Examples) -> Untrained:
        from fmbench.models.nets.bilstm import BiLSTMTrunk
        from fmbench.models.nets.conv import LateFusion
        from fmbench.models.nets.words import WordTokenizer

        own = self.settings
        tokenizer = WordTokenizer(own.buckets)
        images = _image_trunk([image for image, _ in data.inputs(data.train)], own)
        texts = BiLSTMTrunk(tokenizer, own.embedding_size, own.hidden_size, own.dropout)

        def prepare(pairs: Sequence[Any]) -> Stack:
            stack = stack_of_images([image for image, _ in pairs])
            words = [tokenizer.encode(tokenizer.words(text)[: own.max_length]) for _, text in pairs]
            return Stack(stack.array, stack.cost, tuple(np.array(ids, dtype=np.int64) for ids in words))

        return Untrained(LateFusion(images, texts, len(data.outputs), own.dropout), prepare)


def stack_of_images(images: Sequence[Any]) -> Stack:
    """uint8 images [height, width, channels] of one shape."""
    array = np.stack([np.moveaxis(np.asarray(image), 2, 0) for image in images])
    return Stack(array, cost_of(array))


def _image_trunk(images: Sequence[Any], own: Any) -> ConvTrunk:
    """New convolutions that standardise by the mean and deviation of each channel of the training images."""
    import torch

    from fmbench.models.nets.conv import ConvTrunk

    total, squares, n = 0.0, 0.0, 0
    for image in images:
        flat = np.asarray(image, dtype=np.float64).reshape(-1, image.shape[2])
        total, squares, n = total + flat.sum(axis=0), squares + (flat**2).sum(axis=0), n + len(flat)
    mean = np.asarray(total) / n
    std = np.sqrt(np.maximum(np.asarray(squares) / n - mean**2, 0)) + 1e-3
    centre, scale = (torch.from_numpy(one.astype(np.float32)).view(-1, 1, 1) for one in (mean, std))
    return ConvTrunk(centre, scale, tuple(own.widths), shift=getattr(own, "shift", 0), flip=getattr(own, "flip", False))
